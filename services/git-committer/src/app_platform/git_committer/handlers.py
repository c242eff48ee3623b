"""What this service does about each event.

Guarantees: the head is read before the truth about the intents, and a commit is made on that head only. So when a commit
succeeds, no newer content can have been committed before it, whoever else is running. A moved head means: read both
again and decide anew; foreign commits stay.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    ConditionType,
    EncryptionKeyReady,
    FluxObjectChanged,
    IntentVersion,
    Registration,
    RegistrationChanged,
    RegistrationDeleted,
    RepositoryDrifted,
    RepositoryReady,
    SecretEncrypted,
    SecretRemoved,
    SourceChanged,
    names,
)
from app_platform.git_committer import (
    app_keys,
    base_files,
    core,
    flux,
    leftovers,
    messages,
    releasing,
    verdicts,
)
from app_platform.git_committer.ports import (
    Changes,
    ForgeError,
    ForgeUnavailable,
    Head,
    HeadMoved,
    Ports,
    Repair,
    Repository,
    RepositoryMissing,
)
from app_platform.runtime import Batch, Done, HandlerTable, Outcome, Retry, resync_mark
from app_platform.runtime.tracing import trace_id

_LOG: Final = logging.getLogger(__name__)
_REBUILDS: Final = 5
"""Times that a commit is rebuilt at once on a moved head before the batch waits for its next turn."""


async def key_ready(ports: Ports, events: Batch) -> Outcome:
    """See that the repository exists with its base files, that Flux follows it, and tell what it holds."""
    event = events[-1]
    registration = await ports.registrations.get(event.app)
    if registration is None or registration.deleting or not isinstance(event, EncryptionKeyReady):
        return Done()
    await ports.registrations.hold(registration)
    try:
        repository, head, repairs = await _repository(ports, registration, event)
    except ForgeError as error:
        await _report_failure(ports, registration, error)
        return verdicts.later(error)
    # The head is on the registration before it is told, so that its reader sees whether something newer was committed since.
    await _report_repository(ports, registration, repository, head, repairs)
    await ports.events.publish(_repository_ready(registration, repository, head, resync_mark(events)))
    await leftovers.take_away(ports, registration)
    return Done()


async def _repository(
    ports: Ports, registration: Registration, event: EncryptionKeyReady
) -> tuple[Repository, Head, list[Repair]]:
    app, known = registration.name, registration.status.repository.head_sha
    repository = await ports.forge.ensure(app)
    repairs = list(repository.repaired)
    credential = await ports.cluster.credential(app, ports.forge.propose(app))
    if await ports.forge.allow(app, credential) and known:
        repairs.append(
            Repair("CredentialRestored", "Flux's credential was gone from the forge and is there again")
        )
    manifests = flux.manifests(registration, repository, ports.fetch_seconds)
    recipients = [event.recipient, *event.extra_recipients]
    files = base_files.base_files(registration, recipients, list(manifests))
    head, before = await _put_right(ports, registration, files)
    await ports.cluster.apply_flux([flux.source(registration, repository, ports.fetch_seconds)])
    head = await releasing.let_go(ports, registration, head)
    if before is not None:
        if known and not before.sha:
            repairs.append(Repair("RepositoryRebuilt", f"{names.BRANCH} was empty or gone and is made again"))
        await ports.sync.fetch_now(app, len(head.tree))
    return repository, head, repairs


async def _put_right(
    ports: Ports, registration: Registration, files: dict[str, str]
) -> tuple[Head, Head | None]:
    """Commit what is wrong with the base files, again if the head moves; returns the head then, and the one before if it is new."""
    app, known = registration.name, registration.status.repository.head_sha
    for _ in range(_REBUILDS):
        head = await ports.forge.head(app, known)
        changes = core.plan_base(files, head)
        if not changes:
            return head, None
        drifted = core.drifted(changes, head, known)
        message = messages.base_message(drifted, trace_id())
        try:
            sha = await ports.forge.commit(app, head, changes, message)
        except HeadMoved:
            continue
        if drifted:
            await ports.events.publish(_drifted(registration, head, drifted))
        return core.after(head, sha, changes), head
    raise HeadMoved(f"the head of {names.repository_name(app)} moved {_REBUILDS} times while committing")


def _drifted(registration: Registration, head: Head, paths: tuple[str, ...]) -> RepositoryDrifted:
    return RepositoryDrifted(
        app=registration.name,
        name=registration.name,
        uid=registration.uid,
        head_sha=head.sha,
        part="base",
        paths=paths,
    )


async def _report_failure(ports: Ports, registration: Registration, error: ForgeError) -> None:
    status = registration.status.repository.model_dump(by_alias=True)
    await ports.registrations.report(registration, verdicts.failed(error), {"repository": status})


async def _report_repository(
    ports: Ports,
    registration: Registration,
    repository: Repository,
    head: Head,
    repairs: Sequence[Repair] = (),
) -> None:
    status = {"url": repository.url, "branch": repository.branch, "headSha": head.sha}
    verdict = verdicts.ready(repository, repairs)
    await ports.registrations.report(registration, verdict, {"repository": status})


def _repository_ready(
    registration: Registration, repository: Repository, head: Head, resync: str
) -> RepositoryReady:
    return RepositoryReady(
        app=registration.name,
        name=registration.name,
        resync=resync,
        uid=registration.uid,
        generation=registration.generation,
        url=repository.url,
        branch=repository.branch,
        head_sha=head.sha,
        files=core.secrets_in(head.tree, registration.spec.namespaces),
    )


async def secrets_changed(ports: Ports, events: Batch) -> Outcome:
    """Commit a batch of encrypted and removed secrets as one commit."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting:
        return Done()
    try:
        for _ in range(_REBUILDS):
            try:
                return await _commit_once(ports, registration, events)
            except HeadMoved as moved:
                _LOG.info("%s", moved)
    except ForgeError as error:
        if not isinstance(error, ForgeUnavailable | RepositoryMissing):
            await _report_failure(ports, registration, error)
        return verdicts.outcome(error)
    return Retry("the head kept moving", kind="HeadMoved")


