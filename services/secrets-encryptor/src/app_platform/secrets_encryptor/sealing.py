"""From an intent's content to SOPS files, as a pure function, and the keyed marks that tell contents apart.

Guarantees
- The same content under the same envelope gives the same bytes, so rebuilding a repository changes nothing, and changing
  one value changes only its line and the MAC. Nonces are synthetic; see ``app_platform.sops``.
- A fingerprint is an HMAC under a key derived from the app's AGE identity: without that key it tells nothing, and equal
  contents of two intents have different ones.
- An envelope on an object is believed only if its own HMAC fits the app and the object's uid: nobody else can have
  written it, and it cannot be moved from one intent to another.

Leaves out: where envelopes are kept and keys come from.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app_platform import sops
from app_platform.contracts import EncryptedFile, names
from app_platform.secrets_encryptor.ports import Intent

ENCRYPTED_REGEX: Final = "^(data|stringData)$"
_DIGEST_BYTES: Final = 32


@dataclass(frozen=True)
class Keyring:
    """An app's AGE identities, whom files are encrypted for, and the keys derived from the identity in use.

    Attributes:
        identities: All of the key file, the one in use first.
        recipients: Whom files are encrypted for: the app's own recipient first, then others such as a break-glass key.
        fingerprint_key: For ``fingerprint``.
        envelope_key: For the HMAC of stored envelopes.
    """

    identities: tuple[sops.Identity, ...]
    recipients: tuple[str, ...]
    fingerprint_key: bytes
    envelope_key: bytes

    def __repr__(self) -> str:
        return f"Keyring({self.recipient})"

    @property
    def recipient(self) -> str:
        """The app's own age recipient."""
        return self.recipients[0]

    @property
    def extra_recipients(self) -> tuple[str, ...]:
        """The others that files are encrypted for."""
        return self.recipients[1:]


@dataclass(frozen=True)
class Sealed:
    """An envelope and since when the content is what it is; both go into every file of the intent.

    Attributes:
        content: Keyed digest of the content, without the targets: a file does not change when another target does.
    """

    envelope: sops.Envelope
    lastmodified: datetime
    content: str


def keyring(key_file: str, extra_recipients: Sequence[str] = ()) -> Keyring:
    """Read an AGE key file.

    Args:
        key_file: Its content.
        extra_recipients: Whom files are encrypted for besides the first identity of the file.

    Raises:
        app_platform.sops.InvalidKeyError: It is no AGE key file.
    """
    identities = sops.parse_identities(key_file)
    return _ring(identities, identities[0], extra_recipients)


def _ring(
    identities: tuple[sops.Identity, ...], used: sops.Identity, extra_recipients: Sequence[str]
) -> Keyring:
    recipients = tuple(dict.fromkeys((used.recipient, *extra_recipients)))
    secret = used.secret.encode()
    return Keyring(identities, recipients, _derived(secret, b"fingerprint"), _derived(secret, b"envelope"))


def _derived(secret: bytes, purpose: bytes) -> bytes:
    # RFC 5869, with a purpose of our own so that no key serves two ends.
    return HKDF(
        algorithm=SHA256(), length=_DIGEST_BYTES, salt=None, info=b"app-platform/v1/" + purpose
    ).derive(secret)


def fingerprint(ring: Keyring, intent: Intent, targets: Iterable[str]) -> str:
    """Keyed digest of everything that shapes the intent's files, as 64 hex digits."""
    parts = [intent.uid, intent.name, intent.type, ",".join(ring.recipients), *sorted(targets)]
    mac = hmac.new(ring.fingerprint_key, digestmod=hashlib.sha256)
    for part in [p.encode() for p in parts] + [
        b for item in sorted(intent.data.items()) for b in (item[0].encode(), item[1])
    ]:
        # Length first: otherwise two different contents could give the same bytes.
        mac.update(len(part).to_bytes(8, "big") + part)
    return mac.hexdigest()


def sealed(ring: Keyring, intent: Intent, kept: Sealed | None, now: datetime) -> Sealed:
    """What the intent's files are made with: as it was while the content is the same, else with the present time.

    Args:
        ring: The app's keys.
        intent: The intent.
        kept: What was kept on it; ``None`` for a new data key.
        now: The present time.
    """
    content = fingerprint(ring, intent, ())
    if kept is not None and kept.content == content:
        return kept
    envelope = kept.envelope if kept is not None else sops.new_envelope(ring.recipients)
    return Sealed(envelope, now.replace(microsecond=0), content)


