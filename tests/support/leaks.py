"""Where a value can be read that should be nowhere: NATS' store, logs, Git objects, and all that the API server tells but Secrets' own data."""

import base64
import subprocess
from collections.abc import Sequence
from pathlib import Path

from app_platform.local import Platform
from support.apps import CANARY
from support.cluster import Cluster


def leaks(platform: Platform, cluster: Cluster, text: str = CANARY) -> list[str]:
    """Where a canary can be read: NATS' store, logs, Git objects, metadata; only Secrets' own data may hold it."""
    forms = [form.encode() for form in (text, *_base64_forms(text))]
    found = [
        str(file)
        for folder in (platform.state.data / "nats", platform.state.logs)
        for file in folder.rglob("*")
        if file.is_file() and _holds(_read(file), forms)
    ]
    for repository in (platform.state.data / "git").rglob("*.git"):
        found += [str(repository)] if _holds(_objects(repository), forms) else []
    for path, item in cluster.everything():
        if path == "/api/v1/secrets":
            item.pop("data", None)
        if _holds(repr(item).encode(), forms):
            found.append(f"{path} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}")
    return found


def _base64_forms(text: str) -> list[str]:
    """What of a text can be recognised inside base64, at each of the three places it may begin."""
    forms = []
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + text.encode()).decode()
        forms.append(encoded[4 if before else 0 : len(text) * 4 // 3])
    return forms


def _objects(repository: Path) -> bytes:
    """Every object of a repository, also those that no branch leads to, decompressed."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    return subprocess.run(command, cwd=repository, capture_output=True, check=True).stdout


def _holds(content: bytes, forms: Sequence[bytes]) -> bool:
    return any(form in content for form in forms)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:  # NATS has just removed it
        return b""
