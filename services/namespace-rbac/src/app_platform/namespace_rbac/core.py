"""Decides what to make, change and remove for one registration. Pure: state in, plan out.

Guarantees: a namespace without our label, or with another app's, is never touched; one conflict does not keep the other
namespaces from being served; the same state gives an empty plan once it has been carried out.
Leaves out: writing, which the handlers do in the order of the plan.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.contracts import ConditionType, Registration, Verdict, names
from app_platform.namespace_rbac import manifests
from app_platform.namespace_rbac.ports import Manifest, NamespaceView, Observed

FINALIZER: Final = names.finalizer("namespace-rbac")
_OTHER_PARTS: Final = (ConditionType.ENCRYPTION_KEY, ConditionType.REPOSITORY, ConditionType.SYNC)


@dataclass(frozen=True)
class Problem:
    """Why a namespace cannot be served, in words for its author."""

    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do, in this order.

    Attributes:
        create: Namespaces to make; not applied, so that of two apps only one gets a name.
        delete: Objects to remove.
        apply: Objects to apply.
        owned: The app's namespaces that will be ready then.
        problems: What stands in the way of the others.
        platform_ready: Whether the platform namespace is the app's.
    """

    create: Sequence[Manifest] = ()
    delete: Sequence[Manifest] = ()
    apply: Sequence[Manifest] = ()
    owned: tuple[str, ...] = ()
    problems: Sequence[Problem] = ()
    platform_ready: bool = True


@dataclass
class _Sorted:
    create: list[Manifest] = field(default_factory=list)
    wanted: list[Manifest] = field(default_factory=list)
    owned: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan(registration: Registration, observed: Observed) -> Plan:
    """What makes the cluster as the registration asks.

    Args:
        registration: Not being deleted.
        observed: What is there now.
    """
    home = _Sorted()
    _sort(registration, registration.platform_namespace, names.ROLE_PLATFORM, observed, home)
    if not home.owned:
        return Plan(problems=home.problems, platform_ready=False)
    spaces = _Sorted(create=home.create, wanted=home.wanted)
    for name in registration.spec.namespaces:
        _sort(registration, name, names.ROLE_APP, observed, spaces)
    wanted = (
        spaces.wanted + _objects(registration, observed, spaces.owned) + _released(registration, observed)
    )
    return Plan(
        create=spaces.create,
        delete=_obsolete(wanted, observed.managed),
        apply=[w for w in wanted if not _present(w, observed)],
        owned=tuple(spaces.owned),
        problems=spaces.problems,
    )


def plan_removal(app: str, observed: Observed, *, last: bool) -> Plan:
    """What remains to be removed of a registration that is being deleted: bindings go, namespaces and content stay.

    Args:
        app: Its name.
        observed: What is there now.
        last: Whether all other services have cleaned up; until then they need their rights in the platform namespace.
    """
    marks = [
        manifests.released(app, view.name)
        for view in observed.namespaces.values()
        if _owner(view) == app
        and view.labels.get(names.NAMESPACE_ROLE_LABEL) == names.ROLE_APP
        and not view.terminating
    ]
    going = [m for m in observed.managed if last or not manifests.is_service_binding(m)]
    return Plan(delete=going, apply=[m for m in marks if not _present(m, observed)])


def is_last(registration: Registration) -> bool:
    """Whether no other service of ours holds the registration any more."""
    return not any(f.startswith(f"{names.GROUP}/") and f != FINALIZER for f in registration.finalizers)


def _sort(registration: Registration, name: str, role: str, observed: Observed, into: _Sorted) -> None:
    wanted = manifests.namespace(registration.name, name, role)
    view = observed.namespaces.get(name)
    if view is None:
        into.create.append(wanted)
        into.owned.append(name)
        return
    problem = _problem(registration.name, role, view)
    if problem is not None:
        into.problems.append(problem)
        return
    into.wanted.append(wanted)
    into.owned.append(name)


def _problem(app: str, role: str, view: NamespaceView) -> Problem | None:
    owner = _owner(view)
    if view.terminating:
        return Problem(
            "NamespaceTerminating",
            f"namespace {view.name!r} is being deleted; it is made again when that has ended",
        )
    if owner is None and view.annotations.get(names.ADOPT) != app:
        return Problem(
            "NamespaceConflict",
            f"namespace {view.name!r} exists and does not belong to this app: choose another name, "
            f"or let a cluster administrator annotate it with {names.ADOPT}={app}",
        )
    if owner not in {None, app}:
        return Problem(
            "NamespaceConflict",
            f"namespace {view.name!r} belongs to app {owner!r} ({names.APP_LABEL}): choose another name",
        )
    if view.labels.get(names.NAMESPACE_ROLE_LABEL, role) != role:
        return Problem(
            "NamespaceConflict", f"namespace {view.name!r} already serves this app in another role"
        )
    return None


