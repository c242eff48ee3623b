"""Encrypting one file: our library against the ``sops`` program, on the same manifest and for the same recipient."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import yaml

from app_platform import sops

_OURS: Final = 500
_THEIRS: Final = 30
MANIFEST: Final = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "database", "namespace": "bench-dev"},
    "type": "Opaque",
    "data": {"password": "cGFzc3dvcmQ=", "user": "YXBw", "url": "cG9zdGdyZXM6Ly9kYg=="},
}


def compare(env: Mapping[str, str]) -> tuple[float, float]:
    """Median seconds of one file: ours (with a new data key each time, as ``sops`` does), and the program's."""
    identity = sops.Identity.generate()
    return _ours(identity.recipient), _theirs(identity.recipient, env)


def _ours(recipient: str) -> float:
    times = []
    for _ in range(_OURS):
        started = time.perf_counter()
        sops.encrypt(
            MANIFEST,
            sops.new_envelope([recipient]),
            lastmodified=datetime.now(UTC),
            encrypted_regex="^(data|stringData)$",
        )
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _theirs(recipient: str, env: Mapping[str, str]) -> float:
    times = []
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.yaml"
        plain.write_text(yaml.safe_dump(MANIFEST))
        command = [
            "sops",
            "encrypt",
            "--age",
            recipient,
            "--encrypted-regex",
            "^(data|stringData)$",
            str(plain),
        ]
        for _ in range(_THEIRS):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=with_tools(env))
            times.append(time.perf_counter() - started)
    return statistics.median(times)


def with_tools(env: Mapping[str, str]) -> dict[str, str]:
    """The process environment with the platform's programs first on the PATH."""
    return {**os.environ, "PATH": f"{env['PATH_TOOLS']}:{os.environ['PATH']}"}
