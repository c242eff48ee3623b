"""Encrypting one Secret: our library against ``kubeseal`` of Sealed Secrets, offline with a certificate.

Both make what is committed to Git from the same manifest. kubeseal wraps a data key for each value with RSA-4096; ours wraps
one for each file with X25519. It is a process for each Secret there and a function call here, as each is used.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app_platform.local import find_tool
from bench.sops_files import MANIFEST

_TIMES: Final = 30
_KEY_BITS: Final = 4096
"""What the Sealed Secrets controller makes by default."""


def seconds(environment: Mapping[str, str] = os.environ) -> float:
    """Median seconds that ``kubeseal`` takes for one Secret."""
    program = find_tool("kubeseal", environment, lambda line: print(line, file=sys.stderr))
    plain = yaml.safe_dump(MANIFEST).encode()
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "cert.pem"
        certificate.write_bytes(_certificate())
        command = [str(program), "--cert", str(certificate), "--format", "yaml"]
        times = []
        for _ in range(_TIMES):
            started = time.perf_counter()
            done = subprocess.run(command, input=plain, check=True, capture_output=True)
            times.append(time.perf_counter() - started)
            assert b"kind: SealedSecret" in done.stdout
    return statistics.median(times)


def _certificate() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    name, now = x509.Name([]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)
