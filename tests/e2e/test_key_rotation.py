"""An app's AGE key on a whole platform: replaced with everything kept readable, lost and restored, with a break-glass key."""

import base64
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app_platform import sops
from app_platform.contracts import names
from app_platform.kube import SECRETS
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Options, Platform, Service
from support.apps import PATIENCE, App
from support.cluster import Cluster
from support.leaks import leaks
from support.platform import WITH_SERVICES, PlatformFactory, eventually

REPLICAS = [f"{name}-{at}" for name in ("secrets-encryptor", "git-committer") for at in range(2)]


def rotation(app: App) -> dict[str, object]:
    return dict((app.registration() or {})["status"].get("rotation", {}))


def is_done(app: App, request: str) -> bool:
    found = rotation(app)
    return (found.get("request"), found.get("phase")) == (request, "Done")


def recipients(app: App) -> set[tuple[str, ...]]:
    return {sops.recipients(text) for text in app.files().values()}


def ask(app: App, request: str) -> None:
    note = {"metadata": {"annotations": {names.ROTATE_KEY: request}}}
    app.cluster.do(lambda client: client.merge_patch(REGISTRATIONS, app.name, None, note))


def command(app: App, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KUBECONFIG": app.platform.env["KUBECONFIG"]}
    line = [sys.executable, "-m", "app_platform.cli", "rotate-key", *arguments]
    return subprocess.run(line, env=env, capture_output=True, text=True, check=False)


def test_the_command_replaces_the_key_and_every_file_stays_readable(
    app: App, sops_binary: Path, tmp_path: Path
) -> None:
    for number in range(5):
        app.create(f"secret-{number}")
    app.settle()
    old, before = app.age_key(), app.files()
    live = app.live(app.prod)
    done = command(app, "--app", app.name, "--wait")
    assert done.returncode == 0, done.stderr
    assert "Done: secrets are encrypted for age1" in done.stdout.splitlines()[-1]
    new = app.age_key()
    assert len(sops.parse_identities(new)) == 1
    assert sops.parse_identities(new)[0] not in sops.parse_identities(old)
    recipient = sops.parse_identities(new)[0].recipient
    assert recipients(app) == {(recipient,)}
    assert recipient in app.content("main", ".sops.yaml")
    assert recipient in app.content("main", "README.md")
    assert app.live(app.prod) == live
    for path, text in app.files().items():
        assert not {line for line in text.splitlines() if "ENC[" in line} & set(before[path].splitlines())
        file = tmp_path / "file.yaml"
        file.write_text(text)
        for key, readable in ((new, True), (old, False)):
            read = subprocess.run(
                [str(sops_binary), "decrypt", str(file)],
                env={"SOPS_AGE_KEY": key},
                capture_output=True,
                text=True,
                check=False,
            )
            assert (read.returncode == 0) is readable, read.stderr
    app.update("secret-0")
    app.settle()
    assert leaks(app.platform, app.cluster) == []


def test_the_command_says_what_is_wrong(app: App) -> None:
    done = command(app, "--app", "nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no app 'nobody'" in done.stderr


def test_a_key_replaced_while_secrets_change_and_services_die(app: App) -> None:
    for number in range(6):
        app.create(f"secret-{number}")
    app.settle()
    ask(app, "monday")
    for number in range(18):
        app.update(f"secret-{number % 6}")
        if number % 6 == 2:
            app.platform.control.kill(REPLICAS[number // 6])
            app.platform.control.wait_ready([REPLICAS[number // 6]], PATIENCE)
        assert app.condition("EncryptionKeyReady")["status"] == "True"
    eventually(lambda: is_done(app, "monday"), "the rotation done", within=PATIENCE)
    identities = sops.parse_identities(app.age_key())
    assert len(identities) == 1, "one new key, whatever was killed and whoever began it"
    assert recipients(app) == {(identities[0].recipient,)}
    app.settle()


def test_a_secret_that_cannot_be_encrypted_holds_the_old_key_until_it_is_gone(app: App) -> None:
    app.create("good")
    app.create("bad")
    app.settle()
    app.patch("bad", {"metadata": {"annotations": {names.TARGET_NAMESPACES: "nowhere"}}})
    eventually(lambda: app.status("bad") == "Failed", "the intent Failed")
    ask(app, "monday")
    eventually(
        lambda: (
            "change or delete the secrets that are Failed: 'bad'"
            in app.condition("EncryptionKeyReady")["message"]
        ),
        "said who holds the key",
        within=PATIENCE,
    )
    assert app.condition("EncryptionKeyReady")["reason"] == "Rotating"
    assert len(sops.parse_identities(app.age_key())) == 2
    app.delete("bad")
    eventually(lambda: is_done(app, "monday"), "the rotation done", within=PATIENCE)
    app.settle()


def test_a_lost_key_is_told_and_its_return_heals(app: App) -> None:
    app.create("database")
    app.settle()
    stored = app.find(SECRETS, names.AGE_KEY_SECRET, app.home)
    app.cluster.do(lambda client: client.delete(SECRETS, names.AGE_KEY_SECRET, app.home))
    eventually(
        lambda: app.condition("EncryptionKeyReady").get("reason") == "KeyMissing", "told", within=PATIENCE
    )
    app.update("database")
    assert app.find(SECRETS, names.AGE_KEY_SECRET, app.home) is None, "nothing is made in its place"
    back = SECRETS.manifest(names.AGE_KEY_SECRET, app.home, data=stored["data"])
    back["metadata"]["labels"] = stored["metadata"]["labels"]
    app.cluster.do(lambda client: client.create(SECRETS, back, metadata_only=True))
    eventually(lambda: app.condition("EncryptionKeyReady")["reason"] == "KeyReady", "healed", within=PATIENCE)
    app.settle()


GLASS = sops.Identity.generate()


def with_glass(service: Service) -> Service:
    if service.name != "secrets-encryptor":
        return service
    return replace(service, env={**service.env, "APP_PLATFORM_EXTRA_RECIPIENTS": GLASS.recipient})


@pytest.fixture(scope="module")
def guarded(new_platform: PlatformFactory) -> Platform:
    """A platform whose files a break-glass key reads too."""
    services = tuple(with_glass(service) for service in WITH_SERVICES.services)
    running = new_platform("guarded", Options(services=services, with_caller=True))
    running.up()
    return running


def test_a_break_glass_key_reads_everything(guarded: Platform, sops_binary: Path, tmp_path: Path) -> None:
    cluster = Cluster(Path(guarded.env["KUBECONFIG"]))
    app = App(guarded, cluster, "app-glass")
    app.register()
    app.until_ready()
    app.create("database")
    app.settle()
    own = sops.parse_identities(app.age_key())[0].recipient
    assert recipients(app) == {(own, GLASS.recipient)}
    assert f"age: {own},{GLASS.recipient}" in app.content("main", ".sops.yaml")
    (tmp_path / "file.yaml").write_text(app.files()[names.secret_path(app.dev, "database")])
    extract = ["decrypt", "--extract", '["data"]["password"]', str(tmp_path / "file.yaml")]
    read = subprocess.run(
        [str(sops_binary), *extract],
        env={"SOPS_AGE_KEY": GLASS.secret},
        capture_output=True,
        text=True,
        check=False,
    )
    assert base64.b64decode(read.stdout).decode() == app.wanted["database"].values["password"], read.stderr
    cluster.close()
