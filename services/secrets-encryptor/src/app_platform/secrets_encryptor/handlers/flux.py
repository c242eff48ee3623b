"""What Flux reports: how far each secret is, whether somebody else committed, and whether a former key may go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import ConditionType, FluxObjectChanged, Registration
from app_platform.runtime import Batch, Done, Outcome, Retry
from app_platform.secrets_encryptor import core, delivery, rotation
from app_platform.secrets_encryptor.handlers import keys
from app_platform.secrets_encryptor.handlers.opening import mark_all
from app_platform.secrets_encryptor.ports import FluxObjects, IntentMetadata, Ports

_TRIES: Final = 3
_PAUSE: Final = 1.0
"""Seconds to wait while commits are still coming: what they change would be written twice."""


async def flux_changed(ports: Ports, events: Batch) -> Outcome:
    """Tell on the intents how far Flux is, look at a commit that is not ours, and go on with a rotation."""
    app = events[0].app
    # The objects first: the head that is read after them is at least as new as what they speak of.
    flux = await ports.flux.read(app)
    registration = await ports.registrations.get(app)
    if registration is None or registration.deleting:
        return Done()
    told = [
        e for e in events if isinstance(e, FluxObjectChanged) and e.name == registration.platform_namespace
    ]
    settled = {e.object_kind for e in told if e.ready != "Unknown" or e.deleted}
    if not settled:
        return Done()
    if _concerns_key(registration, flux):
        outcome = await keys.go_on(ports, registration)
        if not isinstance(outcome, Done):
            return outcome
    head = registration.status.repository.head_sha
    if "Kustomization" not in settled and delivery.fault_in(flux) is None and _is_as_known(flux, head):
        return Done()
    return await _tell_and_look(ports, app, flux)


def _concerns_key(registration: Registration, flux: FluxObjects) -> bool:
    """Whether a key may be missing or back, or one may go."""
    said = registration.status.condition(ConditionType.ENCRYPTION_KEY)
    if said is None:
        return False
    return rotation.is_running(registration) or said.status != "True" or delivery.fault_in(flux) is not None


def _is_as_known(flux: FluxObjects, head: str) -> bool:
    return delivery.fetched_commit(flux) == head or delivery.is_fetching(flux)


async def _tell_and_look(ports: Ports, app: str, flux: FluxObjects) -> Outcome:
    seen = await _see(ports, app, flux)
    if seen is None:
        return Done()
    if delivery.is_foreign(seen.intents, flux, seen.head):
        await keys.look(ports, seen.registration, delivery.fetched_commit(flux))
    busy = any(core.is_pending(intent) for intent in seen.intents)
    if not ports.patience.is_over(app, waiting=busy):
        return Retry("commits are still coming", after=_PAUSE, kind="CommitsComing")
    return await _tell(ports, seen)


async def commits_may_be_applied(ports: Ports, app: str) -> Outcome:
    """After intents became committed: tell their delivery if Flux was quicker, as it will report nothing any more."""
    flux = await ports.flux.read(app)
    registration = await ports.registrations.get(app)
    if registration is None or delivery.applied_commit(flux) != registration.status.repository.head_sha:
        return Done()
    seen = await _see(ports, app, flux)
    return Done() if seen is None else await _tell(ports, seen)


@dataclass(frozen=True)
class _Seen:
    """What deliveries are decided by, read in this order: Flux's objects, the intents, the registration.

    git-committer puts the head of the branch on the registration before it tells a commit. So the head that is read here is
    no older than the commit of any intent, and when Flux has applied it, it has applied them all.
    """

    flux: FluxObjects
    intents: Sequence[IntentMetadata]
    registration: Registration

    @property
    def head(self) -> str:
        """Of the branch."""
        return self.registration.status.repository.head_sha


async def _see(ports: Ports, app: str, flux: FluxObjects) -> _Seen | None:
    intents = await ports.intents.metadata(app)
    registration = await ports.registrations.get(app)
    if registration is None or registration.deleting:
        return None
    return _Seen(flux, intents, registration)


async def _tell(ports: Ports, seen: _Seen | None) -> Outcome:
    """Write on the intents what is new."""
    for _ in range(_TRIES):
        if seen is None:
            return Done()
        marks = delivery.marks(seen.intents, seen.flux, seen.head)
        if not await mark_all(ports, seen.registration.name, marks, as_seen=True):
            return Done()
        seen = await _see(ports, seen.registration.name, seen.flux)
    return Retry("intents changed while their delivery was being told", kind="Overtaken")
