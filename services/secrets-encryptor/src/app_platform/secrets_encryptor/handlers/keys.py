"""The app's AGE key: made once, replaced on request, and told.

Each step can be repeated: the key Secret is written only over the version that was read, and what was written says why.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app_platform import sops
from app_platform.contracts import (
    ConditionType,
    EncryptionKeyReady,
    NamespacesReady,
    Registration,
    RegistrationChanged,
    RotationStatus,
    Verdict,
)
from app_platform.runtime import Batch, Done, Outcome, Retry, resync_mark
from app_platform.secrets_encryptor import core, delivery, rotation, sealing
from app_platform.secrets_encryptor.handlers.opening import App
from app_platform.secrets_encryptor.ports import ConflictError, KeyFile, Ports

_OVERTAKEN: Final = Retry("another replica has just written the key", kind="Overtaken")


async def namespaces_ready(ports: Ports, events: Batch) -> Outcome:
    """See that the app has its AGE key, and tell its recipient."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting or not isinstance(events[0], NamespacesReady):
        return Done()
    await ports.registrations.hold(registration)
    return await _see_to_key(ports, registration, resync_mark(events), tell=True)


async def registration_changed(ports: Ports, events: Batch) -> Outcome:
    """Begin a rotation that is asked for, and go on with one that is under way."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting or not isinstance(events[0], RegistrationChanged):
        return Done()
    requested = rotation.is_requested(registration)
    if not registration.status.recipient or not (requested or rotation.is_running(registration)):
        return Done()
    return await _see_to_key(ports, registration, "", tell=requested)


async def go_on(ports: Ports, registration: Registration) -> Outcome:
    """Look at the key and at a rotation because something happened to Flux, which uses the key."""
    return await _see_to_key(ports, registration, "", tell=False)


async def look(ports: Ports, registration: Registration, commit: str) -> None:
    """Have the whole repository compared, because of a commit that is not ours."""
    key = await ports.keys.load(registration.name)
    if key is not None:
        app = App(registration, key, sealing.keyring(key.content, ports.extra_recipients))
        await ports.events.publish(_key_ready(app, look_at=commit))


async def missing(ports: Ports, name: str) -> Outcome:
    """What to do with intents that cannot be encrypted: nothing while the app never had a key, as all are looked at then."""
    registration = await ports.registrations.get(name)
    if registration is None or registration.deleting or not registration.status.recipient:
        return Done()
    outcome = await go_on(ports, registration)
    # When it does not come back, the intents say so.
    if isinstance(outcome, Done):
        return Retry(core.key_missing().message, kind="KeyMissing")
    return outcome


async def compared(ports: Ports, app: App, head: str) -> None:
    """Take in that every file of a commit was seen to be right."""
    if app.key.retiring or rotation.is_running(app.registration):
        await _report_progress(ports, app, head)


async def _see_to_key(ports: Ports, registration: Registration, resync: str, *, tell: bool) -> Outcome:
    try:
        key = await _key(ports, registration)
        if key is None:
            await report_key(ports, registration, core.key_missing())
            return Done()
        ring = sealing.keyring(key.content, ports.extra_recipients)
        back = _is_back(registration)
        app = App(registration, key, ring, resync or (f"key-{key.version}" if back else ""))
        if tell or back or registration.status.recipient != ring.recipient:
            await ports.events.publish(_key_ready(app))
        await _advance(ports, app)
    except sops.InvalidKeyError:
        await report_key(ports, registration, core.key_invalid())
    except ConflictError:
        return _OVERTAKEN
    return Done()


def _is_back(registration: Registration) -> bool:
    """Whether the key was missing or broken: what waited for it is to be looked at."""
    said = registration.status.condition(ConditionType.ENCRYPTION_KEY)
    return said is not None and said.status == "False"


async def _key(ports: Ports, registration: Registration) -> KeyFile | None:
    """The key file, made or begun anew if that is asked for; ``None`` when the app had one and has none any more."""
    existing = await ports.keys.load(registration.name)
    if existing is None:
        return None if registration.status.recipient else await _first_key(ports, registration)
    if registration.rotate_key in {"", existing.request}:
        return existing
    await ports.keys.replace(
        registration.name, rotation.begun(existing, registration.rotate_key, sops.Identity.generate())
    )
    # Read again rather than believed, for its version.
    return await ports.keys.load(registration.name)


async def _first_key(ports: Ports, registration: Registration) -> KeyFile:
    created = KeyFile(sops.Identity.generate().secret + "\n", request=registration.rotate_key)
    await ports.keys.create(registration.name, created)
    return created


async def _advance(ports: Ports, app: App) -> None:
    """One step of a rotation, if there is one, and what there is to say of the key."""
    running = await _report_progress(ports, app)
    if running is None or running.phase not in {rotation.ENCRYPTING, rotation.APPLYING} or running.files_left:
        return
    applied = delivery.applied_commit(await ports.flux.read(app.name))
    head = app.registration.status.repository.head_sha
    if running.commit and applied == running.commit:
        await _end(ports, app, running)
    elif not running.commit or applied == head:
        # Nothing was compared yet, or Flux has gone past what was.
        await ports.events.publish(_key_ready(app, look_at=head))


async def _end(ports: Ports, app: App, running: RotationStatus) -> None:
    if app.key.retiring:
        await ports.keys.replace(app.name, rotation.finished(app.key))
    status = _status(app, rotation.ended(running))
    await ports.registrations.report(app.registration, core.key_ready(app.ring.recipients), status)


async def _report_progress(ports: Ports, app: App, commit: str | None = None) -> RotationStatus | None:
    """Say how far the files are; returns the status of the rotation, ``None`` when there never was one."""
    counted = rotation.count(await ports.intents.metadata(app.name), app.ring)
    ports.outdated.see(app.name, counted.left)
    running = rotation.status(app.registration, app.key, counted, commit, datetime.now(UTC))
    known = app.registration.status.rotation.phase or app.key.request or app.key.retiring or counted.left
    status = _status(app, running if known else None)
    verdict = rotation.verdict(running, counted, app.ring.recipients)
    await ports.registrations.report(app.registration, verdict, status)
    return running if known else None


def _status(app: App, running: RotationStatus | None) -> Mapping[str, Any]:
    status: dict[str, Any] = {
        "recipient": app.ring.recipient,
        "extraRecipients": list(app.ring.extra_recipients),
    }
    if running is not None:
        status["rotation"] = running.model_dump(by_alias=True)
    return status


async def report_key(ports: Ports, registration: Registration, verdict: Verdict) -> None:
    """Say what is wrong with the key; what is known of it stays."""
    before = registration.status.model_dump(mode="json", by_alias=True)
    status = {field: before[field] for field in ("recipient", "extraRecipients")}
    if registration.status.rotation.phase:
        status["rotation"] = before["rotation"]
    await ports.registrations.report(registration, verdict, status)


def _key_ready(app: App, look_at: str = "") -> EncryptionKeyReady:
    """Tell the recipients; with a head, so that the repository is looked at even if this was told before."""
    return EncryptionKeyReady(
        app=app.name,
        name=app.name,
        resync=f"look-{look_at[:12]}" if look_at else app.resync,
        uid=app.registration.uid,
        generation=app.registration.generation,
        recipient=app.ring.recipient,
        extra_recipients=app.ring.extra_recipients,
    )
