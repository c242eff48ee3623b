"""Certificates for TLS on one machine: an authority, a server, a client; made once per state directory.

Guarantees: what is there and still valid for a while is kept; private keys are readable by their owner only.
Leaves out: revoking, and any use beyond this machine.
"""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app_platform.local.identities import write_private

_VALID: Final = timedelta(days=365)
_RENEW: Final = timedelta(days=30)
_USES: Final = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def keep(folder: Path, names: Sequence[str] = ("127.0.0.1",)) -> None:
    """Make `ca.crt`, and `.crt` and `.key` of `server` and `client`, unless they are there and valid for a month more.

    Args:
        folder: where.
        names: addresses and host names at which the server is.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    if all(_is_valid(folder / f"{name}.crt") for name in ("ca", *_USES)):
        return
    authority = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("app-platform local authority", authority, authority, None, _authority())
    _write(folder, "ca", certificate)
    for name, use in _USES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [
            x509.ExtendedKeyUsage([use]),
            x509.SubjectAlternativeName([_general_name(each) for each in names]),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
        ]
        _write(folder, name, _certificate(name, key, authority, certificate.subject, extensions), key)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _authority() -> list[x509.ExtensionType]:
    usage = {"key_cert_sign": True, "crl_sign": True}
    others = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    )
    return [
        x509.BasicConstraints(ca=True, path_length=0),
        x509.KeyUsage(**usage, **dict.fromkeys(others, False)),
    ]


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name | None,
    extensions: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    for extension in extensions:
        critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None = None
) -> None:
    pem = serialization.Encoding.PEM
    if key is not None:
        form = serialization.PrivateFormat.PKCS8
        write_private(
            folder / f"{name}.key", key.private_bytes(pem, form, serialization.NoEncryption()).decode()
        )
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(pem))


def _is_valid(file: Path) -> bool:
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return certificate.not_valid_after_utc > datetime.now(UTC) + _RENEW