async def _commit_once(ports: Ports, registration: Registration, events: Batch) -> Outcome:
    app = registration.name
    head = await ports.forge.head(app, registration.status.repository.head_sha)
    truth = await ports.cluster.intents(app)
    decided = core.plan(events, truth, head, registration.spec.namespaces)
    sha = head.sha
    if decided.changes:
        message = messages.secrets_message(decided.changes, decided.told, trace_id())
        sha = await ports.forge.commit(app, head, decided.changes, message)
    after = core.after(head, sha, decided.changes)
    # Before it is told: who sees an intent committed must find a head that is no older than its commit.
    if sha != registration.status.repository.head_sha:
        await _report_head(ports, registration, after)
    if decided.intents or decided.removed:
        await ports.events.publish(_pushed(app, sha, decided))
    if decided.changes:
        await ports.sync.fetch_now(app, len(after.tree))
        if core.overtaken(events, truth, await ports.cluster.intents(app)):
            # The encryptor compares every intent with what is there now, and tells what differs.
            await ports.events.publish(_look_again(registration, after))
    return Done()


async def _report_head(ports: Ports, registration: Registration, head: Head) -> None:
    if registration.status.repository.url:
        # Before that, the repository is still being made, and who makes it reports it.
        await _report_repository(ports, registration, _known(registration), head)


def _look_again(registration: Registration, head: Head) -> RepositoryReady:
    return _repository_ready(registration, _known(registration), head, "")


def _known(registration: Registration) -> Repository:
    known = registration.status.repository
    return Repository(registration.name, known.url, known.branch)


def _pushed(app: str, sha: str, decided: core.CommitPlan) -> CommitPushed:
    return CommitPushed(
        app=app,
        name=sha[:12],
        sha=sha,
        paths=tuple(sorted([*decided.changes.writes, *decided.changes.deletes])),
        intents=decided.intents,
        removed=decided.removed,
        digest=decided.digest,
    )


async def flux_changed(ports: Ports, events: Batch) -> Outcome:
    """See to the deploy keys of the app's own repositories, and tell whether Flux follows its platform repository."""
    try:
        for name in core.own_sources(events):
            await app_keys.look(ports, events[0].app, name)
    except ForgeError as error:
        return verdicts.later(error)
    return await _sync_changed(ports, events)


