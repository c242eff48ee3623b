"""Requests to GitHub's REST API: in threads, bounded, within our own budget, and never waiting for a limit.

PyGithub gives connections, authentication (also as an App, whose tokens it renews) and JSON. It is synchronous, so each request
runs in a thread. Its own retries and pauses are switched off: they would sleep with a message in hand.

Guarantees: a request is paid for, out of budgets that all replicas share, before it is sent. When one is spent, or when GitHub
names a time, ``ForgeLimited`` with the seconds is raised, and all replicas hold still until then. What is read again is asked
for conditionally, and an answer of "not modified" does not count against GitHub's limit. A request that may be repeated without
harm is repeated once when the connection broke. No error or log line holds a credential or a body.
Leaves out: a budget of the primary limit (5,000 requests an hour and more): each answer says what is left of it.
"""

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import Any, Final

import requests
from github import Auth, Github, GithubException

from app_platform.git_committer.adapters.github import errors
from app_platform.git_committer.adapters.github.allowance import allowance
from app_platform.git_committer.ports import ForgeError, ForgeLimited, ForgeUnavailable
from app_platform.runtime.budget import Budget

VERSION: Final = "2022-11-28"
USER_AGENT: Final = "app-platform-git-committer"
_THREADS: Final = 16
_REMEMBERED: Final = 4000
"""Answers kept for conditional requests: some three for each repository."""
_TO_BE_READ: Final = {
    HTTPStatus.MOVED_PERMANENTLY,
    HTTPStatus.TEMPORARY_REDIRECT,
    HTTPStatus.PERMANENT_REDIRECT,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""Statuses that mean something else at each endpoint; all other errors are raised here."""

_POINTS_OF_A_WRITE: Final = 5
"""A read is one point (https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api, "Calculating points")."""

Login = Callable[[], Auth.Auth]


@dataclass(frozen=True)
class Budgets:
    """What GitHub's secondary limits allow.

    Attributes:
        writes: Requests that make content.
        points: All requests, weighed. Closed for all while GitHub wants to be left alone.
    """

    writes: Budget
    points: Budget


@dataclass(frozen=True)
class Answer:
    """What GitHub said.

    Attributes:
        status: Of HTTP.
        data: Decoded; of a read, what was picked of it.
        error: What it means, if it is an error.
    """

    status: int
    data: Any = None
    error: ForgeError | None = None

    @property
    def value(self) -> Any:  # noqa: ANN401 - JSON
        """The data; raises the error."""
        if self.error is not None:
            raise self.error
        return self.data


class GitHubApi:
    """Sends requests.

    Args:
        url: Of the API.
        login: Makes a new authentication; called again when GitHub refuses the one before.
        budgets: For what is sent.
        seconds: That one request may take.
        pool: Where requests run.
    """

    def __init__(
        self, url: str, login: Login, budgets: Budgets, seconds: int, pool: ThreadPoolExecutor
    ) -> None:
        self._url, self._login, self._seconds = url, login, seconds
        self._budgets = budgets
        self._pool = pool
        self._remembered: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._renewing = Lock()
        self._github = self._connect()

    async def get(self, path: str, pick: Callable[[Any], Any]) -> Answer:
        """Read, conditionally if it was read before.

        Args:
            path: Below the API's URL.
            pick: What to keep of the decoded answer.
        """
        etag, known = self._remembered.get(path, ("", None))
        status, headers, data = await self._ask("GET", path, {"If-None-Match": etag} if etag else {})
        if status == HTTPStatus.NOT_MODIFIED:
            self._remembered.move_to_end(path)
            return Answer(HTTPStatus.OK, known)
        if status != HTTPStatus.OK:
            self._remembered.pop(path, None)
            return Answer(status, data, errors.of(status, headers, data, time.time()))
        picked = pick(data)
        self._remember(path, str(headers.get("etag", "")), picked)
        return Answer(status, picked)

    async def get_now(self, path: str) -> Answer:
        """Read without remembering."""
        status, headers, data = await self._ask("GET", path, {})
        return self._answer(status, headers, data)

    async def pay(self, writes: int) -> None:
        """Take so many writes out of the budget.

        Raises:
            ForgeLimited: It does not hold as many.
        """
        # Points first: those of a write that is then refused are lost, and there are more of them.
        await self._pay_points(writes * _POINTS_OF_A_WRITE)
        wait = await self._budgets.writes.take(writes)
        if wait:
            raise errors.limited("the budget of writes to GitHub is spent", wait)

    async def send(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Write; it must have been paid for."""
        repeatable = verb == "PUT" or path.endswith(_CONTENT_ADDRESSED)
        status, headers, data = await self._ask(verb, path, {}, body, repeatable=repeatable)
        return self._answer(status, headers, data)

    async def write(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Pay for one write and send it."""
        await self.pay(1)
        return await self.send(verb, path, body)

    def _answer(self, status: int, headers: Mapping[str, Any], data: object) -> Answer:
        failed = status >= HTTPStatus.MULTIPLE_CHOICES
        return Answer(status, data, errors.of(status, headers, data, time.time()) if failed else None)

    async def _ask(
        self,
        verb: str,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        repeatable: bool = True,
    ) -> tuple[int, Mapping[str, Any], Any]:
        if verb == "GET":
            await self._pay_points(1)
        request = partial(self._in_thread, verb, path, headers, body)
        try:
            status, found, data = await self._run(request)
        except ForgeUnavailable:
            if not repeatable:
                raise
            status, found, data = await self._run(request)
        if status == HTTPStatus.UNAUTHORIZED:
            # An App's token ends early when the App is installed anew or its key is replaced: get another one, once.
            self._renew()
            status, found, data = await self._run(request)
        await self._heed(status, found, data)
        return status, found, data

    async def _run(
        self, request: Callable[[], tuple[int, Mapping[str, Any], Any]]
    ) -> tuple[int, Mapping[str, Any], Any]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, request)

    def _in_thread(
        self, verb: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> tuple[int, Mapping[str, Any], Any]:
        github = self._github
        try:
            with self._renewing:
                # One thread gets an App's token; the others find it.
                _ = github.requester.auth.token if github.requester.auth else ""
            status, found, text = github.requester.requestJson(verb, path, None, dict(headers), body)
            return status, found, _decoded(text)
        except GithubException as error:
            return error.status, error.headers or {}, error.data
        except (requests.RequestException, RuntimeError, AssertionError) as error:
            # Their texts name addresses, and may name more; the kind of error is enough.
            raise ForgeUnavailable(f"GitHub does not answer: {type(error).__name__}") from None

    async def _pay_points(self, points: int) -> None:
        wait = await self._budgets.points.take(points)
        if wait:
            raise errors.limited(
                "GitHub asked to be left alone, or a minute's requests to it are spent", wait
            )

    async def _heed(self, status: int, headers: Mapping[str, Any], data: object) -> None:
        """Hold still when GitHub says so, in all replicas; raise what no caller can make sense of."""
        allowance().note(headers)
        until = errors.spent_until(headers)
        if until is not None:
            await self._budgets.points.close(max(1.0, until - time.time()))
        if status < HTTPStatus.BAD_REQUEST or status in _TO_BE_READ:
            return
        error = errors.of(status, headers, data, time.time())
        if isinstance(error, ForgeLimited) and until is None:
            await self._budgets.points.close(error.after)
        raise error

    def _connect(self) -> Github:
        return Github(
            auth=self._login(),
            base_url=self._url,
            timeout=self._seconds,
            api_version=VERSION,
            user_agent=USER_AGENT,
            retry=None,
            pool_size=_THREADS,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )

    def _renew(self) -> None:
        self._github = self._connect()

    def _remember(self, path: str, etag: str, picked: object) -> None:
        if etag:
            self._remembered[path] = (etag, picked)
            self._remembered.move_to_end(path)
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)


_CONTENT_ADDRESSED: Final = ("/git/blobs", "/git/trees", "/git/commits")
"""What is made there has its content's name, and nothing refers to it yet: twice is as good as once."""


def _decoded(text: object) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(text, str) or not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


@asynccontextmanager
async def github_api(url: str, login: Login, budgets: Budgets, seconds: int) -> AsyncIterator[GitHubApi]:
    """An API whose threads end with the context."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="github")
    try:
        yield GitHubApi(url, login, budgets, seconds, pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
