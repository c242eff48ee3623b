"""Webhooks of the Git server: after a push, what changed is told as GitHub tells it.

The body is GitHub's ``push`` event (https://docs.github.com/en/webhooks/webhook-events-and-payloads#push), reduced to who, where
and which commits; ``X-Hub-Signature-256`` is made as there.

Guarantees: a push never waits for a receiver, and its answer does not depend on one. Of several receivers, replicas of one service,
the first that takes a delivery gets it. Leaves out: delivering again, as GitHub does not do that either.
"""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from app_platform.local.git.store import Repository, run_git

_LOG: Final = logging.getLogger(__name__)
_SECONDS: Final = 10.0
_NOTHING: Final = "0" * 40
_MOST_COMMITS: Final = 2048
"""As many as GitHub lists."""
_FIRST_ERROR: Final = 400

Refs = Mapping[str, str]
"""Name of a reference to the commit it names."""


async def refs_of(repository: Repository) -> Refs:
    """What the repository's references name now."""
    listing = await run_git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split(" ", 1)[:2] for line in listing.splitlines())


@dataclass
class Hooks:
    """Who is told.

    Attributes:
        urls: Of the receivers; none means that nobody is told.
        secret: Shared with them.
        base_url: Under which clients reach the server.
    """

    urls: Sequence[str] = ()
    secret: str = field(default="", repr=False)
    base_url: str = ""
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def pushed(self, repository: Repository, before: Refs, after: Refs, user: str) -> None:
        """Tell what a push changed, in the background."""
        for ref in sorted(before.keys() | after.keys()):
            change = (before.get(ref, _NOTHING), after.get(ref, _NOTHING))
            if change[0] != change[1]:
                task = asyncio.create_task(self._tell(repository, ref, change, user))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _tell(self, repository: Repository, ref: str, change: tuple[str, str], user: str) -> None:
        body = json.dumps(await self._payload(repository, ref, change, user)).encode()
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            for url in self.urls:
                if await _delivered(http, url, body, self._headers(body)):
                    return
        _LOG.warning("nobody took the webhook for %s/%s", repository.owner, repository.name)

    def _headers(self, body: bytes) -> dict[str, str]:
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-Hub-Signature-256": f"sha256={digest}",
        }

    async def _payload(
        self, repository: Repository, ref: str, change: tuple[str, str], user: str
    ) -> dict[str, Any]:
        name = f"{repository.owner}/{repository.name}"
        return {
            "ref": ref,
            "before": change[0],
            "after": change[1],
            "deleted": change[1] == _NOTHING,
            "repository": {"full_name": name, "clone_url": f"{self.base_url}/{name}.git"},
            "sender": {"login": user},
            "commits": await _commits(repository, *change),
        }


async def _delivered(http: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        async with http.post(url, data=body, headers=headers) as answer:
            return answer.status < _FIRST_ERROR
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _commits(repository: Repository, before: str, after: str) -> list[dict[str, Any]]:
    if after == _NOTHING:
        return []
    span = after if before == _NOTHING else f"{before}..{after}"
    listing = await run_git(repository, "log", f"--max-count={_MOST_COMMITS}", "--format=%H %ae", span)
    lines = [line.split(" ", 1) for line in listing.splitlines()]
    return [{"id": sha, "author": {"email": email}} for sha, email in lines]
