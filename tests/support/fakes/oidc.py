"""The world of oidc-registrar in memory: Secrets of apps, the Secret with Authelia's list, Authelia itself."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app_platform.contracts import OidcClientChanged, names, oidc
from app_platform.oidc_registrar import handlers, registry, rendering
from app_platform.oidc_registrar.ports import (
    SERVICE,
    ClientSecret,
    ConflictError,
    Mark,
    Ports,
    Progress,
    Rollout,
    Rules,
    Stored,
)
from app_platform.oidc_registrar.registry import State
from app_platform.oidc_registrar.rollout import Loop, Pace
from support.fakes.events import Sink
from support.fakes.registrations import FakeRegistrations
from support.samples import registration_object

RULES = Rules(domains=("*.hcl.labrats.work",), reserved_hosts=frozenset({"my-id.hcl.labrats.work"}))
DASHBOARD_URL = "https://dashboard.hcl.labrats.work"
IMPATIENT = Pace(idle=0.0, rolling=0.0, gather=0.0, healthy=0.0, after_failure=0.0)


def client_secret(
    name: str = "web", client_id: str = "web", app: str = "my-app", **data: str
) -> ClientSecret:
    """A Secret as the guide has it."""
    values = {"hostname": f"{name}.{app}.hcl.labrats.work", **data}
    return ClientSecret(
        name=name,
        uid=f"uid-{app}-{name}",
        resource_version="1",
        created="2026-01-31T12:00:00Z",
        labels={names.OIDC_CLIENT_LABEL: client_id, names.APP_LABEL: app},
        data={key: value.encode() for key, value in values.items()},
    )


class FakeClients:
    """The ``Clients`` port, with what users do to Secrets."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], ClientSecret] = {}
        self.before_mark: Callable[[str], None] = lambda _name: None
        self._version = 100

    def put(self, app: str, secret: ClientSecret) -> ClientSecret:
        """Write a Secret as it is given, but for its version."""
        self._version += 1
        written = replace(secret, resource_version=str(self._version))
        if written.deleting and not written.finalizers:
            self.secrets.pop((app, secret.name), None)
        else:
            self.secrets[app, secret.name] = written
        return written

    def change(self, app: str, name: str, **data: str | None) -> None:
        """Set or remove values."""
        there = self.secrets[app, name]
        values = {**there.data, **{key: value.encode() for key, value in data.items() if value is not None}}
        kept = {key: value for key, value in values.items() if data.get(key, "") is not None}
        self.put(app, replace(there, data=kept))

    def annotate(self, app: str, name: str, annotation: str, value: str) -> None:
        """Set an annotation."""
        there = self.secrets[app, name]
        self.put(app, replace(there, annotations={**there.annotations, annotation: value}))

    def delete(self, app: str, name: str) -> None:
        """Ask for deletion."""
        self.put(app, replace(self.secrets[app, name], deleting=True))

    def status(self, app: str, name: str) -> str:
        """What its author reads."""
        return self.secrets[app, name].annotations.get(names.OIDC_STATUS, "")

    def value(self, app: str, name: str) -> str:
        """The client secret."""
        return self.secrets[app, name].data.get(oidc.CLIENT_SECRET, b"").decode()

    async def read(self, app: str) -> Sequence[ClientSecret]:
        """See ``Clients.read``."""
        await asyncio.sleep(0)
        return [secret for (owner, _), secret in self.secrets.items() if owner == app]

    async def mark(self, app: str, mark: Mark) -> None:
        """See ``Clients.mark``."""
        await asyncio.sleep(0)
        self.before_mark(mark.name)
        there = self.secrets.get((app, mark.name))
        if there is None or (there.uid, there.resource_version) != (mark.uid, mark.resource_version):
            raise ConflictError(f"Secret {mark.name} changed meanwhile")
        annotations = {**there.annotations, **mark.annotations}
        data = dict(there.data)
        if mark.client_secret:
            data[oidc.CLIENT_SECRET] = mark.client_secret.encode()
        elif mark.client_secret == "":
            data.pop(oidc.CLIENT_SECRET, None)
        self.put(
            app,
            replace(
                there,
                annotations={key: value for key, value in annotations.items() if value is not None},
                finalizers=there.finalizers if mark.finalizers is None else mark.finalizers,
                data=data,
            ),
        )


