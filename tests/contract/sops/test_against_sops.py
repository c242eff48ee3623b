"""What this library writes the real `sops` reads, and the other way round, for any document."""

import datetime as dt
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app_platform import sops
from app_platform.sops.yamlread import load
from app_platform.sops.yamlwrite import dump

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
REGEX = "^(data|stringData)$"
IDENTITY = sops.Identity.generate()
ENVELOPE = sops.new_envelope([IDENTITY.recipient])
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "database", "annotations": {"note": "a b: c", "on": "yes"}},
    "data": {"password": "aHVudGVyMg==", "user": "YWRtaW4="},
}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = TEXTS.filter(lambda key: key != "sops") | st.sampled_from(
    ["data", "a_unencrypted", "on", "1", "~", "stringData"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    # sops writes an unencrypted -0.0 as -0, which it then reads as a whole number: its own MAC does not fit
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
    | TEXTS
    | st.sampled_from(["yes", "0x1F", "a\nb\n", "1:30", "2001-12-14", "1e3"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)
few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


class Program:
    """The `sops` program, with one private key."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary, self.directory = binary, directory
        self.file = directory / "file.yaml"

    def run(
        self, text: str, *arguments: str, identity: sops.Identity = IDENTITY
    ) -> "subprocess.CompletedProcess[str]":
        self.file.write_text(text, newline="")
        env = {**os.environ, "SOPS_AGE_KEY": identity.secret, "SOPS_DISABLE_VERSION_CHECK": "true"}
        command = [str(self.binary), *arguments, self.file.name]
        return subprocess.run(
            command, cwd=self.directory, env=env, capture_output=True, text=True, check=False
        )

    def ok(self, text: str, *arguments: str) -> str:
        done = self.run(text, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def decrypt(self, text: str) -> Any:
        return json.loads(self.ok(text, "decrypt", "--output-type", "json"))

    def encrypt(self, text: str, *arguments: str) -> str:
        return self.ok(text, "encrypt", "--age", IDENTITY.recipient, *arguments)


@pytest.fixture(scope="session")
def program(sops_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(sops_binary, tmp_path_factory.mktemp("sops"))


def same(left: Any, right: Any) -> bool:
    """Equality that keeps booleans and the order of keys apart from numbers, but not 1.0 from 1 (JSON does not either)."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) or isinstance(
        right, float
    ):  # JSON has 5e16 as a whole number, which Python reads exactly
        return float(left) == float(right)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


@few
@given(
    document=DOCUMENTS,
    regex=st.sampled_from([None, REGEX]),
    nonces=st.sampled_from([sops.random_nonces, sops.synthetic_nonces(b"")]),
)
def test_sops_reads_what_we_write(
    program: Program, document: dict[str, Any], regex: str | None, nonces: sops.Nonces
) -> None:
    text = sops.encrypt(document, ENVELOPE, lastmodified=NOW, encrypted_regex=regex, nonces=nonces)
    assert same(program.decrypt(text), document)


@few
@given(document=DOCUMENTS, arguments=st.sampled_from([[], ["--encrypted-regex", REGEX], ["--unencrypted-regex", "^a"],
    ["--encrypted-suffix", "data"], ["--unencrypted-suffix", "ta"]]))  # fmt: skip
def test_we_read_what_sops_writes(program: Program, document: dict[str, Any], arguments: list[str]) -> None:
    text = program.encrypt(dump(document), *arguments)
    assert same(sops.decrypt(text, [IDENTITY]), document)


@few
@given(document=DOCUMENTS, changed=DOCUMENTS)
def test_both_edit_each_others_files(
    program: Program, document: dict[str, Any], changed: dict[str, Any]
) -> None:
    theirs = program.encrypt(dump(document))
    assert same(program.decrypt(sops.edit(theirs, changed, [IDENTITY], lastmodified=NOW)), changed)


PLAIN = [
    "on",
    "yes",
    "0777",
    "0o17",
    "0b11",
    "-0b11",
    "0x1F",
    "1_000",
    "+5",
    "08",
    "-0",
    "1e3",
    "1E-3",
    ".5",
    "5.",
    "._1",
    "1.5_0",
    ".inf",
    "-.INF",
    ".nan",
    "1:30",
    "~",
    "Null",
    "True",
    "TRUE",
    "tRUE",
    "<<",
    "2001-12-14",
    "2001-02-30",
    "2001-1-4t01:02:03+05:30",
    "2001-12-14T21:59:43.10-05:00",
    "2001-12-14T00:00:00.100Z",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "0x",
    "0o8",
    "-",
    "+",
    ".",
    "=",
    "y",
    "n",
    "'yes'",
    '"\\x41"',
    "!!str",
    "5",
]


def test_every_plain_scalar_has_the_type_that_sops_gives_it(program: Program) -> None:
    # The MAC covers unencrypted values by their type, so one difference in reading would break it.
    lines = [
        f"k{number}_unencrypted: {scalar}"
        for number, scalar in enumerate(PLAIN)
        if scalar not in ("-", "!!str", "5", "1e400")
    ]
    text = "\n".join(
        [*lines, "spaced_unencrypted: 2001-12-14 1:2:3.5", "tagged_unencrypted: !!str 5", "k: v", ""]
    )
    encrypted = program.encrypt(text)
    metadata = encrypted[encrypted.index("\nsops:\n") :]
    sops.verify(
        text.replace("k: v\n", next(line for line in encrypted.splitlines() if line.startswith("k: ")))
        + metadata,
        [IDENTITY],
    )


def test_plain_scalars_are_encrypted_with_the_same_types(program: Program) -> None:
    text = "".join(
        f"k{number}: {scalar}\n"
        for number, scalar in enumerate(PLAIN)
        if scalar not in ("-", "!!str", "5", "1e400")
    )
    theirs = sops.decrypt(program.encrypt(text), [IDENTITY])
    assert {key: repr(value) for key, value in theirs.items()} == {
        key: repr(value) for key, value in load(text).items()
    }


def test_binary_and_times_cross_over(program: Program) -> None:
    document = {
        "raw": b"\xff\x00",
        "moment": dt.datetime(2001, 12, 14, 21, 59, 43, 100000, dt.timezone(dt.timedelta(hours=-5))),
    }
    ours = program.ok(sops.encrypt(document, ENVELOPE, lastmodified=NOW), "decrypt")
    assert load(ours) == document
    assert sops.decrypt(program.encrypt(dump(document)), [IDENTITY]) == document


def test_a_mac_over_encrypted_values_only(program: Program) -> None:
    rule = {"age": IDENTITY.recipient, "encrypted_regex": REGEX, "mac_only_encrypted": True}
    config = program.directory / "mac-only.yaml"
    config.write_text(dump({"creation_rules": [rule]}))
    theirs = program.ok(dump(SECRET), "--config", str(config), "encrypt").replace(
        "name: database", "name: other"
    )
    changed = {**SECRET, "metadata": {**SECRET["metadata"], "name": "other"}}
    assert sops.decrypt(theirs, [IDENTITY]) == changed
    assert program.decrypt(sops.edit(theirs, SECRET, [IDENTITY], lastmodified=NOW)) == SECRET


def test_a_comment_in_their_file_does_not_disturb(program: Program) -> None:
    text = program.encrypt("# top\na: 1 # beside\n# below\nb:\n    # inside\n    - x\n")
    assert sops.decrypt(text, [IDENTITY]) == {"a": 1, "b": ["x"]}


def test_their_set_changes_only_the_line_it_must(program: Program) -> None:
    ours = sops.encrypt(
        SECRET, ENVELOPE, lastmodified=NOW, encrypted_regex=REGEX, nonces=sops.synthetic_nonces(b"")
    )
    program.file.write_text(ours)
    env = {**os.environ, "SOPS_AGE_KEY": IDENTITY.secret, "SOPS_DISABLE_VERSION_CHECK": "true"}
    command = [str(program.binary), "set", program.file.name, '["data"]["user"]', '"eA=="']
    subprocess.run(command, cwd=program.directory, env=env, check=True)
    theirs = program.file.read_text()
    differing = {line.split(":")[0].strip() for line in set(ours.splitlines()) ^ set(theirs.splitlines())}
    assert differing == {"user", "lastmodified", "mac"}
    assert sops.decrypt(theirs, [IDENTITY])["data"] == {**SECRET["data"], "user": "eA=="}


def test_their_rotation_and_our_changes_of_keys(program: Program) -> None:
    other = sops.Identity.generate()
    ours = sops.encrypt(SECRET, ENVELOPE, lastmodified=NOW, encrypted_regex=REGEX)
    theirs = program.ok(ours, "rotate", "--add-age", other.recipient)
    assert sops.decrypt(theirs, [other]) == SECRET
    assert set(sops.recipients(theirs)) == {IDENTITY.recipient, other.recipient}
    moved = sops.update_recipients(ours, [IDENTITY], [other.recipient])
    rotated = sops.rotate(ours, [IDENTITY], sops.new_envelope([other.recipient]), lastmodified=NOW)
    for text in (moved, rotated):
        assert program.run(text, "decrypt").returncode != 0
        assert program.run(text, "decrypt", identity=other).returncode == 0


def test_sops_refuses_what_we_refuse(program: Program) -> None:
    text = sops.encrypt(SECRET, ENVELOPE, lastmodified=NOW, encrypted_regex=REGEX).replace(
        "name: database", "name: other"
    )
    assert "MAC mismatch" in program.run(text, "decrypt").stderr
    with pytest.raises(sops.MacMismatchError):
        sops.verify(text, [IDENTITY])
