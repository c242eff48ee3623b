"""Identities, data keys and envelopes."""

import pytest

from app_platform import sops


def test_repr_hides_every_secret() -> None:
    identity = sops.Identity.generate()
    envelope = sops.new_envelope([identity.recipient])
    shown = repr((identity, envelope, envelope.data_key))
    assert identity.secret not in shown
    assert repr(envelope.data_key.raw)[2:-1] not in shown
    assert identity.recipient in shown


def test_an_identity_is_read_back() -> None:
    identity = sops.Identity.generate()
    assert sops.Identity.parse(identity.secret) == identity


def test_a_key_file_may_hold_comments_and_several_keys() -> None:
    first, second = sops.Identity.generate(), sops.Identity.generate()
    key_file = f"# public key: {first.recipient}\n{first.secret}\n\n  {second.secret}\n"
    assert sops.parse_identities(key_file) == (first, second)


@pytest.mark.parametrize("key_file", ["", "# nothing\n", "AGE-SECRET-KEY-1CANARY\n"])
def test_a_bad_key_file_is_refused_without_showing_it(key_file: str) -> None:
    with pytest.raises(sops.InvalidKeyError) as caught:
        sops.parse_identities(key_file)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("recipients", [[], ["age1nonsense"], [""]])
def test_bad_recipients_are_refused(recipients: list[str]) -> None:
    with pytest.raises(sops.InvalidKeyError):
        sops.new_envelope(recipients)


def test_any_recipient_opens_the_same_data_key() -> None:
    first, second = sops.Identity.generate(), sops.Identity.generate()
    envelope = sops.new_envelope([first.recipient, second.recipient, first.recipient])
    assert [key.recipient for key in envelope.wrapped] == [first.recipient, second.recipient]
    assert (
        sops.open_envelope(envelope.wrapped, [second])
        == sops.open_envelope(envelope.wrapped, [first])
        == envelope
    )


def test_an_envelope_for_others_keeps_the_copies_that_stay() -> None:
    first, second, third = (sops.Identity.generate().recipient for _ in range(3))
    envelope = sops.new_envelope([first, second])
    moved = envelope.for_recipients([third, second])
    assert [key.recipient for key in moved.wrapped] == [third, second]
    assert moved.wrapped[1] == envelope.wrapped[1]
    with pytest.raises(sops.InvalidKeyError):
        envelope.for_recipients([])


def test_a_wrapped_text_that_is_no_data_key_is_refused() -> None:
    with pytest.raises(sops.MalformedError, match="32 bytes"):
        sops.DataKey(b"short")
