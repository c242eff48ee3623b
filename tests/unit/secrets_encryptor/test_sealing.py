"""From content to files: pure, keyed, and silent about values."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform import sops
from app_platform.secrets_encryptor import sealing
from app_platform.secrets_encryptor.ports import Intent, KeyFile
from support.samples import CANARY, NOW

IDENTITY, OTHER = sops.Identity.generate(), sops.Identity.generate()
RING = sealing.keyring(IDENTITY.secret + "\n")
TARGETS = ("my-app-dev", "my-app-prod")
DATA = st.dictionaries(
    st.from_regex(r"[-._a-zA-Z0-9]{1,20}", fullmatch=True), st.binary(max_size=40), min_size=1
)


def intent(data: dict[str, bytes] | None = None, name: str = "database", uid: str = "u1") -> Intent:
    return Intent(name, uid, "1", "Opaque", {"password": CANARY.encode()} if data is None else data)


def fresh(ring: sealing.Keyring = RING) -> sealing.Sealed:
    return sealing.sealed(ring, intent(), None, NOW)


def lines_that_differ(one: str, other: str) -> list[str]:
    pairs = zip(one.splitlines(), other.splitlines(), strict=True)
    return sorted(a.strip().split(":")[0] for a, b in pairs if a != b)


@given(DATA)
def test_the_same_content_gives_the_same_bytes(data: dict[str, bytes]) -> None:
    sealed = fresh()
    again = sealing.restore(RING, "u1", sealing.store(RING, "u1", sealed))
    assert again is not None
    shuffled = intent(dict(reversed(list(data.items()))))
    first = sealing.files("my-app", intent(data), TARGETS, sealed)
    assert sealing.files("my-app", shuffled, reversed(TARGETS), again) == first


@given(DATA)
def test_files_hold_the_content(data: dict[str, bytes]) -> None:
    files = sealing.files("my-app", intent(data), TARGETS, fresh())
    assert [f.path for f in files] == [f"secrets/{t}/database.yaml" for t in TARGETS]
    for file, target in zip(files, TARGETS, strict=True):
        read = sops.decrypt(file.content, [IDENTITY])
        assert {k: base64.b64decode(v) for k, v in read["data"].items()} == data
        assert (read["metadata"]["namespace"], read["type"]) == (target, "Opaque")


def test_only_the_line_of_a_changed_value_and_the_mac_differ() -> None:
    sealed = fresh()
    before = {"host": b"db", "password": b"one", "user": b"me"}
    (one,) = sealing.files("my-app", intent(before), TARGETS[:1], sealed)
    (two,) = sealing.files("my-app", intent({**before, "password": b"two"}), TARGETS[:1], sealed)
    assert lines_that_differ(one.content, two.content) == ["mac", "password"]


def test_an_added_key_leaves_the_lines_of_the_others() -> None:
    sealed = fresh()
    (one,) = sealing.files("my-app", intent({"a": b"1", "c": b"3"}), TARGETS[:1], sealed)
    (two,) = sealing.files("my-app", intent({"a": b"1", "b": b"2", "c": b"3"}), TARGETS[:1], sealed)
    missing = [line for line in one.content.splitlines() if line not in two.content.splitlines()]
    assert [line.strip().split(":")[0] for line in missing] == ["mac"]


def test_equal_values_do_not_look_equal() -> None:
    sealed = fresh()
    files = sealing.files("my-app", intent({"a": b"same", "b": b"same"}), TARGETS, sealed)
    ciphertexts = [
        line.split("ENC[", 1)[1]
        for f in files
        for line in f.content.splitlines()
        if line.startswith("    ") and "ENC[" in line
    ]
    values = [text for text in ciphertexts if text.startswith("AES256")]
    assert len(values) >= 4
    assert len(set(values)) == len(values)


def test_a_long_name_still_gives_a_valid_label() -> None:
    name = "a" * 253
    (file,) = sealing.files("my-app", intent(name=name), TARGETS[:1], fresh())
    labels = sops.decrypt(file.content, [IDENTITY])["metadata"]["labels"]
    assert all(len(value) <= 63 for value in labels.values())


CHANGES = [
    {"uid": "u2"},
    {"name": "other"},
    {"type": "kubernetes.io/tls"},
    {"data": {"password": b"other"}},
    {"data": {"password2": CANARY.encode()}},
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_fingerprint_tells_contents_and_intents_apart(change: dict[str, object]) -> None:
    changed = replace(intent(), **change)  # type: ignore[arg-type]  # fields of an intent
    assert sealing.fingerprint(RING, changed, TARGETS) != sealing.fingerprint(RING, intent(), TARGETS)


def test_a_fingerprint_depends_on_targets_and_key_but_not_on_order() -> None:
    mark = sealing.fingerprint(RING, intent(), TARGETS)
    assert sealing.fingerprint(RING, intent(), reversed(TARGETS)) == mark
    assert sealing.fingerprint(RING, intent(), TARGETS[:1]) != mark
    assert sealing.fingerprint(sealing.keyring(OTHER.secret), intent(), TARGETS) != mark


@given(DATA, DATA)
def test_two_contents_never_share_a_fingerprint(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    marks = [sealing.fingerprint(RING, intent(data), TARGETS) for data in (one, other)]
    assert (marks[0] == marks[1]) == (one == other)


def test_what_runs_over_a_boundary_is_told_apart() -> None:
    marks = {
        sealing.fingerprint(RING, intent(d), ()) for d in ({"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""})
    }
    assert len(marks) == 3


def test_an_envelope_of_another_intent_is_not_believed() -> None:
    stored = sealing.store(RING, "u1", fresh())
    assert sealing.restore(RING, "u1", stored) is not None
    assert sealing.restore(RING, "u2", stored) is None


@pytest.mark.parametrize("text", [None, "", ".", "x", "0" * 64 + ".{}", "0" * 64 + '.{"age":[]}'])
def test_what_is_no_envelope_is_not_believed(text: str | None) -> None:
    assert sealing.restore(RING, "u1", text) is None


@pytest.mark.parametrize("text", ["ä.{}", "\N{SNOWMAN}"])
def test_an_envelope_with_other_characters_is_not_believed(text: str) -> None:
    assert sealing.restore(RING, "u1", text) is None


STORED = sealing.store(RING, "u1", fresh())


@given(st.integers(0, len(STORED) - 1), st.sampled_from("0a~}"))
def test_a_forged_envelope_is_not_believed(at: int, put: str) -> None:
    forged = STORED[:at] + put + STORED[at + 1 :]
    assert (sealing.restore(RING, "u1", forged) is None) == (forged != STORED)


def test_an_envelope_for_other_keys_is_not_believed() -> None:
    theirs = sealing.keyring(OTHER.secret)
    assert sealing.restore(RING, "u1", sealing.store(theirs, "u1", fresh(theirs))) is None


def test_a_rotated_key_makes_new_envelopes() -> None:
    stored = sealing.store(RING, "u1", fresh())
    rotated = sealing.keyring(f"{OTHER.secret}\n{IDENTITY.secret}\n")
    assert rotated.recipient == OTHER.recipient
    assert sealing.restore(rotated, "u1", stored) is None


def test_nothing_that_holds_a_value_prints_it() -> None:
    sealed = fresh()
    shown = f"{intent()!r} {KeyFile(IDENTITY.secret)!r} {RING!r} {RING} {sealed!r} {IDENTITY!r}"
    for value in (CANARY, IDENTITY.secret, repr(RING.fingerprint_key), repr(RING.envelope_key)):
        assert value not in shown
    assert "DataKey" not in shown or "bytes" not in shown


@pytest.mark.parametrize("text", ["", "# only a comment\n", CANARY, "AGE-SECRET-KEY-1BROKEN"])
def test_what_is_no_key_file_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(sops.InvalidKeyError) as caught:
        sealing.keyring(text)
    assert CANARY not in str(caught.value)
    assert "BROKEN" not in str(caught.value)


def test_the_time_stays_while_only_targets_change() -> None:
    first = fresh()
    assert sealing.sealed(RING, intent(), first, NOW + timedelta(hours=1)) == first


def test_new_content_gets_the_present_time_and_keeps_the_data_key() -> None:
    first, later = fresh(), NOW + timedelta(hours=1)
    changed = sealing.sealed(RING, intent({"password": b"other"}), first, later)
    assert (changed.envelope, changed.lastmodified) == (first.envelope, later)
