"""Where people look at a commit: by the host of its repository. Pure.

Guarantees: a link leads by https to the page that the forge of that host has, as a table or the platform's admins say; no other host has links.
Addresses: https://docs.github.com/pull-requests (``/commit/<sha>``), https://docs.gitlab.com/user/project/repository (``/-/commit/<sha>``),
https://docs.gitea.com (``/commit/<sha>``). Leaves out: asking the forge whether the commit is there.
"""

from collections.abc import Mapping
from typing import Final

from app_platform.contracts import git_urls

_GITHUB: Final = "https://{repository}/commit/{commit}"
_GITLAB: Final = "https://{repository}/-/commit/{commit}"
KNOWN: Final[Mapping[str, str]] = {
    "github.com": _GITHUB,
    "gitlab.com": _GITLAB,
    "codeberg.org": _GITHUB,  # Forgejo, as Gitea, has GitHub's addresses
    "gitea.com": _GITHUB,
}
"""Template by host: ``{repository}`` is host and path, ``{commit}`` the id."""
_KINDS: Final = {"github": _GITHUB, "gitlab": _GITLAB, "gitea": _GITHUB, "forgejo": _GITHUB}


def parse(text: str) -> dict[str, str]:
    """Templates from a setting: pairs ``host=kind`` or ``host=template``, separated by spaces.

    Args:
        text: For instance ``git.example.com=gitlab code.example.com=https://{repository}/c/{commit}``.

    Raises:
        ValueError: Naming the pair that is none, and what it should be.
    """
    return dict(_pair(each) for each in text.split())


def _pair(text: str) -> tuple[str, str]:
    host, _, given = text.partition("=")
    template = _KINDS.get(given, given)
    whole = template.startswith("https://") and "{commit}" in template and "{repository}" in template
    if not host or not whole or set("{}") & set(_without_fields(template)):
        kinds = ", ".join(sorted(_KINDS))
        raise ValueError(
            f"{text!r} must be <host>=<one of {kinds}>, or <host>=https://… with {{repository}} and {{commit}}"
        )
    return host.lower(), template


def _without_fields(template: str) -> str:
    return template.replace("{repository}", "").replace("{commit}", "")


class CommitLinks:
    """Finds links.

    Args:
        more: Templates by host, besides those of ``KNOWN``.
    """

    def __init__(self, more: Mapping[str, str] | None = None) -> None:
        self._by_host = {**KNOWN, **(more or {})}

    def __call__(self, url: str, commit: str) -> str:
        """Where a commit can be looked at; empty when that is not known.

        Args:
            url: Of the repository, as Flux or people write it.
            commit: Its id; empty for none.
        """
        repository = git_urls.identity(url)
        template = self._by_host.get(repository.partition("/")[0], "")
        return template.format(repository=repository, commit=commit) if template and commit else ""
