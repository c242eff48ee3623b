"""What Flux reports: how far each secret is, whether somebody else committed, and whether a former key may go."""

from collections.abc import Sequence
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
    return await _tell_and_look(ports, registration, flux)


def _concerns_key(registration: Registration, flux: FluxObjects) -> bool:
    """Whether a key may be missing or back, or one may go."""
    said = registration.status.condition(ConditionType.ENCRYPTION_KEY)
    if said is None:
        return False
    return rotation.is_running(registration) or said.status != "True" or delivery.fault_in(flux) is not None


def _is_as_known(flux: FluxObjects, head: str) -> bool:
    return delivery.fetched_commit(flux) == head or delivery.is_fetching(flux)


async def _tell_and_look(ports: Ports, registration: Registration, flux: FluxObjects) -> Outcome:
    intents = await ports.intents.metadata(registration.name)
    head = registration.status.repository.head_sha
    if delivery.is_foreign(intents, flux, head):
        await keys.look(ports, registration, delivery.fetched_commit(flux))
    if not ports.patience.is_over(registration.name, waiting=_is_busy(intents)):
        return Retry("commits are still coming", after=_PAUSE)
    return await tell_deliveries(ports, registration, flux, intents)


def _is_busy(intents: Sequence[IntentMetadata]) -> bool:
    return any(core.is_pending(intent) for intent in intents)


async def tell_deliveries(
    ports: Ports, registration: Registration, flux: FluxObjects, intents: Sequence[IntentMetadata]
) -> Outcome:
    """Write on the intents what is new.

    Args:
        ports: The cluster.
        registration: Read after the others.
        flux: The managed objects.
        intents: Their metadata.
    """
    head = registration.status.repository.head_sha
    marks = delivery.marks(intents, flux, head)
    for _ in range(_TRIES):
        overtaken = await mark_all(ports, registration.name, marks, as_seen=True)
        if not overtaken:
            return Done()
        names = {mark.name for mark in overtaken}
        intents = await ports.intents.metadata(registration.name)
        marks = [mark for mark in delivery.marks(intents, flux, head) if mark.name in names]
    return Retry("intents changed while their delivery was being told")


async def commits_may_be_applied(ports: Ports, app: str) -> Outcome:
    """After intents became committed: tell their delivery if Flux was quicker, as it will report nothing any more."""
    flux = await ports.flux.read(app)
    registration = await ports.registrations.get(app)
    if registration is None or delivery.applied_commit(flux) != registration.status.repository.head_sha:
        return Done()
    return await tell_deliveries(ports, registration, flux, await ports.intents.metadata(app))
