"""When a request is worth sending again, and after how long. Pure."""

import random
from collections.abc import Callable
from typing import Final

from app_platform.kube.errors import KubeError, TooManyRequests

ATTEMPTS: Final = 4
_FIRST_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 10.0


def retry_delay(
    error: KubeError, attempt: int, *, idempotent: bool, jitter: Callable[[], float] = random.random
) -> float | None:
    """How long to wait before sending a request again.

    A 429 was not acted upon and may always be repeated. What failed otherwise may have been done nevertheless, so only
    an idempotent request is repeated, and only if the failure is transient.

    Args:
        error: what became of the last attempt.
        attempt: how many attempts were made, from 1.
        idempotent: whether doing it twice is the same as doing it once.
        jitter: a number from 0 to 1.

    Returns:
        Seconds to wait, or None to give up. A server that asks for more patience than 10 s is left to the caller.
    """
    repeatable = isinstance(error, TooManyRequests) or (error.transient and idempotent)
    if attempt >= ATTEMPTS or not repeatable:
        return None
    if error.retry_after is not None:
        return error.retry_after + jitter() if error.retry_after <= _LONGEST_SECONDS else None
    return backoff(attempt, first=_FIRST_SECONDS, longest=_LONGEST_SECONDS, jitter=jitter)


def backoff(
    attempt: int, *, first: float, longest: float, jitter: Callable[[], float] = random.random
) -> float:
    """Exponential backoff with jitter: between a half and the whole of `first` · 2^(attempt-1), at most `longest`."""
    whole = min(longest, first * 2.0 ** min(attempt - 1, 32))
    return whole * (0.5 + jitter() / 2)
