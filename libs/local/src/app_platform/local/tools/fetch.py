"""Official downloads: pinned by checksum, unpacked into the cache, tried briefly and given up without fuss.

A machine without internet must not wait: the connection has a few seconds, and any failure is a reason, not an error,
because building is the next choice.
"""

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from app_platform.local.errors import ToolError
from app_platform.local.tools.pins import Archive

_CONNECT_SECONDS = 5.0
_BLOCK = 1 << 20


def download(archive: Archive, target: Path) -> None:
    """Fetch `archive`, check it, and put its member at `target` (executable).

    Raises:
        ToolError: no connection, a wrong checksum, or no such member. Nothing is left at `target` then.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        packed, unpacked = Path(folder) / "archive", Path(folder) / "program"
        try:
            digest = _save(archive.url, packed)
        except OSError as error:
            raise ToolError(f"{archive.url}: {error}") from error
        if digest != archive.sha512:
            raise ToolError(
                f"{archive.url}: checksum {digest[:16]}… is not the pinned {archive.sha512[:16]}…"
            )
        _extract(packed, archive.member, unpacked)
        unpacked.chmod(0o755)
        unpacked.replace(target)


def _save(url: str, path: Path) -> str:
    digest = hashlib.sha512()
    # S310: the address is a constant of pins.toml, and what comes back is checked against its checksum.
    with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer, path.open("wb") as file:  # noqa: S310
        while block := answer.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _extract(packed: Path, member: str, target: Path) -> None:
    with tarfile.open(packed) as archive:
        try:
            content = archive.extractfile(member)
        except KeyError:
            content = None
        if content is None:
            raise ToolError(f"the archive holds no file {member}")
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
