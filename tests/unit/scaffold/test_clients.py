"""The manifests by which an app uses its OIDC client, and archives of files."""

import io
import tarfile
import zipfile

import yaml

from app_platform.scaffold import tar_gz, yaml_text, zipped
from app_platform.scaffold.clients import Client, container_env, secret_access

CLIENT = Client("my-app", "my-app-oidc", "web", "https://id.example.org", "https://web.example.org/cb")
TEXTS = {"README.md": "# a\n", "k8s/base/ü.yaml": "a: ü\n"}


def test_the_client_secret_comes_from_the_platform_namespace_by_secret_reader() -> None:
    account, store, external = secret_access(CLIENT, "my-app-dev")
    assert {each["metadata"]["namespace"] for each in (account, store, external)} == {"my-app-dev"}
    kubernetes = store["spec"]["provider"]["kubernetes"]
    assert kubernetes["remoteNamespace"] == "my-app-platform"
    assert kubernetes["auth"]["serviceAccount"] == {"name": account["metadata"]["name"]}
    assert external["spec"]["secretStoreRef"] == {"kind": "SecretStore", "name": store["metadata"]["name"]}
    (entry,) = external["spec"]["data"]
    assert entry["remoteRef"] == {"key": "my-app-oidc", "property": "clientSecret"}


def test_the_container_reads_what_external_secrets_has_made() -> None:
    _, _, external = secret_access(CLIENT, "my-app-dev")
    env = {each["name"]: each for each in container_env(CLIENT)}
    reference = env["OIDC_CLIENT_SECRET"]["valueFrom"]["secretKeyRef"]
    assert reference == {
        "name": external["spec"]["target"]["name"],
        "key": external["spec"]["data"][0]["secretKey"],
    }
    assert env["OIDC_REDIRECT_URI"]["value"] == "https://web.example.org/cb"
    assert "OIDC_CLIENT_SECRET" not in {each["name"] for each in container_env(CLIENT, public=True)}


def test_yaml_reads_back_as_it_was() -> None:
    made = secret_access(CLIENT, "my-app-dev")
    assert list(yaml.safe_load_all(yaml_text(*made))) == made


def test_archives_hold_the_texts_below_one_folder_and_are_the_same_each_time() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_gz("apps.a", TEXTS))) as archive:
        unpacked = {each.name: archive.extractfile(each) for each in archive.getmembers()}
        assert {name: file.read().decode() for name, file in unpacked.items() if file} == {
            f"apps.a/{path}": text for path, text in TEXTS.items()
        }
    with zipfile.ZipFile(io.BytesIO(zipped("apps.a", TEXTS))) as unzipped:
        assert unzipped.testzip() is None
        assert {name: unzipped.read(name).decode() for name in unzipped.namelist()} == {
            f"apps.a/{path}": text for path, text in TEXTS.items()
        }
    assert tar_gz("apps.a", TEXTS) == tar_gz("apps.a", TEXTS)
    assert zipped("apps.a", TEXTS) == zipped("apps.a", TEXTS)
