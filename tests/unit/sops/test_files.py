"""Whole files: round trips, stable output, edits, key changes and every way a file can be wrong."""

import datetime as dt
from typing import Any

import pytest

from app_platform import sops

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
REGEX = "^(data|stringData)$"
SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "database", "labels": {"on": "yes"}},
    "data": {"password": "aHVudGVyMg==", "user": "YWRtaW4=", "empty": ""},
}


@pytest.fixture(scope="module")
def identity() -> sops.Identity:
    return sops.Identity.generate()


@pytest.fixture(scope="module")
def envelope(identity: sops.Identity) -> sops.Envelope:
    return sops.new_envelope([identity.recipient])


@pytest.fixture
def text(envelope: sops.Envelope) -> str:
    return sops.encrypt(SECRET, envelope, lastmodified=NOW, encrypted_regex=REGEX)


def changed_lines(before: str, after: str) -> set[str]:
    """The keys of the lines that differ."""
    lines = set(before.splitlines()) ^ set(after.splitlines())
    return {line.split(":")[0].strip() for line in lines}


def test_round_trip(text: str, identity: sops.Identity) -> None:
    assert sops.decrypt(text, [identity]) == SECRET


def test_only_what_the_rule_names_is_hidden(text: str) -> None:
    assert "aHVudGVyMg==" not in text
    assert "YWRtaW4=" not in text
    assert "    name: database\n" in text
    assert '    empty: ""\n' in text


def test_without_a_rule_all_but_the_unencrypted_suffix_is_hidden(
    envelope: sops.Envelope, identity: sops.Identity
) -> None:
    document = {"a": "hidden", "b_unencrypted": {"c": "plain"}}
    text = sops.encrypt(document, envelope, lastmodified=NOW)
    assert "c: plain" in text
    assert "hidden" not in text
    assert sops.decrypt(text, [identity]) == document


def test_all_types_survive(envelope: sops.Envelope, identity: sops.Identity) -> None:
    document = {
        "text": "línea\n\ttwo \U0001f600",
        "number": -(2**63),
        "fraction": 1e-7,
        "truth": [True, False],
        "nothing": None,
        "raw": b"\xff\x00",
        "moment": dt.datetime(2001, 12, 14, 21, 59, 43, 100000, dt.timezone(dt.timedelta(hours=-5))),
        "nested": [{"a": [["b"], []]}, {}],
    }
    assert sops.decrypt(sops.encrypt(document, envelope, lastmodified=NOW), [identity]) == document


def test_random_nonces_differ_and_synthetic_ones_do_not(envelope: sops.Envelope) -> None:
    def encrypt(nonces: sops.Nonces) -> str:
        return sops.encrypt(SECRET, envelope, lastmodified=NOW, encrypted_regex=REGEX, nonces=nonces)

    assert encrypt(sops.random_nonces) != encrypt(sops.random_nonces)
    assert encrypt(sops.synthetic_nonces(b"a")) == encrypt(sops.synthetic_nonces(b"a"))
    differing = changed_lines(encrypt(sops.synthetic_nonces(b"a")), encrypt(sops.synthetic_nonces(b"b")))
    assert differing == {"password", "user", "mac"}


def test_synthetic_nonces_change_only_the_lines_of_changed_values(envelope: sops.Envelope) -> None:
    changed = {**SECRET, "data": {**SECRET["data"], "password": "bmV3", "extra": "eA=="}}
    before, after = (
        sops.encrypt(
            one, envelope, lastmodified=NOW, encrypted_regex=REGEX, nonces=sops.synthetic_nonces(b"")
        )
        for one in (SECRET, changed)
    )
    assert changed_lines(before, after) == {"password", "extra", "mac"}


def test_edit_keeps_what_did_not_change(text: str, identity: sops.Identity) -> None:
    changed = {**SECRET, "data": {"user": "YWRtaW4=", "password": "bmV3", "extra": "eA=="}}
    after = sops.edit(text, changed, [identity], lastmodified=LATER)
    assert sops.decrypt(after, [identity]) == changed
    assert changed_lines(text, after) == {"password", "extra", "empty", "mac", "lastmodified"}


def test_edit_without_a_change_gives_the_same_text(text: str, identity: sops.Identity) -> None:
    assert sops.edit(text, SECRET, [identity], lastmodified=LATER) == text


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (1, 1.0), ("1", 1), ([1], [1, 1]), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_edit_sees_small_changes(
    envelope: sops.Envelope, identity: sops.Identity, before: object, after: object
) -> None:
    text = sops.encrypt({"k": before}, envelope, lastmodified=NOW)
    edited = sops.decrypt(sops.edit(text, {"k": after}, [identity], lastmodified=NOW), [identity])["k"]
    assert repr(edited) == repr(after)


def test_edit_carries_other_settings_along(text: str, identity: sops.Identity) -> None:
    with_kms = text.replace("sops:\n", "sops:\n    kms:\n        - arn: x\n", 1)
    after = sops.edit(with_kms, {"data": {"a": "b"}}, [identity], lastmodified=LATER)
    assert "arn: x" in after
    assert f"encrypted_regex: {REGEX}\n" in after
    with pytest.raises(sops.MalformedError, match="would be lost"):
        sops.update_recipients(with_kms, [identity], [identity.recipient])


def test_recipients_are_readable_without_a_key(text: str, identity: sops.Identity) -> None:
    assert sops.recipients(text) == (identity.recipient,)


def test_update_recipients_keeps_values_and_remaining_copies(text: str, identity: sops.Identity) -> None:
    second, third = sops.Identity.generate(), sops.Identity.generate()
    both = sops.update_recipients(text, [identity], [identity.recipient, second.recipient])
    assert sops.recipients(both) == (identity.recipient, second.recipient)
    assert set(text.splitlines()) <= set(both.splitlines())
    assert sops.decrypt(both, [second]) == sops.decrypt(both, [third, identity]) == SECRET
    only_second = sops.update_recipients(both, [identity], [second.recipient])
    with pytest.raises(sops.NoMatchingKeyError):
        sops.decrypt(only_second, [identity])


