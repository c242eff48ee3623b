"""Posted forms: read, bounded, and shown to come from our own pages.

Guarantees: a post counts only with an ``Origin`` that is ours and the session's token in a field (OWASP, "Cross-Site Request Forgery
Prevention"). No part of a body is ever written to a disk, as uploads may be secret. Leaves out: what fields mean.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from app_platform.dashboard.web.shield import MAX_BODY

CSRF_FIELD: Final = "csrf"
_MULTIPART: Final = "multipart/form-data"
_URLENCODED: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 2_000
_MAX_FILES: Final = 100


class ForgedError(Exception):
    """The post did not come from one of our pages, or from one of another session."""


class UnreadableError(Exception):
    """The body is not a form; the text says why."""


@dataclass(frozen=True)
class Upload:
    """A file of a form."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Form:
    """The fields of a post; values do not show in its ``repr``.

    Attributes:
        texts: Field to its values, in the order of the page.
        files: Field to its files; those left empty are not there.
    """

    texts: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    files: Mapping[str, Sequence[Upload]] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """The first value, without the space around it; empty when there is none."""
        values = self.texts.get(name) or ("",)
        return values[0].strip()

    def all(self, name: str) -> list[str]:
        """All values, as they were sent."""
        return list(self.texts.get(name, ()))


async def read(request: Request) -> Form:
    """The form in a request.

    Raises:
        UnreadableError: There is none.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_MULTIPART, _URLENCODED):
        raise UnreadableError("This address takes forms only.")
    try:
        if kind == _URLENCODED:
            return await _form(await FormParser(request.headers, request.stream()).parse())
        parser = MultiPartParser(
            request.headers,
            request.stream(),
            max_files=_MAX_FILES,
            max_fields=_MAX_FIELDS,
            max_part_size=MAX_BODY,
        )
        parser.spool_max_size = MAX_BODY + 1  # in memory, always
        return await _form(await parser.parse())
    except MultiPartException:
        raise UnreadableError("The form could not be read: it has too many fields, or is damaged.") from None


def check_origin(request: Request, origin: str) -> None:
    """Refuse a post that another site had the browser send.

    Raises:
        ForgedError: ``Origin`` is not ours. Browsers send it with every post.
    """
    if request.headers.get("origin") != origin:
        raise ForgedError


def check_token(form: Form, token: str) -> None:
    """Refuse a post that was not made with a form of this session.

    Raises:
        ForgedError: The token is missing or another one.
    """
    if not hmac.compare_digest(form.text(CSRF_FIELD).encode(), token.encode()):
        raise ForgedError


async def _form(data: FormData) -> Form:
    texts: dict[str, list[str]] = {}
    files: dict[str, list[Upload]] = {}
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            await value.close()
            if value.filename or content:
                files.setdefault(name, []).append(Upload(value.filename or "", content))
        else:
            # Browsers end lines with CR LF in forms, whatever was typed (HTML, "form submission").
            texts.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Form(texts, files)
