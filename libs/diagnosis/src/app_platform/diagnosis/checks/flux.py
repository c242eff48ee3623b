"""Checks of Flux objects: is the source fetched, are the manifests applied, and on what does that wait.

Reasons are those of fluxcd/pkg ``apis/meta/conditions.go``, source-controller ``api/v1`` and kustomize-controller ``api/v1``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app_platform.contracts import names
from app_platform.contracts.flux_text import without_values
from app_platform.diagnosis.advice import DECRYPTION_ADVICE
from app_platform.diagnosis.facts import AppFacts, NotApplicableError
from app_platform.diagnosis.findings import Reference, Said, State, ok, problem, warning
from app_platform.diagnosis.ports import UnreadableError
from app_platform.kube import Object

_SOURCE: Final = "GitRepository"
_KUSTOMIZATION: Final = "Kustomization"
_DEPENDENCY: Final = "Your Flux Kustomization may depend on another resource. Check spec.dependsOn and ensure the dependency is healthy."
_ADVICE: Final = {
    "AuthenticationFailed": "Check the deploy key: it must be added to the repository, and secretRef must name its Secret.",
    "GitOperationFailed": "Check the URL, the branch, and that the deploy key is added to the repository.",
    "URLInvalid": "Use the repository's SSH URL, for instance ssh://git@github.com/<owner>/<repository>.",
    "ArtifactFailed": "Check GitRepository: is the source syncing? And that spec.path exists in the repository.",
    "BuildFailed": "Run `kustomize build` on spec.path: a manifest there cannot be read.",
    "DependencyNotReady": _DEPENDENCY,
    "ReconciliationFailed": "Change the manifest that the message names; Flux applies all of a Kustomization or nothing.",
    "HealthCheckFailed": "It was applied, but something does not become healthy: look at the object that the message names.",
    "PruneFailed": "It was applied, but something that left the repository cannot be removed.",
}
_NAME_KEY: Final = (
    f"Name the Secret {names.DEPLOY_KEY}<its name> in spec.secretRef, and make it under Git Repositories. With an https URL, a public repository "
    "needs none."
)
_MAKE_KEY: Final = (
    "Open it under Git Repositories and choose Make a deploy key, which makes the Secret; then add the key to the repository. "
    "Or change spec.secretRef."
)
_OTHERWISE: Final = (
    "Check Kustomization: is it reconciling without errors? View conditions for error messages."
)


def sources(facts: AppFacts) -> Iterator[Said]:
    """Every GitRepository is fetched."""
    _ = facts.registration
    for name in facts.sources:
        yield from source(facts, name)


def kustomizations(facts: AppFacts) -> Iterator[Said]:
    """Every Kustomization is applied."""
    _ = facts.registration
    for name in facts.kustomizations:
        yield from kustomization(facts, name)


def dependencies(facts: AppFacts) -> Iterator[Said]:
    """No Kustomization waits in vain for another one."""
    _ = facts.registration
    for name in facts.kustomizations:
        yield from depends_on(facts, name)


def source(facts: AppFacts, name: str) -> Iterator[Said]:
    """One GitRepository is fetched."""
    about = Reference(_SOURCE, name, facts.home)
    obj = facts.sources.get(name)
    if obj is None:
        yield problem(f"there is no GitRepository {name!r}", "Create it under Git Repositories.", about)
        return
    artifact = _status(obj).get("artifact") or {}
    fetched = f"fetched {artifact.get('revision', 'nothing')} at {artifact.get('lastUpdateTime', 'no time')}"
    yield from _state(obj, about, fetched)
    yield from _credential(facts, obj, about)


def _credential(facts: AppFacts, obj: Object, about: Reference) -> Iterator[Said]:
    """The Secret with which it is fetched is named and there; its content is not looked at."""
    spec = obj.get("spec") or {}
    name = (spec.get("secretRef") or {}).get("name")
    if not name:
        if str(spec.get("url") or "").startswith("ssh://"):
            yield problem("its URL is one of SSH, and it names no Secret with a key", _NAME_KEY, about)
        return
    if isinstance(facts.all_secrets, UnreadableError):
        if not _is_true(obj):
            yield Said(State.UNKNOWN, f"its Secret {name}: {facts.all_secrets}", about=about)
    elif name not in facts.secrets:
        yield problem(f"the Secret {name} that spec.secretRef names is not in {facts.home}", _MAKE_KEY, about)


def kustomization(facts: AppFacts, name: str) -> Iterator[Said]:
    """One Kustomization is applied."""
    about = Reference(_KUSTOMIZATION, name, facts.home)
    obj = facts.kustomizations.get(name)
    if obj is None:
        yield problem(f"there is no Kustomization {name!r}", "Create it under Kustomizations.", about)
        return
    yield from _state(obj, about, f"applied {_status(obj).get('lastAppliedRevision', 'nothing')}")
    yield from _behind(facts, obj, about)


def _behind(facts: AppFacts, obj: Object, about: Reference) -> Iterator[Said]:
    wanted = source_of(obj)
    followed = facts.sources.get(wanted)
    if not wanted:
        return
    if followed is None:
        yield problem(
            f"its source GitRepository {wanted!r} does not exist",
            "Create it under Git Repositories, or change spec.sourceRef.",
            about,
        )
        return
    fetched = (_status(followed).get("artifact") or {}).get("revision", "")
    applied = _status(obj).get("lastAppliedRevision", "")
    if fetched and _is_true(obj) and fetched != applied:
        yield warning(
            f"{fetched} is fetched and not yet applied",
            "Wait a moment: it is reconciled within its interval.",
            about,
        )


def source_of_kustomization(facts: AppFacts, name: str) -> Iterator[Said]:
    """The GitRepository that a Kustomization follows is fetched."""
    obj = facts.kustomizations.get(name)
    followed = source_of(obj) if obj else ""
    if not followed:
        raise NotApplicableError("there is no source to look at")
    yield from source(facts, followed)


def source_of(obj: Object) -> str:
    """The name of the GitRepository that a Kustomization follows."""
    return str(((obj.get("spec") or {}).get("sourceRef") or {}).get("name") or "")


def depends_on(facts: AppFacts, name: str) -> Iterator[Said]:
    """What a Kustomization depends on is there and healthy."""
    obj = facts.kustomizations.get(name)
    wanted = _dependencies(obj) if obj else []
    about = Reference(_KUSTOMIZATION, name, facts.home)
    if not wanted:
        return
    if circle := cycle(facts.kustomizations, name):
        yield problem(
            f"it waits for itself: {' → '.join(circle)}", f"{_DEPENDENCY} Take one of them out.", about
        )
        return
    for namespace, other in wanted:
        yield _dependency(facts, namespace or facts.home, other, about)


def _dependency(facts: AppFacts, namespace: str, other: str, about: Reference) -> Said:
    if namespace != facts.home:
        return problem(
            f"it depends on {namespace}/{other}, in another namespace",
            f"Only Kustomizations of {facts.home} may be named. {_DEPENDENCY}",
            about,
        )
    found = facts.kustomizations.get(other)
    if found is None:
        return problem(f"it depends on {other!r}, which does not exist", _DEPENDENCY, about)
    if _is_true(found):
        return ok(f"it depends on {other!r}, which is ready", about)
    ready = _condition(found, "Ready")
    why = (
        f"{ready.get('reason', 'no condition')}: {_message(ready)}" if ready else "Flux has not looked at it"
    )
    return problem(f"it waits for {other!r}, which is not ready: {why}", _DEPENDENCY, about)


def cycle(objects: Mapping[str, Object], start: str) -> list[str]:
    """The way along ``dependsOn`` from a Kustomization back to itself; empty when there is none."""
    ways: list[list[str]] = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        obj = objects.get(way[-1])
        for _, other in _dependencies(obj) if obj else []:
            if other == start:
                return [*way, start]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []


def _dependencies(obj: Object) -> list[tuple[str, str]]:
    listed: Sequence[Mapping[str, str]] = (obj.get("spec") or {}).get("dependsOn") or ()
    return [(each.get("namespace") or "", each["name"]) for each in listed]


def _state(obj: Object, about: Reference, done: str) -> Iterator[Said]:
    """What an object says of itself: its pause, its Ready condition, and every other condition that is bad."""
    if (obj.get("spec") or {}).get("suspend"):
        yield problem("it is suspended", "Take spec.suspend off it, or press Resume.", about)
    ready = _condition(obj, "Ready")
    if ready is None:
        yield warning("Flux has not looked at it yet", "If it stays so, check that Flux runs.", about)
        return
    told = f"{ready.get('reason')}: {_message(ready)}"
    if ready.get("status") == "True":
        yield ok(done, about)
    elif ready.get("status") == "Unknown":
        yield warning(told, "Flux is at it; wait a moment.", about)
    else:
        yield problem(told, _advice(ready), about)
    yield from _more(obj, about)


def _more(obj: Object, about: Reference) -> Iterator[Said]:
    # kustomize-controller sets the one when a generation is applied, and the other whatever became of it.
    told = (_status(obj), _condition(obj, "Ready") or {})
    observed = max(each.get("observedGeneration", 0) for each in told)
    if observed < obj["metadata"].get("generation", 0):
        yield warning(
            "Flux has not looked at its latest change",
            "Wait a moment; if it stays so, check that Flux runs.",
            about,
        )
    stalled = _condition(obj, "Stalled")
    if stalled and stalled.get("status") == "True":
        yield problem(
            f"stalled: {stalled.get('reason')}: {_message(stalled)}",
            "Flux does not try again until the object is changed.",
            about,
        )


def _advice(ready: Mapping[str, Any]) -> str:
    message = str(ready.get("message") or "").lower()
    if "decrypt" in message or "agekey" in message or "data key" in message:
        return DECRYPTION_ADVICE
    return _ADVICE.get(str(ready.get("reason")), _OTHERWISE)


def _status(obj: Object) -> Mapping[str, Any]:
    return obj.get("status") or {}


def _condition(obj: Object, kind: str) -> Mapping[str, Any] | None:
    found: Sequence[Mapping[str, Any]] = _status(obj).get("conditions") or ()
    return next((each for each in found if each.get("type") == kind), None)


def _is_true(obj: Object) -> bool:
    return (_condition(obj, "Ready") or {}).get("status") == "True"


def _message(condition: Mapping[str, Any]) -> str:
    return without_values(str(condition.get("message") or ""))
