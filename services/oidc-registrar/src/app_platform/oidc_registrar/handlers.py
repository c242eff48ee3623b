"""What this service does about each event: brings the clients of one app up to date, as far as that needs no roll of Authelia.

Guarantees: each step reads the registry first and the Secrets after it, and writes either Secrets or the registry, under the versions
that were read; so whoever overtakes us is noticed, and what is written to the registry is no older than what it replaces. A client
secret and our finalizer are on the Secret before its client is in the registry. It may run twice, late, in two replicas at once, and
be killed between any two writes.
Leaves out: making Authelia run with it (``rollout``), which calls ``settle`` again when it does.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from app_platform.contracts import (
    NamespacesReady,
    OidcClientChanged,
    OidcClientDeleted,
    Registration,
    RegistrationDeleted,
    names,
    oidc,
)
from app_platform.oidc_registrar import claims, core, credentials, registry, telling
from app_platform.oidc_registrar.claims import Claim, Claims, Others
from app_platform.oidc_registrar.ports import ClientSecret, ConflictError, Mark, Ports
from app_platform.oidc_registrar.registry import Registry, State
from app_platform.runtime import Batch, Done, HandlerTable, Outcome, Retry, tracing

_LOG: Final = logging.getLogger(__name__)
_TRIES: Final = 8
"""Steps that one look may take; two are the rule, each conflict costs one more."""
NO_LEDGER: Final = "the platform has no list of clients yet: its Secret in Authelia's namespace is not there"


async def clients_changed(ports: Ports, events: Batch) -> Outcome:
    """Bring the clients of the events' app up to date."""
    if await settle(ports, events[0].app):
        return Done()
    return Retry("its clients changed meanwhile", kind="Overtaken")


async def settle(ports: Ports, app: str) -> bool:
    """Bring the clients of an app up to date; returns whether that came to an end."""
    for _ in range(_TRIES):
        try:
            if await _step(ports, app):
                return True
        except ConflictError as conflict:
            _LOG.info("%s: looking again: %s", app, conflict)
    return False


async def _step(ports: Ports, app: str) -> bool:
    """Write what has to be written next; returns whether there was nothing more."""
    stored = await ports.ledger.load()
    registration = await ports.registrations.get(app)
    secrets = await ports.clients.read(app) if registration else ()
    if stored is None:
        await _mark_all(ports, app, _waiting(secrets))
        return True
    state = registry.read(stored)
    if state.is_new:
        await ports.ledger.store(registry.write(state), state.version)
        return False
    is_registered = registration is not None and not registration.deleting
    others = Others(state.registry, await _named_by(ports, app, secrets), ports.rules)
    sorted_ = claims.sort(app, secrets, others, is_registered=is_registered)
    marks = [core.preparation(claim, state.registry.key) for claim in sorted_.granted]
    if any(marks):
        await _hold(ports, registration)
        await _mark_all(ports, app, [mark for mark in marks if mark])
        return False
    wanted = await _with_records(ports, app, sorted_.granted, state)
    if wanted != state.registry:
        await _hold(ports, registration if sorted_.granted else None)
        await ports.ledger.store(registry.write(state.model_copy(update={"registry": wanted})), state.version)
        ports.wake.set()
        return False
    await _report(ports, app, sorted_, state)
    if registration is not None and registration.deleting and core.is_free_of(app, state.registry):
        await ports.registrations.release(registration)
    return True


async def _named_by(ports: Ports, app: str, secrets: Sequence[ClientSecret]) -> frozenset[str]:
    """Which of the client ids that are asked for are names of other apps."""
    asked = {secret.labels.get(names.OIDC_CLIENT_LABEL, "") for secret in secrets} - {app}
    return frozenset(
        [name for name in sorted(asked) if names.is_app_name(name) and await ports.registrations.get(name)]
    )


async def _hold(ports: Ports, registration: Registration | None) -> None:
    if registration is not None and not registration.deleting:
        await ports.registrations.hold(registration)


async def _with_records(ports: Ports, app: str, granted: Sequence[Claim], state: State) -> Registry:
    digests = core.known_digests(state.registry)
    for claim in granted:
        fingerprint = core.fingerprint_of(claim)
        if fingerprint and fingerprint not in digests:
            # Long and pure arithmetic: in a thread, as it would hold up everything else here.
            digests[fingerprint] = await asyncio.to_thread(credentials.digest, core.client_secret_of(claim))
    return core.with_records(app, core.records(app, granted, digests, ports.rules), state)


async def _report(ports: Ports, app: str, sorted_: Claims, state: State) -> None:
    """Tell first and write after: who is killed between the two tells the same again."""
    reports = telling.reports(app, sorted_, state)
    noted = {each.uid: each.annotations.get(names.TRACEPARENT, "") for each in sorted_.secrets}
    for report in reports:
        if report.event:
            # Authelia's roll is that of many changes; what came of each is told in its own trace.
            with tracing.joined("tell how a client stands", noted[report.mark.uid]):
                await ports.events.publish(report.event)
    await _mark_all(ports, app, [report.mark for report in reports])


async def _mark_all(ports: Ports, app: str, marks: Sequence[Mark]) -> None:
    """Write all marks, whatever becomes of the others.

    Raises:
        ConflictError: Some Secret changed meanwhile.
    """
    conflicts = []
    for mark in marks:
        try:
            await ports.clients.mark(app, core.traced(mark, tracing.traceparent(mark.name)))
        except ConflictError as conflict:
            conflicts.append(conflict)
    if conflicts:
        raise conflicts[0]


def _waiting(secrets: Sequence[ClientSecret]) -> list[Mark]:
    reports = [telling.status(each, oidc.PENDING, NO_LEDGER, None) for each in secrets if not each.deleting]
    return [report.mark for report in reports if report]


async def gave_up(ports: Ports, events: Batch, reason: str) -> None:
    """Show on the Secrets that the events name why they are not served now."""
    app, changed = events[0].app, {e.name for e in events if isinstance(e, OidcClientChanged)}
    if not changed or await ports.registrations.get(app) is None:
        return
    secrets = [each for each in await ports.clients.read(app) if each.name in changed and not each.deleting]
    words = f"{oidc.FAILED}{reason}; it is tried again by itself"
    reports = [telling.status(each, words, None, None) for each in secrets]
    await _mark_all(ports, app, [report.mark for report in reports if report])


HANDLERS: HandlerTable[Ports] = {
    NamespacesReady: clients_changed,
    OidcClientChanged: clients_changed,
    OidcClientDeleted: clients_changed,
    RegistrationDeleted: clients_changed,
}