class FakeLedger:
    """The ``Ledger`` port."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self.stored: Stored | None = Stored(files or {}, "1")
        self.writes = 0
        self.before_store: Callable[[], None] = lambda: None

    @property
    def state(self) -> State:
        """What it holds now."""
        assert self.stored is not None
        return registry.read(self.stored)

    @property
    def listed(self) -> Mapping[str, rendering.Entry]:
        """The clients in the published list."""
        return rendering.parse(self.state.file).clients

    def edit(self, file: bytes) -> None:
        """Change the list by hand."""
        assert self.stored is not None
        files = {**self.stored.files, names.OIDC_CLIENTS_ENTRY: file}
        self.stored = Stored(files, f"{int(self.stored.version) + 1}")

    async def load(self) -> Stored | None:
        """See ``Ledger.load``."""
        await asyncio.sleep(0)
        return self.stored

    async def store(self, files: Mapping[str, bytes], version: str) -> None:
        """See ``Ledger.store``."""
        await asyncio.sleep(0)
        self.before_store()
        if self.stored is None or self.stored.version != version:
            raise ConflictError("the list changed meanwhile")
        self.writes += 1
        self.stored = Stored({**self.stored.files, **files}, f"{int(version) + 1}")


class FakeAuthelia:
    """The ``Provider`` port: rolls at once, and runs with the lists that it likes.

    Args:
        ledger: Where its list is.
    """

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self.likes: Callable[[Mapping[str, rendering.Entry]], bool] = lambda _clients: True
        self.is_there = True
        self.is_well = True
        self.rolls: list[str] = []
        self.running: Mapping[str, rendering.Entry] = {}
        self._rollout = Rollout("", "", Progress.DONE, "1")

    async def rollout(self) -> Rollout | None:
        """See ``Provider.rollout``."""
        await asyncio.sleep(0)
        return self._rollout if self.is_there else None

    async def roll(self, digest: str, attempt: str, version: str) -> None:
        """See ``Provider.roll``."""
        await asyncio.sleep(0)
        if version != self._rollout.version:
            raise ConflictError("the Deployment changed meanwhile")
        self.rolls.append(digest)
        listed = self._ledger.listed
        starts = bool(listed) and self.is_well and self.likes(listed)
        if starts:
            # As in a rolling update, the old pods stay when the new ones do not start.
            self.running = listed
        progress = Progress.DONE if starts else Progress.FAILED
        self._rollout = Rollout(digest, attempt, progress, f"{int(version) + 1}")

    def forget(self) -> None:
        """Somebody takes our annotations off the Deployment."""
        self._rollout = replace(
            self._rollout, digest="", attempt="", version=f"{int(self._rollout.version) + 1}"
        )

    def recover(self) -> None:
        """It is put right, and its pods start by themselves."""
        self.is_well = True
        self._rollout = replace(self._rollout, progress=Progress.DONE)

    async def is_healthy(self) -> bool:
        """See ``Provider.is_healthy``."""
        await asyncio.sleep(0)
        return self.is_well


class FakeDashboard:
    """The ``Dashboard`` port."""

    def __init__(self) -> None:
        self.secret: ClientSecret | None = ClientSecret("dashboard-oidc", "uid-dashboard", "1")

    async def load(self) -> ClientSecret | None:
        """See ``Dashboard.load``."""
        await asyncio.sleep(0)
        return self.secret

    async def store(self, client_secret: str, version: str) -> None:
        """See ``Dashboard.store``."""
        await asyncio.sleep(0)
        if self.secret is None or self.secret.resource_version != version:
            raise ConflictError("it changed meanwhile")
        data = {
            names.CLIENT_ID_KEY: names.DASHBOARD_CLIENT.encode(),
            oidc.CLIENT_SECRET: client_secret.encode(),
        }
        self.secret = replace(self.secret, data=data, resource_version=f"{int(version) + 1}")


class FakeRegistered(FakeRegistrations):
    """The ``Registrations`` port of this service."""

    async def apps(self) -> Sequence[str]:
        """See ``Registrations.apps``."""
        await asyncio.sleep(0)
        return list(self.objects)


@dataclass
class World:
    """Everything, with one replica's loop."""

    apps: Iterable[str] = ("my-app", "other")
    rules: Rules = RULES
    clients: FakeClients = field(default_factory=FakeClients)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    dashboard: FakeDashboard = field(default_factory=FakeDashboard)
    sink: Sink = field(default_factory=Sink)

    def __post_init__(self) -> None:
        """Put the parts together."""
        self.authelia = FakeAuthelia(self.ledger)
        objects = [registration_object(app, [f"{app}-dev"]) for app in self.apps]
        self.registrations = FakeRegistered(SERVICE, *objects)
        self.ports = Ports(
            self.registrations,
            self.clients,
            self.ledger,
            self.authelia,
            self.dashboard,
            self.sink,
            self.rules,
        )
        self.loop = Loop(self.ports, DASHBOARD_URL, IMPATIENT)

    async def handle(self, app: str = "my-app") -> None:
        """An event of an app is handled."""
        event = OidcClientChanged(app=app, name="x", uid="u", resource_version="1")
        await handlers.clients_changed(self.ports, [event])

    async def quiet(self, steps: int = 60) -> None:
        """Let the loop go on until nothing changes any more, as nobody but the loop does anything."""
        still = 0
        for _ in range(steps):
            before = (self.ledger.stored, len(self.authelia.rolls))
            try:
                await self.loop.step()
            except ConflictError:
                continue
            still = still + 1 if before == (self.ledger.stored, len(self.authelia.rolls)) else 0
            if still == 3:
                return
        raise AssertionError("it does not come to rest")

    async def settle(self, *apps: str) -> None:
        """Every app's events are handled, and the loop does its part."""
        for app in apps or self.apps:
            await self.handle(app)
        await self.quiet()

    def verbs(self, name: str) -> list[str]:
        """What was told of a Secret."""
        return [event.verb for event in self.sink.events if event.name == name]