def store(ring: Keyring, uid: str, sealed: Sealed) -> str:
    """Write an envelope as text that can be kept on the intent: ciphertext, bound to it by an HMAC."""
    content = json.dumps(
        {
            "lastmodified": sealed.lastmodified.isoformat(),
            "content": sealed.content,
            "age": [{"recipient": w.recipient, "enc": w.enc} for w in sealed.envelope.wrapped],
        },
        separators=(",", ":"),
    )
    return f"{_envelope_mac(ring, uid, content)}.{content}"


def restore(ring: Keyring, uid: str, text: str | None) -> Sealed | None:
    """Read what ``store`` wrote for this intent; ``None`` when it is missing, not ours, or for other recipients."""
    fields = _believed(ring, uid, text)
    if fields is None or _recipients_in(fields) != ring.recipients:
        return None
    wrapped = [sops.WrappedKey(w["recipient"], w["enc"]) for w in fields["age"]]
    try:
        envelope = sops.open_envelope(wrapped, ring.identities)
    except sops.SopsError:
        return None
    return Sealed(envelope, datetime.fromisoformat(fields["lastmodified"]).astimezone(UTC), fields["content"])


def is_for(ring: Keyring, uid: str, text: str) -> bool:
    """Whether a stored envelope is ours and for the present recipients."""
    fields = _believed(ring, uid, text)
    return fields is not None and _recipients_in(fields) == ring.recipients


def former(ring: Keyring, uid: str, text: str | None) -> Keyring | None:
    """The keyring that a stored envelope was written with: this one, or one of an identity that is kept beside it.

    ``None`` when there is no envelope, or it was written with a key that is not there any more.
    """
    for identity in ring.identities:
        written = _ring(ring.identities, identity, ())
        fields = _believed(written, uid, text)
        if fields is not None:
            return _ring(ring.identities, identity, _recipients_in(fields)[1:])
    return None


def _believed(ring: Keyring, uid: str, text: str | None) -> dict[str, Any] | None:
    mac, _, content = (text or "").partition(".")
    if not hmac.compare_digest(mac.encode(), _envelope_mac(ring, uid, content).encode()):
        return None
    fields: dict[str, Any] = json.loads(content)
    return fields


def _recipients_in(fields: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(wrapped["recipient"] for wrapped in fields["age"])


def _envelope_mac(ring: Keyring, uid: str, content: str) -> str:
    return hmac.new(ring.envelope_key, f"{uid}\n{content}".encode(), hashlib.sha256).hexdigest()


def files(app: str, intent: Intent, targets: Iterable[str], sealed: Sealed) -> tuple[EncryptedFile, ...]:
    """The intent's SOPS files, one for each target namespace."""
    return tuple(each_file(app, intent, targets, sealed))


def each_file(app: str, intent: Intent, targets: Iterable[str], sealed: Sealed) -> Iterator[EncryptedFile]:
    """The same, one at a time: an intent of 1 MiB has 2 MB in each of its files."""
    return (_file(app, intent, namespace, sealed) for namespace in sorted(targets))


def _file(app: str, intent: Intent, namespace: str, sealed: Sealed) -> EncryptedFile:
    path = names.secret_path(namespace, intent.name)
    content = sops.encrypt(
        _manifest(app, intent, namespace),
        sealed.envelope,
        lastmodified=sealed.lastmodified,
        encrypted_regex=ENCRYPTED_REGEX,
        # The path sets the targets apart, so that equal values in two files do not look equal.
        nonces=sops.synthetic_nonces(path.encode()),
    )
    return EncryptedFile(path=path, content=content)


def _manifest(app: str, intent: Intent, namespace: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": intent.name,
            "namespace": namespace,
            "labels": {
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                names.APP_LABEL: app,
                names.SECRET_NAME_LABEL: _label_value(intent.name),
            },
            # A Secret's type cannot be changed; with this, Flux makes the Secret anew instead of failing.
            "annotations": {"kustomize.toolkit.fluxcd.io/force": "enabled"},
        },
        "type": intent.type,
        "data": {key: base64.b64encode(value).decode() for key, value in sorted(intent.data.items())},
    }


def _label_value(name: str) -> str:
    # A Secret's name may have 253 characters, a label's value 63.
    return (
        name
        if len(name) <= names.MAX_DNS_LABEL
        else hashlib.sha256(name.encode()).hexdigest()[: names.MAX_DNS_LABEL]
    )
