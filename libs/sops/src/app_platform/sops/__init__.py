"""The SOPS file format over age, in Python: YAML files that the `sops` program and Flux read, and theirs.

    identity = Identity.generate()
    text = encrypt({"data": {"k": "v"}}, new_envelope([identity.recipient]), lastmodified=now)
    decrypt(text, [identity])  # {"data": {"k": "v"}}

Pure functions over texts; errors form one tree (`errors`), and no message holds a value.
"""

from app_platform.sops.errors import (
    InvalidKeyError,
    MacMismatchError,
    MalformedError,
    NoMatchingKeyError,
    NotSopsError,
    SopsError,
    UnsupportedValueError,
    ValueCorruptError,
)
from app_platform.sops.files import (
    decrypt,
    edit,
    encrypt,
    new_envelope,
    recipients,
    rotate,
    update_recipients,
    verify,
)
from app_platform.sops.keys import (
    DataKey,
    Envelope,
    Identity,
    WrappedKey,
    is_recipient,
    open_envelope,
    parse_identities,
)
from app_platform.sops.values import Nonces, random_nonces, synthetic_nonces

__all__ = [
    "DataKey",
    "Envelope",
    "Identity",
    "InvalidKeyError",
    "MacMismatchError",
    "MalformedError",
    "NoMatchingKeyError",
    "Nonces",
    "NotSopsError",
    "SopsError",
    "UnsupportedValueError",
    "ValueCorruptError",
    "WrappedKey",
    "decrypt",
    "edit",
    "encrypt",
    "is_recipient",
    "new_envelope",
    "open_envelope",
    "parse_identities",
    "random_nonces",
    "recipients",
    "rotate",
    "synthetic_nonces",
    "update_recipients",
    "verify",
]
