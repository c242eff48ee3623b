"""Receives a forge's webhooks and tells what concerns an app as ``SourceChanged``.

Guarantees: a request without the right signature gets 401 and leaves no trace but a count; one that is too large, late or
malformed gets an answer that says so. The answer 202 means that the events are stored. A delivery sent again is stored once
within JetStream's duplicate window.
Leaves out: acting on it, which the handlers do; TLS, which the Ingress in front does.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from app_platform.contracts import SourceChanged
from app_platform.git_committer import webhook
from app_platform.git_committer.settings import Settings
from app_platform.git_committer.webhook import BadNoticeError, Notice, Source
from app_platform.kube import GIT_REPOSITORIES, Change, Informer, KubeClient, Scope
from app_platform.runtime import EventSink, PublishError

_LOG: Final = logging.getLogger(__name__)
PATH: Final = "/webhooks/github"
_MAX_BYTES: Final = 25 * 2**20
"""GitHub sends no more (https://docs.github.com/en/webhooks/webhook-events-and-payloads, "payload cap")."""
_SIGNATURE: Final = "X-Hub-Signature-256"
_KIND: Final = "X-GitHub-Event"


class Sources:
    """The GitRepositories of the cluster, kept up to date by a watch.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._informer = Informer(client, Scope(GIT_REPOSITORIES), Source.of)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._informer.run(_ignore)

    def known(self) -> list[Source] | None:
        """All of them; ``None`` before they are known."""
        if not self._informer.synced.is_set():
            return None
        return [change.value for change in self._informer.items.values()]


async def _ignore(_: Change[Source]) -> None:
    """The informer's own picture is all that is needed."""


class Receiver:
    """The HTTP endpoint.

    Args:
        sources: All that a notice may be about; ``None`` before they are known.
        events: Where it is told.
        secrets: The shared secret, and the one before it while the forge still uses that.
        ourselves: E-mail address of our own commits.
    """

    def __init__(
        self,
        sources: Callable[[], list[Source] | None],
        events: EventSink,
        secrets: Sequence[str],
        ourselves: str,
    ) -> None:
        self._sources = sources
        self._events = events
        self._secrets = secrets
        self._ourselves = ourselves

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=_MAX_BYTES)
        app.add_routes([web.post(PATH, self.receive)])
        return app

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one delivery."""
        body = await request.read()
        if not webhook.is_authentic(self._secrets, body, request.headers.get(_SIGNATURE, "")):
            raise web.HTTPUnauthorized(text=f"{_SIGNATURE} does not fit: check the webhook's secret")
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="choose content type application/json for the webhook")
        try:
            notice = webhook.read(request.headers.get(_KIND, ""), body)
        except BadNoticeError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return await self._tell(notice) if notice is not None else web.Response(text="nothing to do")

    async def _tell(self, notice: Notice) -> web.Response:
        sources = self._sources()
        if sources is None:
            raise web.HTTPServiceUnavailable(text="still starting: deliver again in a moment")
        told = [_event(notice, source) for source in webhook.concerned(sources, notice, self._ourselves)]
        try:
            await self._events.publish(*told)
        except PublishError as error:
            _LOG.warning("a webhook could not be told: %s", error)
            raise web.HTTPServiceUnavailable(text="events cannot be stored now: deliver again") from None
        return web.Response(status=202, text=f"told {len(told)} sources")


def _event(notice: Notice, source: Source) -> SourceChanged:
    return SourceChanged(
        app=source.app or "",
        name=source.name,
        action=notice.action,
        repository=source.repository,
        ref=notice.ref,
        sha=notice.sha,
        by=notice.by,
    )


@asynccontextmanager
async def receiving(client: KubeClient, events: EventSink, settings: Settings) -> AsyncIterator[None]:
    """Receive while the context is open, if a secret is set."""
    if not settings.webhook_secrets:
        yield
        return
    sources = Sources(client)
    secrets = [secret.get_secret_value() for secret in settings.webhook_secrets]
    receiver = Receiver(sources.known, events, secrets, settings.author_email)
    runner = web.AppRunner(receiver.application(), access_log=None)
    await runner.setup()
    try:
        async with asyncio.TaskGroup() as group:
            following = group.create_task(sources.run())
            await web.TCPSite(runner, settings.webhook_host, settings.webhook_port).start()
            yield
            following.cancel()
    finally:
        await runner.cleanup()
