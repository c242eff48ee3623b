"""GitRepositories as pages show them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from app_platform.contracts import git_urls, names
from app_platform.dashboard.flux.objects import FluxObject, Revision, common, revision, shown_url

DEFAULT_BRANCH: Final = "master"
"""What source-controller follows when nothing is said."""
_GITHUB: Final = "github.com"


@dataclass(frozen=True)
class Source(FluxObject):
    """A GitRepository.

    Attributes:
        url: Without a password.
        branch: Empty when it follows something else.
        follows: What it follows, for people: ``main``, ``tag v1.2.3``.
        secret: Name of the Secret that lets Flux in; empty for none.
        revision: That was fetched last.
        fetched: When.
        key_status: ``Added`` when the platform added its key at the forge, else why it did not; empty where it does not try.
    """

    url: str
    branch: str
    follows: str
    secret: str
    revision: Revision | None
    fetched: str
    key_status: str

    @property
    def has_deploy_key(self) -> bool:
        """Whether the platform makes its key."""
        return self.secret == key_name(self.name) and not self.managed

    @property
    def key_was_added(self) -> bool:
        """Whether the platform added its key at the forge, and takes it off again."""
        return self.key_status == "Added"

    @property
    def key_page(self) -> str:
        """Where a deploy key is added, for repositories on GitHub; else empty."""
        identity = git_urls.identity(self.url)
        return f"https://{identity}/settings/keys/new" if identity.startswith(f"{_GITHUB}/") else ""

    @property
    def host(self) -> str:
        """The server."""
        return urlsplit(self.url).hostname or ""


def key_name(source: str) -> str:
    """The Secret that holds the deploy key of a GitRepository."""
    return names.DEPLOY_KEY + source


def source(obj: Mapping[str, Any]) -> Source:
    """A GitRepository as the API server sends it."""
    spec, artifact = obj.get("spec") or {}, (obj.get("status") or {}).get("artifact") or {}
    ref: Mapping[str, str] = spec.get("ref") or {"branch": DEFAULT_BRANCH}
    return Source(
        **common(obj),
        url=shown_url(str(spec.get("url", ""))),
        branch=ref.get("branch", "") if not ref.keys() - {"branch"} else "",
        follows=_follows(ref),
        secret=(spec.get("secretRef") or {}).get("name", ""),
        revision=revision(artifact.get("revision", "")),
        fetched=artifact.get("lastUpdateTime", ""),
        key_status=(obj["metadata"].get("annotations") or {}).get(names.DEPLOY_KEY_STATUS, ""),
    )


def _follows(ref: Mapping[str, str]) -> str:
    """In the order in which source-controller looks: commit, name, semver, tag, branch (GitRepositoryRef)."""
    kind = next((each for each in ("commit", "name", "semver", "tag") if ref.get(each)), "")
    return f"{kind} {ref[kind]}" if kind else ref.get("branch", DEFAULT_BRANCH)