def test_rotate_changes_every_ciphertext(text: str, identity: sops.Identity) -> None:
    second = sops.Identity.generate()
    after = sops.rotate(text, [identity], sops.new_envelope([second.recipient]), lastmodified=LATER)
    assert {"password", "user", "mac"} <= changed_lines(text, after)
    assert sops.decrypt(after, [second]) == SECRET
    with pytest.raises(sops.NoMatchingKeyError, match=second.recipient):
        sops.decrypt(after, [identity])


def test_a_changed_plain_value_breaks_the_mac(text: str, identity: sops.Identity) -> None:
    with pytest.raises(sops.MacMismatchError, match="does not fit"):
        sops.verify(text.replace("name: database", "name: other"), [identity])


@pytest.mark.parametrize("setting", ["lastmodified", "mac"])
def test_an_altered_seal_is_noticed(text: str, identity: sops.Identity, setting: str) -> None:
    other = sops.encrypt(
        SECRET, sops.new_envelope([identity.recipient]), lastmodified=LATER, encrypted_regex=REGEX
    )

    def line(of: str) -> str:
        return next(line for line in of.splitlines() if line.strip().startswith(setting))

    with pytest.raises(sops.MacMismatchError, match="cannot be decrypted"):
        sops.verify(text.replace(line(text), line(other)), [identity])


def test_removed_reordered_and_blanked_values_break_the_mac(text: str, identity: sops.Identity) -> None:
    lines = text.splitlines(keepends=True)
    password, user = (
        next(line for line in lines if line.strip().startswith(key)) for key in ("password", "user")
    )
    for altered in (
        text.replace(user, ""),
        text.replace(user, '    user: ""\n'),
        text.replace(password + user, user + password),
    ):
        with pytest.raises(sops.MacMismatchError):
            sops.verify(altered, [identity])


def test_a_value_moved_to_another_key_is_named(text: str, identity: sops.Identity) -> None:
    swapped = text.replace(" password:", " @:").replace(" user:", " password:").replace("@:", "user:")
    with pytest.raises(
        sops.ValueCorruptError, match=r"^data\.(user|password): cannot be decrypted"
    ) as caught:
        sops.decrypt(swapped, [identity])
    assert caught.value.path[0] == "data"


@pytest.mark.parametrize("value", ["canary", "12", "ENC[AES256_GCM,data:!,iv:!,tag:!,type:str]"])
def test_what_is_not_encrypted_is_named_without_its_value(
    text: str, identity: sops.Identity, value: str
) -> None:
    plain = text.replace('empty: ""', f"empty: {value}")
    with pytest.raises(sops.ValueCorruptError, match=r"^data\.empty: ") as caught:
        sops.decrypt(plain, [identity])
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("replacement", "problem"),
    [
        (("sops:", "sops: 1\nother:"), "`sops` is not a mapping"),
        (("    age:", "    old:"), "encrypted for nobody"),
        (("        - enc:", "        - key:"), r"sops.age\[0\] needs"),
        (("    mac:", "    old:"), "sops.mac is missing"),
        (('lastmodified: "', 'lastmodified: "x'), "sops.lastmodified is not a time"),
        (("    mac:", "    encrypted_suffix: x\n    mac:"), "only one rule"),
        (("^(data|stringData)$", '"("'), "not a valid regular expression"),
        (("    mac:", "    shamir_threshold: 2\n    mac:"), "shamir_threshold is not supported"),
        (("kind: Secret", "kind: Secret\nkind: Secret"), "'kind' is there twice"),
        (("kind: Secret", "kind: [canary"), "line 3, column .*not one valid YAML"),
    ],
)
def test_a_broken_file_is_named(
    text: str, identity: sops.Identity, replacement: tuple[str, str], problem: str
) -> None:
    with pytest.raises(sops.SopsError, match=problem) as caught:
        sops.decrypt(text.replace(*replacement, 1), [identity])
    assert "canary" not in str(caught.value)


def test_a_plain_file_is_not_a_sops_file(identity: sops.Identity) -> None:
    with pytest.raises(sops.NotSopsError):
        sops.decrypt("kind: Secret\n", [identity])


def test_a_damaged_data_key_fits_nobody(text: str, identity: sops.Identity) -> None:
    enc = next(line for line in text.splitlines() if line.strip() and len(line.strip()) == 64)
    with pytest.raises(sops.NoMatchingKeyError):
        sops.decrypt(text.replace(enc, enc.swapcase(), 1), [identity])


@pytest.mark.parametrize("value", [object(), 2**63, dt.datetime(2020, 1, 1), "\ud800", {1: 2}])  # noqa: DTZ001 - a naive time is the point
def test_an_impossible_value_is_named(envelope: sops.Envelope, value: object) -> None:
    with pytest.raises(sops.UnsupportedValueError, match=r"^data\.k: "):
        sops.encrypt({"data": {"k": value}}, envelope, lastmodified=NOW)


def test_an_encrypted_document_is_not_encrypted_again(envelope: sops.Envelope) -> None:
    with pytest.raises(sops.UnsupportedValueError, match="encrypted already"):
        sops.encrypt({"sops": {}}, envelope, lastmodified=NOW)


def test_lastmodified_needs_a_zone(envelope: sops.Envelope) -> None:
    with pytest.raises(ValueError, match="time zone"):
        sops.encrypt({}, envelope, lastmodified=dt.datetime(2020, 1, 1))  # noqa: DTZ001 - as above
