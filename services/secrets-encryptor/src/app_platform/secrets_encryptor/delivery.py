"""How far Flux is with each committed intent, from what its objects say of themselves. Pure.

Guarantees: ``Applied`` is said only when Flux reports that it has applied the intent's commit or the present head, and stays
for that commit. A fault that names an object is that target's; the others say what blocks them, since
kustomize-controller applies all of a Kustomization or nothing: it tries every object before it writes the first.
Messages hold names, reasons and what the API server says of a refusal, without the values it may quote.
Leaves out: objects other than the managed GitRepository and Kustomization.

Reasons are those of fluxcd/pkg ``apis/meta/conditions.go`` and source-controller ``api/v1``; the texts those of
kustomize-controller ``internal/controller`` and ``internal/decryptor``, and of fluxcd/pkg ``ssa/errors`` (``DryRunErr``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts import Deliveries, Delivery, Stage, names, read_deliveries, write_deliveries
from app_platform.contracts.flux_text import without_values
from app_platform.secrets_encryptor import core
from app_platform.secrets_encryptor.ports import FluxObjects, IntentMetadata, Mark

_STAGES: Final = {
    "ArtifactFailed": Stage.FETCH,
    "BuildFailed": Stage.BUILD,
    "PruneFailed": Stage.PRUNE,
    "HealthCheckFailed": Stage.HEALTH,
    "HealthCheckCanceled": Stage.HEALTH,
}
_NEEDS_KEY: Final = re.compile(r"decrypt|agekey|data key", re.IGNORECASE)
_UNDECRYPTED: Final = re.compile(r"decryption failed for '[^']*/(?P<name>[a-z0-9.-]+)'")
_OBJECT: Final = re.compile(r"\b(?P<kind>[A-Z]\w+)/(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9.-]+) ")
_REFUSED: Final = re.compile(r" is forbidden: User ")
"""As RBAC says it; an admission policy forbids in other words, and forbids an object, not a namespace."""


@dataclass(frozen=True)
class Fault:
    """What keeps Flux from applying.

    Attributes:
        namespace: Of the object that fails; empty when it is not known, or there is none.
        name: Of that object; empty likewise, or when all of the namespace's objects fail for that reason.
    """

    stage: Stage
    message: str
    namespace: str = ""
    name: str = ""

    @property
    def names_object(self) -> bool:
        """Whether it concerns some targets only."""
        return bool(self.namespace or self.name)

    def concerns(self, namespace: str, name: str) -> bool:
        """Whether it is this target that fails."""
        return self.namespace in {"", namespace} and self.name in {"", name}


def fetched_commit(flux: FluxObjects) -> str:
    """The commit that Flux fetched last; empty when there is none."""
    artifact = _status(flux.source).get("artifact") or {}
    return commit_of(str(artifact.get("revision") or ""))


def applied_commit(flux: FluxObjects) -> str:
    """The commit that Flux applied last, without fault; empty when there is none."""
    return commit_of(str(_status(flux.kustomization).get("lastAppliedRevision") or ""))


def commit_of(revision: str) -> str:
    """The commit in a Flux revision, ``<branch>@sha1:<commit>`` (Flux RFC-0005)."""
    return revision.rpartition(":")[2]


def is_fetching(flux: FluxObjects) -> bool:
    """Whether somebody asked Flux to fetch and it has not done so yet."""
    annotations = (flux.source or {}).get("metadata", {}).get("annotations") or {}
    asked = annotations.get("reconcile.fluxcd.io/requestedAt", "")
    return bool(asked != _status(flux.source).get("lastHandledReconcileAt", ""))


def fault_in(flux: FluxObjects) -> Fault | None:
    """What keeps Flux from applying; ``None`` while nothing does."""
    for what, obj in (("GitRepository", flux.source), ("Kustomization", flux.kustomization)):
        if ((obj or {}).get("spec") or {}).get("suspend"):
            return Fault(Stage.SUSPENDED, f"the managed {what} is suspended: take spec.suspend off it")
    source, kustomization = _ready(flux.source), _ready(flux.kustomization)
    if source.get("status") == "False":
        return Fault(Stage.FETCH, f"Flux cannot fetch the repository: {_clean(source)}")
    return _kustomization_fault(kustomization) if kustomization.get("status") == "False" else None


def _kustomization_fault(ready: Mapping[str, Any]) -> Fault:
    message, reason = str(ready.get("message") or ""), str(ready.get("reason") or "")
    stage = _STAGES.get(reason, Stage.APPLY)
    if stage is Stage.BUILD and (_NEEDS_KEY.search(message) or names.AGE_KEY_SECRET in message):
        found = _UNDECRYPTED.search(message)
        return Fault(Stage.DECRYPTION, _clean(ready), name=found["name"] if found else "")
    if stage is not Stage.APPLY:
        return Fault(stage, _clean(ready))
    found = _OBJECT.search(message)
    if found is None:
        return Fault(stage, f"{reason}: {_clean(ready)}")
    if _REFUSED.search(message):
        told = (
            f"Flux's ServiceAccount may not write Secrets in {found['namespace']}: its RoleBinding there is missing "
            "or was changed; it is put back at the next round"
        )
        return Fault(Stage.REFUSED, told, found["namespace"])
    return Fault(stage, _clean(ready), found["namespace"], found["name"])


def deliveries(intent: IntentMetadata, flux: FluxObjects, head: str) -> Deliveries | None:
    """What is to be said of an intent; ``None`` while it is not committed, as it says so itself.

    Args:
        intent: As it is.
        flux: The managed objects.
        head: Of the repository's branch, read after these.
    """
    commit = intent.annotations.get(names.SECRET_COMMIT, "")
    if intent.deleting or not commit or intent.annotations.get(names.SECRET_STATUS) != core.Status.COMMITTED:
        return None
    applied = Delivery(stage=Stage.APPLIED, message=f"with commit {commit[:12]}")
    targets = core.targets_of(intent)
    if applied_commit(flux) in {commit, head}:
        return dict.fromkeys(targets, applied)
    before, fault = read_deliveries(intent.annotations.get(names.SECRET_DELIVERY)), fault_in(flux)
    return {
        target: applied if before.get(target) == applied else _undelivered(intent, target, fault)
        for target in targets
    }


def _undelivered(intent: IntentMetadata, target: str, fault: Fault | None) -> Delivery:
    if fault is None:
        return core.WAITING
    if not fault.names_object or fault.concerns(target, intent.name):
        return Delivery(stage=fault.stage, message=fault.message)
    where = "/".join(filter(None, (fault.namespace, fault.name)))
    return Delivery(
        stage=Stage.BLOCKED, message=f"Flux applies nothing of the app while {where} fails ({fault.stage})"
    )


def marks(intents: Sequence[IntentMetadata], flux: FluxObjects, head: str) -> list[Mark]:
    """What to write on which intents: on those alone of which something else is to be said than before."""
    found = []
    for intent in intents:
        said = deliveries(intent, flux, head)
        text = None if said is None else write_deliveries(said)
        if text is not None and text != intent.annotations.get(names.SECRET_DELIVERY):
            trace = intent.annotations.get(names.TRACEPARENT, "")
            told = {names.SECRET_DELIVERY: text}
            found.append(Mark(intent.name, intent.uid, intent.resource_version, told, trace=trace))
    return found


def is_foreign(intents: Sequence[IntentMetadata], flux: FluxObjects, head: str) -> bool:
    """Whether Flux fetched a commit that is not known to be one of ours.

    Args:
        intents: All of the app's; they name the commits that they came by.
        flux: The managed objects.
        head: Of the branch as the registration names it, read after these.
    """
    fetched = fetched_commit(flux)
    known = {head, *(intent.annotations.get(names.SECRET_COMMIT) for intent in intents)}
    return bool(fetched and head) and fetched not in known and not is_fetching(flux)


def _status(obj: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return (obj or {}).get("status") or {}


def _ready(obj: Mapping[str, Any] | None) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = _status(obj).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == "Ready"), {})


def _clean(ready: Mapping[str, Any]) -> str:
    """The message, fit to be shown."""
    return without_values(str(ready.get("message") or ready.get("reason") or ""))