def _owner(view: NamespaceView) -> str | None:
    return view.labels.get(names.APP_LABEL)


def _objects(registration: Registration, observed: Observed, owned: Sequence[str]) -> list[Manifest]:
    objects: list[Manifest] = [
        *manifests.for_registration(registration),
        *manifests.in_platform_namespace(registration, owned, observed.oidc_secrets),
    ]
    for name in owned:
        objects += manifests.in_app_namespace(registration, name)
    return objects


def _released(registration: Registration, observed: Observed) -> list[Manifest]:
    """Namespaces that the app gave up: marked; Flux keeps its binding until it has taken its own objects away."""
    kept = {registration.platform_namespace, *registration.spec.namespaces}
    given_up = [
        v.name
        for v in observed.namespaces.values()
        if v.name not in kept and _owner(v) == registration.name and not v.terminating
    ]
    marks: list[Manifest] = [manifests.released(registration.name, name) for name in given_up]
    return marks + [
        manifests.flux_binding(registration.name, name) for name in given_up if name in observed.delivered_to
    ]


def _obsolete(wanted: Sequence[Manifest], managed: Sequence[Manifest]) -> list[Manifest]:
    by_identity = {_identity(w): w for w in wanted}
    return [
        m
        for m in managed
        if _identity(m) not in by_identity or m.get("roleRef") != by_identity[_identity(m)].get("roleRef")
    ]


def _present(wanted: Manifest, observed: Observed) -> bool:
    if wanted["kind"] == "Namespace":
        view = observed.namespaces.get(wanted["metadata"]["name"])
        return view is not None and _namespace_covers(view, wanted)
    found = next((m for m in observed.managed if _identity(m) == _identity(wanted)), None)
    return found is not None and covers(found, wanted)


def _namespace_covers(view: NamespaceView, wanted: Manifest) -> bool:
    meta = wanted["metadata"]
    marked = names.RELEASED in meta.get("annotations", {})
    return covers(view.labels, meta["labels"]) and marked == (names.RELEASED in view.annotations)


def _identity(manifest: Manifest) -> tuple[str, str, str]:
    meta = manifest["metadata"]
    return manifest["kind"], meta.get("namespace", ""), meta["name"]


def covers(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether ``found`` holds everything that ``wanted`` says; maps may hold more, lists may not."""
    if isinstance(wanted, Mapping):
        # Kubernetes leaves empty maps and lists out of what it returns.
        return all(
            covers(found.get(k), v) if k in found else not v and v is not False for k, v in wanted.items()
        )
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(covers(f, w) for f, w in zip(found, wanted, strict=True))
    return bool(found == wanted)


def digest(owned: Sequence[str]) -> str:
    """Short digest of a set of namespaces."""
    return hashlib.sha256("\n".join(sorted(owned)).encode()).hexdigest()[:16]


def namespaces_verdict(decided: Plan) -> Verdict:
    """``NamespacesReady`` for a plan that has been carried out."""
    kind = ConditionType.NAMESPACES
    if not decided.problems:
        message = f"{len(decided.owned)} namespaces and the platform namespace are ready"
        return Verdict(kind, "Reconciled", message, ok=True)
    return Verdict(kind, decided.problems[0].reason, "; ".join(p.message for p in decided.problems), ok=False)


def ready_verdict(registration: Registration, namespaces: Verdict) -> Verdict:
    """``Ready``: true when every part is, and otherwise what the first one that is not says."""
    kind = ConditionType.READY
    if not namespaces.ok:
        return Verdict(kind, namespaces.reason, f"{namespaces.type}: {namespaces.message}", ok=False)
    for part in _OTHER_PARTS:
        condition = registration.status.condition(part)
        if condition is None:
            return Verdict(kind, "Progressing", f"waiting for {part}", ok=False)
        if condition.status != "True":
            return Verdict(kind, condition.reason, f"{part}: {condition.message}", ok=False)
        # Whether Flux follows does not depend on the registration, so that one is not looked at anew for each change.
        if part != ConditionType.SYNC and condition.observed_generation < registration.generation:
            return Verdict(kind, "Progressing", f"waiting for {part} to follow the latest change", ok=False)
    return Verdict(kind, "Ready", "the app can be deployed to", ok=True)