async def _sync_changed(ports: Ports, events: Batch) -> Outcome:
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting:
        return Done()
    home = registration.platform_namespace
    if not any(event.name == home for event in events):
        return Done()
    source, kustomization = await ports.cluster.flux(registration.name)
    await ports.registrations.report(registration, flux.sync_verdict(source, kustomization), {})
    if flux.has_applied(kustomization, registration.status.repository.head_sha):
        await leftovers.take_away(ports, registration)
    return await _go_on_letting_go(ports, registration) if flux.kept(kustomization) else Done()


async def _go_on_letting_go(ports: Ports, registration: Registration) -> Outcome:
    """The next step for namespaces that the app gave up, since Flux may have done its part."""
    app, known = registration.name, registration.status.repository
    try:
        head = await ports.forge.head(app, known.head_sha)
        after = await releasing.let_go(ports, registration, head)
    except ForgeError as error:
        return verdicts.outcome(error)
    if after.sha != head.sha:
        await _report_head(ports, registration, after)
    return Done()


async def sources_changed(ports: Ports, events: Batch) -> Outcome:
    """Have Flux fetch what was pushed to, and look anew at a platform repository that somebody else changed."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or registration.deleting:
        return Done()
    latest = {event.name: event for event in events if isinstance(event, SourceChanged)}
    own = latest.pop(registration.platform_namespace, None)
    if own is not None and own.sha != registration.status.repository.head_sha:
        await ports.events.publish(_look_at_all(registration, own))
    for name in latest:
        await ports.sync.fetch_source(registration.name, name)
    return Done()


def _look_at_all(registration: Registration, cause: SourceChanged) -> RegistrationChanged:
    """What a periodic round would tell: each stage looks at its part and makes the next one look."""
    return RegistrationChanged(
        app=registration.name,
        name=registration.name,
        uid=registration.uid,
        resource_version=registration.resource_version,
        resync=f"{cause.action}-{cause.sha[:12]}",
    )


async def registration_deleted(ports: Ports, events: Batch) -> Outcome:
    """Take the Flux objects away without what they deployed; the repository stays."""
    registration = await ports.registrations.get(events[0].app)
    if registration is None or not registration.deleting:
        return Done()
    await ports.cluster.delete_flux(registration.name)
    await ports.registrations.release(registration)
    return Done()


async def gave_up(ports: Ports, events: Batch, reason: str) -> None:
    """Let the encryptor show on the intents, or show on the registration, why nothing was committed."""
    concerned = [_version(e) for e in events if isinstance(e, SecretEncrypted | SecretRemoved)]
    if concerned:
        await ports.events.publish(_failed(events[0].app, concerned, reason))
        return
    registration = await ports.registrations.get(events[0].app)
    if registration is not None and not registration.deleting and isinstance(events[0], EncryptionKeyReady):
        present = registration.status.condition(ConditionType.REPOSITORY)
        kind = present.reason if present is not None and present.status == "False" else ""
        await _report_failure(ports, registration, ForgeError(reason, reason=kind))


def _version(event: SecretEncrypted | SecretRemoved) -> IntentVersion:
    if isinstance(event, SecretEncrypted):
        return event.intent
    return IntentVersion(
        name=event.name, uid=event.uid, resource_version=event.resource_version, fingerprint=""
    )


def _failed(app: str, intents: list[IntentVersion], reason: str) -> CommitFailed:
    told = core.CommitPlan(Changes(), tuple(intents), ()).digest
    digest = hashlib.sha256(f"{told} {reason}".encode()).hexdigest()[:16]
    return CommitFailed(app=app, name=app, reason=reason, intents=tuple(intents), digest=digest)


HANDLERS: HandlerTable[Ports] = {
    EncryptionKeyReady: key_ready,
    SecretEncrypted: secrets_changed,
    SecretRemoved: secrets_changed,
    FluxObjectChanged: flux_changed,
    SourceChanged: sources_changed,
    RegistrationDeleted: registration_deleted,
}
