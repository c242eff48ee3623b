"""The dashboard's application on a real API server, with the dashboard's own credential, and people in front of it.

Signing in itself is tested in tests/e2e/browser; here a session is begun for whom the test names.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Final

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from app_platform.contracts import names
from app_platform.dashboard.api.application import PATH
from app_platform.dashboard.application import create_app
from app_platform.dashboard.composition import compose
from app_platform.dashboard.people import person
from app_platform.dashboard.sessions import Session, Token
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.tokens import Tokens
from app_platform.dashboard.web.cookies import SESSION
from app_platform.dashboard.web.site import Site
from app_platform.diagnosis.adapters import RecordedBus
from app_platform.kube import SECRETS, ClusterConfig, KubeClient, Object
from app_platform.local import Platform
from app_platform.namespace_rbac.impersonation import Impersonation
from app_platform.runtime.connection import connected
from app_platform.runtime.history import History
from app_platform.runtime.store import Store, bucket_named
from app_platform.runtime.streams import SESSIONS, ensure_streams
from integration.policies.conftest import World, config, root, world
from support.nats import NatsServer, until

URL = "http://127.0.0.1:1"
CANARY = "c4n4ry-v4lu3"


KEY: Final = RSAKey.generate_key(2048, {"kid": "of-the-tests"})


def groups_of(role: str, app: str) -> tuple[str, ...]:
    """Of somebody of that role; also `stranger` and `platform`."""
    return {"stranger": (), "platform": ("platform-admins",)}.get(role, (f"{app}-{role}s",))


def signed(name: str, *groups: str) -> str:
    """An ID token as the provider signs it."""
    now = int(time.time())
    claims = {
        "iss": URL, "aud": [names.DASHBOARD_CLIENT], "sub": name, "exp": now + 3600, "iat": now,
        "preferred_username": name, "groups": list(groups),
    }  # fmt: skip
    return jwt.encode({"alg": "RS256", "kid": KEY.kid}, claims, KEY)


async def _keys() -> KeySet:
    return KeySet.import_key_set({"keys": [KEY.as_dict(private=False)]})


@dataclass
class Guest:
    """Somebody in front of the dashboard.

    Attributes:
        http: Their browser.
        cookie: By which the dashboard knows them.
    """

    http: httpx2.AsyncClient = field(repr=False)
    session: Session
    cookie: str

    async def get(self, path: str) -> httpx2.Response:
        """Open a page."""
        return await self.http.get(path)

    async def post(
        self,
        path: str,
        fields: dict[str, str | list[str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Send a form, as a page of this session would."""
        data = {"csrf": self.session.csrf, **(fields or {})}
        return await self.http.post(path, data=data, headers={"Origin": URL, **(headers or {})})


@dataclass
class House:
    """The dashboard.

    Attributes:
        world: Two apps and their people.
        site: Its parts.
    """

    world: World
    site: Site
    guests: contextlib.AsyncExitStack

    async def guest(self, name: str, *groups: str) -> Guest:
        """Somebody who is signed in."""
        record_id, session = await self.site.sessions.start(
            person(name, list(groups)), "subject", Token(access="none")
        )
        return Guest(await self.browser(record_id), session, record_id)

    async def browser(self, cookie: str = "") -> httpx2.AsyncClient:
        """A browser, with a session's cookie or without."""
        transport = httpx2.ASGITransport(create_app(self.site), raise_app_exceptions=False)
        cookies = {SESSION: cookie} if cookie else {}
        client = httpx2.AsyncClient(transport=transport, base_url=URL, cookies=cookies)
        return await self.guests.enter_async_context(client)

    async def person(self, role: str) -> Guest:
        """Somebody of that role in the first app; also `stranger` and `platform`."""
        mine = self.world.mine.name
        return await self.guest(f"{role}-of-{mine}", *groups_of(role, mine))

    async def caller(self, role: str) -> httpx2.AsyncClient:
        """Somebody of that role who calls the API with a token of their own."""
        mine = self.world.mine.name
        token = signed(f"{role}-of-{mine}", *groups_of(role, mine))
        transport = httpx2.ASGITransport(create_app(self.site), raise_app_exceptions=False)
        client = httpx2.AsyncClient(
            transport=transport, base_url=URL + PATH, headers={"Authorization": f"Bearer {token}"}
        )
        return await self.guests.enter_async_context(client)

    async def secret(self, name: str, app: str = "") -> Object | None:
        """A Secret of a platform namespace, whole, as the cluster's administrator sees it."""
        return await self.world.root.find(
            SECRETS, name, names.platform_namespace(app or self.world.mine.name)
        )

    async def make_secret(self, name: str = "database", **annotations: str) -> None:
        """An intent that is there already."""
        manifest = SECRETS.manifest(name, self.world.mine.home, stringData={"password": CANARY})
        manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
        notes = {names.TARGET_NAMESPACES: self.world.mine.dev, **annotations}
        manifest["metadata"]["annotations"] = notes
        await self.world.root.create(SECRETS, manifest)


@pytest.fixture
async def house(world: World, platform: Platform, nats_server: NatsServer) -> AsyncIterator[House]:
    """The dashboard, knowing both apps and for whom it may speak."""
    settings = Settings(
        nats_url=nats_server.url, dashboard_url=URL, oidc_issuer_url=URL, recheck_seconds=86_400
    )
    own = ClusterConfig.load({"KUBECONFIG": str(platform.state.kubeconfig("dashboard"))})
    async with (
        KubeClient(own, user_agent="dashboard") as client,
        connected(settings, "test") as nc,
        contextlib.AsyncExitStack() as guests,
    ):
        await ensure_streams(nc.jetstream(), settings)
        store, history = Store(nc.jetstream(), bucket_named(SESSIONS)), History(nc, "dashboard", settings)
        tokens = Tokens(URL, settings.audiences, _keys)
        site = replace(compose(settings, client, store, history, RecordedBus(history)), tokens=tokens)
        tasks = [
            asyncio.create_task(each)
            for each in (
                Impersonation(world.service("namespace-rbac")).run(),
                site.directory.run(),
                site.speakable.run(),
            )
        ]
        made = House(world, site, guests)
        await until(lambda: _knows(made), "the dashboard knows the apps and speaks for their groups")
        yield made
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _knows(house: House) -> bool:
    groups = house.site.speakable.groups() or frozenset()
    known = house.site.directory.app(house.world.theirs.name)
    if known is None or f"{house.world.mine.name}-readers" not in groups or "platform-admins" not in groups:
        return False
    answer = await (await house.person("reader")).get(f"/apps/{house.world.mine.name}/secrets")
    return answer.status_code == httpx2.codes.OK


def texts(answer: httpx2.Response) -> str:
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


__all__ = ["config", "root", "world"]
