"""What a test can have go wrong at the GitHub API, and GitHub's limits."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

Match = tuple[str, str]
"""A verb and a part of the path."""


@dataclass
class Faults:
    """Switches; those that hold a list go off once for each entry.

    Attributes:
        away: connections are cut before anything is done.
        lost: requests that are done and whose answer is cut off.
        broken: requests that are answered 502 and not done.
        refused: requests that are answered with that status, message and headers.
        before: called just before a request is done.
        held: parts of paths whose requests wait for an event.
        stale_reads: so many reads of references are answered from before the last write.
        forbidden: permissions that the credential lacks: ``administration``, ``contents``.
        suspended: the App's installation is suspended.
        no_deploy_keys: the organisation forbids deploy keys.
    """

    away: bool = False
    lost: list[Match] = field(default_factory=list)
    broken: list[Match] = field(default_factory=list)
    refused: list[tuple[Match, int, str, dict[str, str]]] = field(default_factory=list)
    before: list[tuple[Match, Callable[[], object]]] = field(default_factory=list)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    stale_reads: int = 0
    forbidden: set[str] = field(default_factory=set)
    suspended: bool = False
    no_deploy_keys: bool = False

    def takes(self, matches: list[Match], verb: str, path: str) -> bool:
        """Whether a one-time fault is for this request; then it is over."""
        found = next((m for m in matches if m[0] == verb and m[1] in path), None)
        if found:
            matches.remove(found)
        return found is not None

    def refusal(self, verb: str, path: str) -> tuple[int, str, dict[str, str]] | None:
        """A one-time refusal of this request."""
        for each in self.refused:
            (wanted, part), status, message, headers = each
            if wanted == verb and part in path:
                self.refused.remove(each)
                return status, message, headers
        return None

    async def hold(self, path: str) -> None:
        """Wait as long as a test wants this request to."""
        for part, event in self.held.items():
            if part in path:
                await event.wait()

    def run_before(self, verb: str, path: str) -> None:
        """What a test wants to happen just before this request."""
        for each in list(self.before):
            if each[0][0] == verb and each[0][1] in path:
                self.before.remove(each)
                each[1]()


@dataclass
class Limits:
    """GitHub's: requests an hour by credential, and content written a minute and an hour.

    Attributes:
        clock: Unix time; a test may let it run as it likes.
    """

    requests: int = 5000
    per_minute: int = 80
    per_hour: int = 500
    clock: Callable[[], float] = time.time
    used: int = 0
    window: float = 0.0
    writes: deque[float] = field(default_factory=deque)
    refusals: int = 0

    @property
    def reset(self) -> int:
        """When the primary limit begins anew."""
        return int(self.window) + 3600

    def headers(self) -> dict[str, str]:
        """Of every answer."""
        return {
            "x-ratelimit-limit": str(self.requests),
            "x-ratelimit-remaining": str(max(0, self.requests - self.used)),
            "x-ratelimit-used": str(self.used),
            "x-ratelimit-reset": str(self.reset),
            "x-ratelimit-resource": "core",
        }

    def enter(self, *, write: bool) -> tuple[str, dict[str, str]] | None:
        """Count a request; returns the message and headers of a refusal."""
        now = self.clock()
        if now >= self.window + 3600:
            self.window, self.used = now, 0
        if self.used >= self.requests:
            self.refusals += 1
            return "API rate limit exceeded for installation ID 1.", {}
        self.used += 1
        return self._count_write(now) if write else None

    def refund(self) -> None:
        """An answer of "not modified" does not count."""
        self.used -= 1

    def _count_write(self, now: float) -> tuple[str, dict[str, str]] | None:
        while self.writes and self.writes[0] <= now - 3600:
            self.writes.popleft()
        recent = [at for at in self.writes if at > now - 60]
        wait = 0.0
        if len(recent) >= self.per_minute:
            wait = recent[-self.per_minute] + 60 - now
        if len(self.writes) >= self.per_hour:
            wait = max(wait, self.writes[-self.per_hour] + 3600 - now)
        if wait <= 0:
            self.writes.append(now)
            return None
        self.refusals += 1
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        return message, {"retry-after": str(max(1, int(wait) + 1))}
