"""Client secrets, their digests as another implementation reads them, and their fingerprints."""

import warnings

import pytest

from app_platform.oidc_registrar import credentials

with warnings.catch_warnings():
    # passlib looks for the standard library's crypt, which says that it will go.
    warnings.filterwarnings("ignore", "'crypt' is deprecated", DeprecationWarning)
    from passlib.hash import pbkdf2_sha512


def test_a_secret_is_72_unreserved_characters_and_never_the_same() -> None:
    made = {credentials.new_secret() for _ in range(200)}
    assert len(made) == 200
    assert all(credentials.is_well_formed(secret) for secret in made)
    assert set("".join(made)) == set(credentials.UNRESERVED), "every character is used"


@pytest.mark.parametrize("text", ["", "a" * 71, "a" * 73, "a" * 71 + "/", "a" * 71 + "\n", "a" * 72 + "\n"])
def test_what_is_no_secret_of_ours(text: str) -> None:
    assert not credentials.is_well_formed(text)


def test_passlib_verifies_the_digest_and_no_other_secret() -> None:
    secret = credentials.new_secret()
    digest = credentials.digest(secret)
    assert digest.startswith("$pbkdf2-sha512$310000$")
    assert pbkdf2_sha512.verify(secret, digest)
    assert not pbkdf2_sha512.verify(secret + "x", digest)


def test_a_digest_is_what_passlib_makes_with_the_same_salt() -> None:
    # Bytes whose base64 has every character that Authelia writes otherwise.
    salt = bytes(range(240, 256))
    assert "." in credentials.digest("x", salt).split("$")[3]
    assert credentials.digest("x", salt) == pbkdf2_sha512.using(rounds=310_000, salt=salt).hash("x")


def test_equal_secrets_have_different_digests_and_one_fingerprint() -> None:
    key, other = credentials.new_key(), credentials.new_key()
    assert credentials.digest("x") != credentials.digest("x")
    assert credentials.fingerprint("x", key) == credentials.fingerprint("x", key)
    assert credentials.fingerprint("x", key) != credentials.fingerprint("y", key)
    assert credentials.fingerprint("x", key) != credentials.fingerprint("x", other)


def test_a_fingerprint_tells_which_key_it_was_made_with() -> None:
    key, other = credentials.new_key(), credentials.new_key()
    found = credentials.fingerprint("x", key)
    assert credentials.is_of_key(found, key)
    assert not credentials.is_of_key(found, other)
    assert not credentials.is_of_key("", key)
