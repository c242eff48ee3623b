"""What a forge tells by webhook, read and checked. Pure.

The format is GitHub's (https://docs.github.com/en/webhooks/webhook-events-and-payloads): ``X-GitHub-Event`` names the kind,
``X-Hub-Signature-256`` is ``sha256=`` and the HMAC-SHA256 of the body under the shared secret, in hex. The local Git server
sends the same.

Guarantees: nothing of a body is believed or even parsed before its signature was checked. A notice is a hint to look and
nothing else, so a repeated one can do no more than make us look again.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts import git_urls, names

_SCHEME: Final = "sha256="
_HEADS: Final = "refs/heads/"
_TAGS: Final = "refs/tags/"
_FLUX_DEFAULT_BRANCH: Final = "master"
"""What Flux follows when a GitRepository names no reference (source-controller api/v1 ``GitRepositoryRef.Branch``)."""
_URLS: Final = ("clone_url", "ssh_url", "html_url", "git_url")
_MAX_TEXT: Final = 100
_REPOSITORY_ACTIONS: Final = frozenset(
    {"archived", "unarchived", "deleted", "renamed", "transferred", "publicized", "privatized", "edited"}
)
_PUSH: Final = "push"


class BadNoticeError(ValueError):
    """A body that is signed rightly and is no notice; the text says what is wrong with it."""


@dataclass(frozen=True)
class Notice:
    """That something happened to a repository.

    Attributes:
        action: ``push``, or what became of the repository.
        repositories: Its identities (``git_urls.identity``), by HTTP and by SSH.
        ref: That was pushed to; empty for other actions.
        sha: What that ref names now; empty when it was deleted.
        by: Login of who did it.
        authors: E-mail addresses of the authors of the commits that were pushed.
    """

    action: str
    repositories: tuple[str, ...]
    ref: str = ""
    sha: str = ""
    by: str = ""
    authors: frozenset[str] = frozenset()


def is_authentic(secrets: Sequence[str], body: bytes, signature: str) -> bool:
    """Whether the signature was made with one of the secrets; takes the same time whichever it is, or none."""
    given = signature.encode()
    matches = [hmac.compare_digest(sign(secret, body).encode(), given) for secret in secrets]
    return any(matches)


def sign(secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature-256`` for a body."""
    return _SCHEME + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def read(kind: str, body: bytes) -> Notice | None:
    """Read a notice; ``None`` for one that changes nothing here.

    Args:
        kind: The header ``X-GitHub-Event``.
        body: As it came; its signature was checked.

    Raises:
        BadNoticeError: It is not JSON, or lacks what a notice of this kind has.
    """
    if kind not in {_PUSH, "repository"}:
        return None
    try:
        payload = json.loads(body)
        repositories = _identities(payload["repository"])
        by = str(payload.get("sender", {}).get("login", ""))[:_MAX_TEXT]
        if kind == _PUSH:
            return _push(payload, repositories, by)
        action = str(payload["action"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadNoticeError(f"not a {kind} notice in JSON: {type(error).__name__}") from None
    return Notice(action, repositories, by=by) if action in _REPOSITORY_ACTIONS else None


def _push(payload: Mapping[str, Any], repositories: tuple[str, ...], by: str) -> Notice:
    sha = "" if payload.get("deleted") else str(payload["after"])
    authors = frozenset(str(commit["author"]["email"]) for commit in payload.get("commits", ()))
    return Notice(_PUSH, repositories, str(payload["ref"]), sha, by, authors)


def _identities(repository: Mapping[str, Any]) -> tuple[str, ...]:
    found = (git_urls.identity(str(repository[key])) for key in _URLS if repository.get(key))
    return tuple(sorted({identity for identity in found if identity}))


@dataclass(frozen=True)
class Source:
    """What is known of a GitRepository.

    Attributes:
        repository: Identity of what it follows; empty when its URL is none.
        reference: Its ``spec.ref``.
    """

    namespace: str
    name: str
    repository: str
    reference: Mapping[str, Any]

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "Source":
        """Read a GitRepository as the API server returns it."""
        meta, spec = obj["metadata"], obj.get("spec", {})
        return cls(
            meta["namespace"], meta["name"], git_urls.identity(spec.get("url", "")), spec.get("ref") or {}
        )

    @property
    def app(self) -> str | None:
        """The app in whose platform namespace it is; ``None`` elsewhere."""
        return names.app_of_platform_namespace(self.namespace)

    @property
    def is_platform_repository(self) -> bool:
        """Whether it is the managed one."""
        return self.name == self.namespace


def concerned(sources: Iterable[Source], notice: Notice, ourselves: str) -> list[Source]:
    """The sources of apps that a notice is news for.

    Args:
        sources: All that are known.
        notice: What happened.
        ourselves: E-mail address of our own commits: a push of nothing else to a platform repository is no news. Whoever forges
            it is found by the next periodic look.
    """
    ours = notice.authors == {ourselves}
    return [
        source
        for source in sources
        if source.app is not None
        and source.repository in notice.repositories
        and (not notice.ref or follows(source.reference, notice.ref))
        and not (ours and source.is_platform_repository)
    ]


def follows(reference: Mapping[str, Any], ref: str) -> bool:
    """Whether a GitRepository with this ``spec.ref`` may have something new after a push to ``ref``.

    Args:
        reference: ``spec.ref``; empty when it has none.
        ref: For instance ``refs/heads/main``.
    """
    if name := reference.get("name"):
        return bool(name == ref)
    if reference.get("tag") or reference.get("semver"):
        return ref.startswith(_TAGS)
    return ref == _HEADS + (reference.get("branch") or _FLUX_DEFAULT_BRANCH)
