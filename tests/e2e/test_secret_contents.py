"""What is put into a secret arrives in every target namespace exact to the byte, whatever it is; and only what changed changes."""

import base64
import json
import random
from collections.abc import Mapping, Sequence

import pytest

from app_platform.contracts import names
from app_platform.kube import SECRETS, KubeClient
from support.apps import CANARY, PATIENCE, App
from support.platform import eventually

MIB = 1024 * 1024
Data = Mapping[str, bytes]


def put(app: App, name: str, data: Data, targets: Sequence[str] = (), kind: str = "Opaque") -> None:
    """Create an intent of any content."""
    manifest = SECRETS.manifest(name, app.home, type=kind, data=encoded(data))
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    chosen = ",".join(targets or (app.dev, app.prod))
    manifest["metadata"]["annotations"] = {names.TARGET_NAMESPACES: chosen}
    app.cluster.do(lambda client: client.create(SECRETS, manifest, metadata_only=True))


def encoded(data: Data) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in data.items()}


def live(app: App, name: str, namespace: str) -> tuple[str, dict[str, bytes]] | None:
    """Type and content of what was delivered."""
    found = app.find(SECRETS, name, namespace)
    if found is None:
        return None
    data = found.get("data") or {}
    return found["type"], {key: base64.b64decode(value) for key, value in data.items()}


def until_live(
    app: App, name: str, data: Data, targets: Sequence[str] = (), kind: str = "Opaque", within: float = PATIENCE
) -> None:  # fmt: skip
    for target in targets or (app.dev, app.prod):
        eventually(
            lambda where=target: live(app, name, where) == (kind, dict(data)),  # type: ignore[misc] # mypy cannot infer a lambda's default
            f"{name} exact in {target}; {app.status(name)} {app.annotation(name, names.SECRET_MESSAGE)}",
            within=within,
        )


DOCKER = json.dumps({"auths": {"r.example": {"username": "u", "password": CANARY}}}).encode()
PEM = "-----BEGIN {0}-----\n{1}\n-----END {0}-----\n"
TYPES: dict[str, Data] = {
    "Opaque": {"any": b"thing"},
    "example.com/of-our-own": {"any": b"thing"},
    "kubernetes.io/dockercfg": {".dockercfg": b'{"https://r.example": {"auth": "dTpw"}}'},
    "kubernetes.io/dockerconfigjson": {".dockerconfigjson": DOCKER},
    "kubernetes.io/basic-auth": {"username": b"ada", "password": CANARY.encode()},
    "kubernetes.io/ssh-auth": {"ssh-privatekey": PEM.format("OPENSSH PRIVATE KEY", "AAAA" * 20).encode()},
    "kubernetes.io/tls": {
        "tls.crt": PEM.format("CERTIFICATE", "QUJD" * 16).encode(),
        "tls.key": PEM.format("PRIVATE KEY", "QUJD" * 16).encode(),
    },
    "bootstrap.kubernetes.io/token": {"token-id": b"abcdef", "token-secret": b"0123456789abcdef"},
}


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_secret_arrives_as_that_type(app: App, kind: str) -> None:
    put(app, "typed", TYPES[kind], kind=kind)
    until_live(app, "typed", TYPES[kind], kind=kind)


def test_a_type_that_cannot_be_copied_is_refused_with_a_reason(app: App) -> None:
    manifest = SECRETS.manifest("token", app.home, type="kubernetes.io/service-account-token")
    manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    notes = {names.TARGET_NAMESPACES: app.dev, "kubernetes.io/service-account.name": "default"}
    manifest["metadata"]["annotations"] = notes
    app.cluster.do(lambda client: client.create(SECRETS, manifest, metadata_only=True))
    eventually(lambda: app.status("token") == "Failed", "refused", within=PATIENCE)
    message = app.annotation("token", names.SECRET_MESSAGE)
    assert "choose another type than 'kubernetes.io/service-account-token'" in message
    assert app.files() == {}


VALUES: dict[str, bytes] = {
    "empty": b"",
    "every-byte": bytes(range(256)),
    "not-utf-8": b"\xff\xfe\x00\x80",
    "nul": b"\x00",
    "utf-8": "žluťoučký kůň 🐎 \u2028\u2029\x85".encode(),
    "bom": b"\xef\xbb\xbftext",
    "lf": b"one\ntwo\n",
    "cr-lf": b"one\r\ntwo\r\n",
    "cr": b"one\rtwo\r",
    "no-last-break": b"one\ntwo",
    "only-breaks": b"\n\n\n",
    "blanks": b"  leading, trailing \t \n ",
    "yaml": b"---\n- !!binary x\n# comment\nkey: &a [*a]\n...\n",
    "words": b"true",
    "number": b"0777",
    "sops": b"ENC[AES256_GCM,data:aaaa,iv:aaaa,tag:aaaa,type:str]",
    "dollar": b"${VAR} $(cmd) {{ template }}",
    "key.with.dots": b"1",
    "key-with-dashes_and_more": b"2",
    ".hidden": b"3",
    "UPPER": b"4",
}


def test_every_value_and_every_key_arrives_exact_to_the_byte(app: App) -> None:
    put(app, "values", VALUES)
    until_live(app, "values", VALUES)
    assert app.annotation("values", names.SECRET_KEYS) == ",".join(sorted(VALUES))


def test_one_mebibyte_arrives(app: App) -> None:
    big = {"big": random.Random(1).randbytes(MIB)}  # noqa: S311 - nothing secret
    put(app, "big", big)
    until_live(app, "big", big)


