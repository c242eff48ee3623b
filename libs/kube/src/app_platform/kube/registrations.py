"""AppPlatformRegistrations as every service reads and reports on them.

Guarantees: each condition is applied under a field manager of its own, so that no service can undo another's; nothing is
written that is there already; a finalizer is added and removed without touching anybody else's.
Leaves out: deciding what to report.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from pydantic import ValidationError

from app_platform.contracts import Registration, Verdict, names, stamped
from app_platform.contracts.dry_run import Steps
from app_platform.contracts.registration import KIND, PLURAL, VERSION
from app_platform.kube.client import KubeClient
from app_platform.kube.errors import Conflict, NotFound
from app_platform.kube.resources import Object, Resource

REGISTRATIONS: Final = Resource(names.GROUP, VERSION, PLURAL, KIND, namespaced=False)


class UnparsedError(Exception):
    """A registration breaks a rule of this version; the text names it, the fields and what is wrong with each.

    Attributes:
        app: Its name.
    """

    def __init__(self, app: str, faults: str) -> None:
        super().__init__(
            f"registration {app!r} does not parse: {faults}. Is the CustomResourceDefinition of this version installed? "
            f"Mend these fields (`kubectl edit apr {app}`)"
        )
        self.app = app


def parsed(obj: Object) -> Registration:
    """The registration that the API server returned.

    Raises:
        UnparsedError: It was stored under the rules of another version.
    """
    try:
        return Registration.from_object(obj)
    except ValidationError as error:
        raise UnparsedError(obj["metadata"]["name"], "; ".join(_faults(error))) from None


def all_parsed(objects: Iterable[Object]) -> tuple[list[Registration], list[UnparsedError]]:
    """Those that parse, and why the others do not: one bad object hides no other."""
    good: list[Registration] = []
    bad: list[UnparsedError] = []
    for obj in objects:
        try:
            good.append(parsed(obj))
        except UnparsedError as error:
            bad.append(error)
    return good, bad


def _faults(error: ValidationError) -> list[str]:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return [": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in found]


class Registrations:
    """What one service does with registrations.

    Args:
        client: To the cluster.
        service: Name of the service; names its finalizer and its field managers.
    """

    def __init__(self, client: KubeClient, service: str) -> None:
        self._client = client
        self._service = service
        self._finalizer = names.finalizer(service)

    async def get(self, app: str) -> Registration | None:
        """The registration now; ``None`` when there is none."""
        try:
            return Registration.from_object(await self._client.get(REGISTRATIONS, app))
        except NotFound:
            return None

    async def apps(self) -> list[str]:
        """The names of all registrations."""
        listed = await self._client.list(REGISTRATIONS, metadata_only=True)
        return [each["metadata"]["name"] for each in listed]

    async def report(self, registration: Registration, verdict: Verdict, status: Mapping[str, Any]) -> None:
        """Write a condition, made of the verdict, and the status fields that go with it, if they differ.

        Args:
            registration: As it was when the verdict was reached.
            verdict: Becomes the condition.
            status: Fields of the status that belong to this verdict, by their JSON names; always the same ones.
        """
        if is_said(registration, verdict, status):
            return
        condition = stamped(registration, verdict, datetime.now(UTC))
        written = {**status, "conditions": [condition.model_dump(mode="json", by_alias=True)]}
        body = {"metadata": {"name": registration.name}, "status": written}
        manager = f"{self._service}-{verdict.type}"
        try:
            await self._client.apply(
                REGISTRATIONS, body, field_manager=manager, force=True, subresource="status"
            )
        except NotFound:
            # It was deleted meanwhile; there is nobody left to tell.
            return

    async def hold(self, registration: Registration) -> None:
        """Put this service's finalizer on it."""
        if self._finalizer not in registration.finalizers:
            await self._own_finalizers(registration, [self._finalizer])

    async def release(self, registration: Registration) -> None:
        """Take this service's finalizer off."""
        if self._finalizer in registration.finalizers:
            await self._own_finalizers(registration, [])

    async def _own_finalizers(self, registration: Registration, finalizers: list[str]) -> None:
        # Server-side apply treats finalizers as a set with an owner for each; the uid keeps it from making a new object.
        body = {"metadata": {"name": registration.name, "uid": registration.uid, "finalizers": finalizers}}
        try:
            await self._client.apply(
                REGISTRATIONS, body, field_manager=f"{self._service}-finalizer", force=True
            )
        except (Conflict, NotFound):
            return


def is_said(registration: Registration, verdict: Verdict, status: Mapping[str, Any]) -> bool:
    """Whether a registration says already what a verdict and its status fields say."""
    condition = stamped(registration, verdict, datetime.now(UTC))
    there = registration.status.model_dump(mode="json", by_alias=True)
    return condition == registration.status.condition(verdict.type) and status.items() <= there.items()


class Readable(Protocol):
    """Where registrations are read."""

    async def get(self, app: str) -> Registration | None:
        """The registration now; ``None`` when there is none."""
        ...


class DryRegistrations:
    """``Registrations`` of a dry run: reads, and notes what it would write.

    Args:
        real: Where registrations are read.
        steps: Where what would be written is noted.
        service: As for ``Registrations``.
    """

    def __init__(self, real: Readable, steps: Steps, service: str) -> None:
        self._real, self._steps = real, steps
        self._finalizer = names.finalizer(service)

    async def get(self, app: str) -> Registration | None:
        """See ``Registrations.get``."""
        return await self._real.get(app)

    async def report(self, registration: Registration, verdict: Verdict, status: Mapping[str, Any]) -> None:
        """Note a condition that would change."""
        if not is_said(registration, verdict, status):
            said = f"{verdict.type}={verdict.ok} {verdict.reason}: {verdict.message}"
            self._steps.would("report", f"{KIND} {registration.name}", said)

    async def hold(self, registration: Registration) -> None:
        """Note the finalizer, if it is not there."""
        if self._finalizer not in registration.finalizers:
            self._steps.would("hold", f"{KIND} {registration.name}", self._finalizer)

    async def release(self, registration: Registration) -> None:
        """Note that the finalizer would go."""
        if self._finalizer in registration.finalizers:
            self._steps.would("release", f"{KIND} {registration.name}", self._finalizer)
