"""A folder of texts as one file to download. Pure: bytes in memory; the same texts give the same bytes.

Formats: POSIX pax tar (IEEE Std 1003.1) in gzip (RFC 1952), and ZIP (PKWARE APPNOTE 6.3). Leaves out: anything but texts, and modes other
than 0644.
"""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Final

_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that ZIP knows; a constant, so that nothing depends on the clock."""
_FILE: Final = 0o100644 << 16
"""Mode of a ZIP entry, where Unix keeps it."""


def tar_gz(folder: str, texts: Mapping[str, str]) -> bytes:
    """Path to text, below a folder, as `.tar.gz`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, text in texts.items():
            content = text.encode()
            entry = tarfile.TarInfo(f"{folder}/{path}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), mtime=0)


def zipped(folder: str, texts: Mapping[str, str]) -> bytes:
    """The same as `.zip`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in texts.items():
            entry = zipfile.ZipInfo(f"{folder}/{path}", _ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE
            archive.writestr(entry, text)
    return packed.getvalue()
