"""What is said of a platform repository: the condition ``RepositoryReady``, and what becomes of a batch. Pure.

Guarantees: whatever is wrong with a repository has a reason of its own, so that it can be looked up in docs/github.md and
alerted on.
"""

from collections.abc import Sequence
from typing import Final

from app_platform.contracts import ConditionType, Verdict
from app_platform.git_committer.ports import (
    ForgeError,
    ForgeLimited,
    ForgeUnavailable,
    Repair,
    Repository,
    RepositoryMissing,
)
from app_platform.runtime import Outcome, Reject, Retry, Wait

_MADE_SOON: Final = 2.0
"""Seconds after which to look whether a repository that is still being made is there."""


def ready(repository: Repository, repairs: Sequence[Repair] = ()) -> Verdict:
    """It is as it must be; what had to be put right for that is told once."""
    if repairs:
        message = "; ".join(repair.message for repair in repairs)
        return Verdict(ConditionType.REPOSITORY, repairs[0].reason, message, ok=True)
    return Verdict(ConditionType.REPOSITORY, "RepositoryReady", f"{repository.url} is ready", ok=True)


def failed(error: ForgeError) -> Verdict:
    """It is not, and why."""
    return Verdict(ConditionType.REPOSITORY, error.reason, str(error), ok=False)


def outcome(error: ForgeError) -> Outcome:
    """What becomes of a batch of secrets that could not be committed."""
    if isinstance(error, RepositoryMissing):
        return Retry(str(error), after=_MADE_SOON, kind=error.reason)
    return later(error) if isinstance(error, ForgeUnavailable) else Reject(str(error), kind=error.reason)


def later(error: ForgeError) -> Retry | Wait:
    """What becomes of a batch for which the repository must be made or put right first."""
    if isinstance(error, ForgeLimited):
        return Wait(str(error), after=error.after)
    return Retry(str(error), after=error.after, kind=error.reason)
