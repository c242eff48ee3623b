"""What a platform repository should be on GitHub, and what is done when it is not. Pure.

The marker is topic ``app-platform``. A topic comes with the repository in one read, needs nothing set up in the organisation
(a custom property does), is not lost when files are changed (a marker file is), and people see it and can set it: putting it
on a repository is how one hands it over.

What undoes an act that somebody meant is told and left to him (renamed, moved away, archived, disabled). What only endangers
or hinders the platform is put right (visibility, default branch).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.contracts import names
from app_platform.git_committer.ports import ForgeError, Repair

TOPIC: Final = "app-platform"


@dataclass(frozen=True)
class State:
    """A repository as GitHub describes it (https://docs.github.com/rest/repos/repos#get-a-repository)."""

    owner: str
    name: str
    private: bool
    archived: bool
    disabled: bool
    default_branch: str
    topics: tuple[str, ...]
    ssh_url: str
    clone_url: str

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "State":
        """Read GitHub's answer."""
        return cls(
            owner=str(data["owner"]["login"]),
            name=str(data["name"]),
            # "internal" repositories of an enterprise are private too, by that field, and open to all its members.
            private=bool(data["private"]) and data.get("visibility", "private") == "private",
            archived=bool(data.get("archived")),
            disabled=bool(data.get("disabled")),
            default_branch=str(data.get("default_branch") or ""),
            topics=tuple(data.get("topics") or ()),
            ssh_url=str(data["ssh_url"]),
            clone_url=str(data["clone_url"]),
        )

    @property
    def marked(self) -> bool:
        """Whether it is the platform's."""
        return TOPIC in self.topics


@dataclass(frozen=True)
class Mend:
    """Something that is put right by one change of the repository's settings.

    Attributes:
        settings: What to send (https://docs.github.com/rest/repos/repos#update-a-repository).
        reason: Of the condition when it cannot be done.
        repair: What to tell when it is done.
        needed: Whether the repository must not be used until it is done.
    """

    settings: Mapping[str, Any]
    reason: str
    repair: Repair
    needed: bool = field(kw_only=True)


def refusal(state: State, organization: str, app: str) -> ForgeError | None:
    """Why a repository cannot be used until somebody does something; ``None`` when it can."""
    wanted = names.repository_name(app)
    full = f"{state.owner}/{state.name}"
    if state.owner.lower() != organization.lower():
        text = f"{organization}/{wanted} was transferred and is {full} now: transfer it back, or make a new one of the old name"
        return ForgeError(text, reason="RepositoryTransferred")
    if state.name.lower() != wanted.lower():
        text = f"{organization}/{wanted} was renamed to {state.name}: rename it back, or make a new one of the old name"
        return ForgeError(text, reason="RepositoryRenamed")
    if state.archived:
        text = f"{full} is archived: unarchive it in its settings, or delete it to have it made again"
        return ForgeError(text, reason="RepositoryArchived")
    if state.disabled:
        return ForgeError(f"{full} is disabled: ask GitHub's support", reason="RepositoryDisabled")
    return None


def foreign(state: State) -> ForgeError:
    """It exists, holds something, and nothing says that it is ours."""
    text = (
        f"{state.owner}/{state.name} exists already, is not empty and not the platform's: rename or delete it, or give it the "
        f"topic {TOPIC} to hand it over; the platform then owns its secrets/ folder, .sops.yaml, README.md and flux/sync.yaml"
    )
    return ForgeError(text, reason="RepositoryForeign")


def mends(state: State) -> list[Mend]:
    """What is to be put right."""
    found = []
    if not state.private:
        told = "the repository could be read by others and was made private again: see its audit log, and consider rotating the app's key"
        repair = Repair("RepositoryWasPublic", told)
        found.append(Mend({"visibility": "private"}, "RepositoryPublic", repair, needed=True))
    if state.default_branch != names.BRANCH:
        told = f"the default branch was {state.default_branch} and is {names.BRANCH} again"
        repair = Repair("DefaultBranchRestored", told)
        found.append(Mend({"default_branch": names.BRANCH}, "DefaultBranchChanged", repair, needed=False))
    return found
