"""When Flux fetched a commit and when it applied it, from what was told of the app's own Flux objects. Pure.

A commit is in a revision when the revision is of that commit or of one that was told later: the branch only grows, as nobody forces a
push. A revision that nobody told of, such as a commit of somebody else, counts for what was told before a known one that follows it.
"""

from collections.abc import Callable, Iterable, Sequence

from app_platform.contracts import CommitPushed, FluxObjectChanged, RepositoryReady
from app_platform.dashboard.timelines.stories import Stage, State, Told

_FETCH_ADVICE = (
    "Check the GitRepository of the platform namespace: is the source syncing? Its condition has the message."
)
_APPLY_ADVICE = "Check the Kustomization of the platform namespace: is it reconciling without errors? Its condition has the message."


class Commits:
    """The order of the platform repository's commits, as they were told."""

    def __init__(self, past: Iterable[Told]) -> None:
        self._places: dict[str, int] = {}
        for told in past:
            match told.event:
                case CommitPushed(sha=sha) | RepositoryReady(head_sha=sha):
                    self._places.setdefault(sha, len(self._places))

    def holds(self, revision: str, sha: str) -> bool:
        """Whether a revision (``main@sha1:…``, Flux "GitRepository" API) has a commit in it."""
        place, wanted = self._places.get(revision.rpartition(":")[2]), self._places.get(sha)
        return place is not None and wanted is not None and place >= wanted


def fetched(past: Sequence[Told], commits: Commits, name: str, sha: str, after: int) -> Stage:
    """Whether source-controller has the commit.

    Args:
        past: In the order told.
        commits: Of the repository.
        name: Of the GitRepository.
        sha: The commit.
        after: Place in the history at which it was told.
    """
    return _reached("Fetched", "GitRepository", past, name, _holding(commits, sha), after, _FETCH_ADVICE)


def applied(past: Sequence[Told], commits: Commits, name: str, sha: str, after: int) -> Stage:
    """Whether kustomize-controller has applied the commit; as above, of the Kustomization."""
    return _reached("Applied", "Kustomization", past, name, _holding(commits, sha), after, _APPLY_ADVICE)


def _holding(commits: Commits, sha: str) -> Callable[[FluxObjectChanged], bool]:
    return lambda event: commits.holds(event.revision, sha)


def _reached(  # noqa: PLR0913, PLR0917 - what the two differ in
    title: str,
    kind: str,
    past: Sequence[Told],
    name: str,
    holds: Callable[[FluxObjectChanged], bool],
    after: int,
    advice: str,
) -> Stage:
    said = [
        (told, told.event)
        for told in past
        if isinstance(told.event, FluxObjectChanged)
        and (told.event.object_kind, told.event.name) == (kind, name)
        and told.sequence > after
    ]
    for told, event in said:
        if holds(event):
            return Stage(title, State.DONE, told.at)
    if said and said[-1][1].ready == "False":
        told, event = said[-1]
        return Stage(title, State.FAILED, told.at, f"{event.reason}: {event.message}", advice)
    return Stage(title, State.WAITING)