def test_twenty_targets_get_a_mebibyte_each(app: App) -> None:
    spaces = [f"{app.name}-{number}" for number in range(20)]
    app.register(spaces)
    app.until_ready()
    big = {"big": random.Random(2).randbytes(MIB)}  # noqa: S311 - as above
    put(app, "big", big, spaces)
    until_live(app, "big", big, spaces, within=2 * PATIENCE)
    small = {"a": b"1"}
    put(app, "small", small, spaces)
    until_live(app, "small", small, spaces)


def lines(text: str) -> dict[str, str]:
    """The lines of a file by what stands before the colon."""
    return {line.strip().partition(":")[0]: line for line in text.splitlines() if ":" in line}


def change(app: App, name: str, data: Mapping[str, bytes | None]) -> None:
    wanted = {key: None if value is None else base64.b64encode(value).decode() for key, value in data.items()}
    app.patch(name, {"data": wanted})


@pytest.mark.parametrize(
    ("new", "touched"),
    [
        ({"password": b"two"}, {"password"}),
        ({"added": b"x"}, {"added"}),
        ({"password": None}, {"password"}),
        ({"password": b"two", "added": b"x", "user": None}, {"password", "added", "user"}),
    ],
    ids=["another value", "one more", "one less", "all at once"],
)
def test_only_the_lines_of_what_changed_differ(
    app: App, new: Mapping[str, bytes | None], touched: set[str]
) -> None:
    data: dict[str, bytes] = {"host": b"db", "password": b"one", "user": b"me"}
    put(app, "database", data)
    until_live(app, "database", data)
    before = app.files()
    change(app, "database", new)
    wanted = {key: value for key, value in {**data, **new}.items() if value is not None}
    until_live(app, "database", wanted)
    for path, text in app.files().items():
        one, two = lines(before[path]), lines(text)
        differ = {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)}
        assert differ - {"mac", "lastmodified"} == touched
    assert app.git("rev-list", "--count", "main", "--", next(iter(before))).strip() == "2"


def test_the_same_content_again_makes_no_commit(app: App) -> None:
    data = {"a": b"1", "b": b"2"}
    put(app, "database", data)
    until_live(app, "database", data)
    head = app.head()
    change(app, "database", data)
    app.patch("database", {"metadata": {"labels": {"note": "x"}}})
    app.cluster.do(lambda client: again(client, app, data))
    put(app, "marker", data)  # when this one is live, the other has been looked at
    until_live(app, "marker", data)
    changed = app.git("diff", "--name-only", head, "main").split()
    assert {path.rpartition("/")[2] for path in changed} == {"marker.yaml"}


async def again(client: KubeClient, app: App, data: Data) -> None:
    """The same values, by somebody else, as server-side apply does."""
    manifest = SECRETS.manifest("database", app.home, data=encoded(data))
    await client.apply(SECRETS, manifest, field_manager="somebody", force=True, metadata_only=True)


def test_rapid_changes_end_in_the_last(app: App) -> None:
    put(app, "counter", {"value": b"0"})
    for number in range(1, 60):
        change(app, "counter", {"value": str(number).encode()})
    until_live(app, "counter", {"value": b"59"})
    eventually(lambda: app.status("counter") == "Committed", "Committed")
    commits = int(app.git("rev-list", "--count", "main", "--", names.secret_path(app.dev, "counter")))
    assert commits <= 60


def test_a_secret_made_again_under_its_name_is_never_the_old_one(app: App) -> None:
    """The events of the old one are still in flight."""
    for number in range(8):
        put_when_free(app, "again", {"value": f"old-{number}".encode()})
        app.cluster.do(lambda client: client.delete(SECRETS, "again", app.home))
    put_when_free(app, "again", {"value": b"new"}, kind="example.com/other")
    until_live(app, "again", {"value": b"new"}, kind="example.com/other")
    put(app, "marker", {"a": b"1"})
    until_live(app, "marker", {"a": b"1"})
    assert live(app, "again", app.dev) == ("example.com/other", {"value": b"new"})
    app.cluster.do(lambda client: client.delete(SECRETS, "again", app.home))
    for namespace in (app.dev, app.prod):
        eventually(lambda where=namespace: live(app, "again", where) is None, "gone", within=PATIENCE)  # type: ignore[misc] # as above


def put_when_free(app: App, name: str, data: Data, kind: str = "Opaque") -> None:
    eventually(lambda: app.find(SECRETS, name, app.home) is None, f"the former {name} gone", within=PATIENCE)
    put(app, name, data, kind=kind)


def test_a_change_of_type_goes_through(app: App) -> None:
    """Kubernetes lets nobody change the type of a Secret: who wants another makes the intent anew."""
    put(app, "registry", {"a": b"1"})
    until_live(app, "registry", {"a": b"1"})
    app.cluster.do(lambda client: client.delete(SECRETS, "registry", app.home))
    data = {".dockerconfigjson": DOCKER}
    put_when_free(app, "registry", data, kind="kubernetes.io/dockerconfigjson")
    until_live(app, "registry", data, kind="kubernetes.io/dockerconfigjson")


def test_equal_values_never_look_equal(app: App) -> None:
    same = {"one": CANARY.encode(), "two": CANARY.encode()}
    for name in ("first", "second"):
        put(app, name, same)
        until_live(app, name, same)
    texts = list(app.files().values())
    found = [line.partition("ENC[")[2] for text in texts for line in text.splitlines() if "ENC[AES" in line]
    parts = [part for text in found for part in text.split(",") if part.startswith(("data:", "iv:", "tag:"))]
    assert len(texts) == 4
    assert len(found) >= 8
    assert len(set(parts)) == len(parts)
    assert len({app.annotation(name, names.SECRET_FINGERPRINT)[:64] for name in ("first", "second")}) == 2
