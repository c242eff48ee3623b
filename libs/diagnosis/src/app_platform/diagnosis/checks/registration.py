"""Checks of a registration and of what the platform keeps for its app."""

from collections.abc import Iterator
from typing import Final

from app_platform.contracts import Condition, ConditionType, Registration, names
from app_platform.contracts.flux_text import without_values
from app_platform.contracts.registration import KIND
from app_platform.diagnosis.facts import AppFacts, PlatformFacts, known
from app_platform.diagnosis.findings import Reference, Said, ok, problem, warning
from app_platform.diagnosis.ports import BrokenError, UnreadableError
from app_platform.kube import Object
from app_platform.kube.objects import annotations_of, labels_of

_OWNERS: Final = {
    ConditionType.READY: "namespace-rbac",
    ConditionType.NAMESPACES: "namespace-rbac",
    ConditionType.ENCRYPTION_KEY: "secrets-encryptor",
    ConditionType.REPOSITORY: "git-committer",
    ConditionType.SYNC: "git-committer",
}
_ADVICE: Final = {
    ConditionType.READY: "See the condition that its message names, below.",
    ConditionType.NAMESPACES: "Do what the message says; a platform admin can hand over a namespace of nobody's with the annotation labrats.work/adopt.",
    ConditionType.ENCRYPTION_KEY: 'Check that the AGE key secret exists in the platform namespace; restore it from a backup (docs/runbook.md, "The age key of an app is lost").',
    ConditionType.REPOSITORY: "The operator needs access to the Git forge to commit: do what the message says (docs/github.md lists every reason).",
    ConditionType.SYNC: "See the GitRepository and the Kustomization of the platform namespace. One file that cannot be applied stops all of the app.",
}
_UNPARSED: Final = "Apply the CustomResourceDefinition of this version; it refuses such an object, and says of each field what to change."
_SEVERAL: Final = 5


def registered(facts: AppFacts) -> Iterator[Said]:
    """The registration is there and stays."""
    about = Reference(KIND, facts.name)
    if isinstance(facts.maybe_registration, BrokenError):
        yield problem(str(facts.maybe_registration), _UNPARSED, about)
        return
    found = known(facts.maybe_registration)
    if found is None:
        yield problem(
            f"there is no AppPlatformRegistration {facts.name!r}",
            "Check the spelling (`kubectl get apr`), or ask your platform admin to register the app.",
            about,
        )
    elif found.deleting:
        holding = ", ".join(found.finalizers) or "nobody"
        yield problem(
            f"it is being deleted; held by {holding}",
            "It goes when these services have let go. Register the app again afterwards if that was a mistake: what runs is kept.",
            about,
        )
    else:
        yield ok(f"registered with {len(found.spec.namespaces)} namespaces", about)


def conditions(facts: AppFacts) -> Iterator[Said]:
    """Each part of the platform has done its part."""
    for kind in ConditionType:
        yield _condition(facts.registration, kind)


def _condition(registration: Registration, kind: ConditionType) -> Said:
    about = Reference(KIND, registration.name)
    found = registration.status.condition(kind)
    if found is None:
        return problem(
            f"{kind} has never been reported",
            f"Look whether {_OWNERS[kind]} runs (`app-platform doctor`), and at its log.",
            about,
        )
    said = f"{kind}: {found.reason}: {without_values(found.message)}"
    if found.status != "True":
        return problem(said, _ADVICE[kind], about)
    if _is_outdated(found, registration, kind):
        return warning(
            f"{said} (of an earlier version of the registration)",
            f"Wait a moment; if it stays, look at the log of {_OWNERS[kind]}.",
            about,
        )
    return ok(said, about)


def _is_outdated(found: Condition, registration: Registration, kind: ConditionType) -> bool:
    # Whether Flux follows does not depend on the registration, so that one is not reported anew for each change of it.
    return kind is not ConditionType.SYNC and found.observed_generation < registration.generation


def platform_namespace(facts: AppFacts) -> Iterator[Said]:
    """The platform namespace is there and the app's."""
    _ = facts.registration
    yield _namespace(facts, facts.home, names.ROLE_PLATFORM)


def app_namespaces(facts: AppFacts) -> Iterator[Said]:
    """The app's namespaces are there and its own."""
    wanted = facts.registration.spec.namespaces
    if not wanted:
        yield warning("the app has no namespaces", "Add one under Namespaces, or in spec.namespaces.")
    for name in wanted:
        yield _namespace(facts, name, names.ROLE_APP)


def _namespace(facts: AppFacts, name: str, role: str) -> Said:
    about = Reference("Namespace", name)
    found = facts.namespace(name)
    if found is None:
        return problem(
            f"namespace {name} does not exist",
            f"Check that the platform namespace ({facts.home}) exists: namespace-rbac makes it; look at its log."
            if role == names.ROLE_PLATFORM
            else "namespace-rbac makes it within seconds; if it stays away, look at its log.",
            about,
        )
    return _owned(facts.name, name, found, about)


def _owned(app: str, name: str, found: Object, about: Reference) -> Said:
    if "deletionTimestamp" in found["metadata"]:
        return problem(
            f"namespace {name} is being deleted",
            "It is made again when that has ended; see what holds it.",
            about,
        )
    owner = labels_of(found).get(names.APP_LABEL)
    if owner == app:
        return ok(f"namespace {name} is the app's", about)
    if owner is None and annotations_of(found).get(names.ADOPT) == app:
        return warning(f"namespace {name} is about to be adopted", about=about)
    whose = f"belongs to app {owner!r}" if owner else "belongs to no app"
    return problem(
        f"namespace {name} exists and {whose}",
        f"Choose another name, or let a platform admin annotate it with {names.ADOPT}={app} if it is nobody's.",
        about,
    )


def age_key(facts: AppFacts) -> Iterator[Said]:
    """The Secret with the app's AGE key is there; its content is not looked at."""
    _ = facts.registration
    about = Reference("Secret", names.AGE_KEY_SECRET, facts.home)
    if names.AGE_KEY_SECRET in facts.secrets:
        yield ok(f"Secret {names.AGE_KEY_SECRET} is there", about)
        return
    ever = facts.registration.status.recipient
    yield problem(
        f"Secret {names.AGE_KEY_SECRET} is missing in {facts.home}"
        + (f", and files in Git are encrypted for {ever}" if ever else ""),
        "Check that the AGE key secret exists in the platform namespace: restore it from a backup. No new key is made while files need the old one."
        if ever
        else "secrets-encryptor makes it once the platform namespace is there; look at its log.",
        about,
    )


def git_credential(facts: AppFacts) -> Iterator[Said]:
    """The Secret with which Flux reads the platform repository is there."""
    if not facts.registration.status.repository.url:
        yield warning("the platform repository has not been made yet", "See RepositoryReady.")
        return
    about = Reference("Secret", names.GIT_CREDENTIAL_SECRET, facts.home)
    if names.GIT_CREDENTIAL_SECRET in facts.secrets:
        yield ok(f"Secret {names.GIT_CREDENTIAL_SECRET} is there", about)
    else:
        yield problem(
            f"Secret {names.GIT_CREDENTIAL_SECRET} is missing in {facts.home}: Flux cannot fetch the platform repository",
            "git-committer makes another one at the next round (10 minutes).",
            about,
        )


def registrations(facts: PlatformFacts) -> Iterator[Said]:
    """Every registration is Ready."""
    found = known(facts.all_registrations)
    waiting = [each for each in found if not _is_ready(each)]
    total = len(found) + len(facts.unparsed)
    yield ok(f"{len(found) - len(waiting)} of {total} registrations are Ready")
    for error in facts.unparsed[:_SEVERAL]:
        yield problem(str(error), _UNPARSED, Reference(KIND, error.app))
    for each in waiting[:_SEVERAL]:
        condition = each.status.condition(ConditionType.READY)
        why = (
            f"{condition.reason}: {without_values(condition.message)}"
            if condition
            else "nobody has looked at it"
        )
        yield problem(
            f"{each.name} is not Ready: {why}",
            f"Run `app-platform doctor --app {each.name}`.",
            Reference(KIND, each.name),
        )
    if waiting[_SEVERAL:]:
        others = waiting[_SEVERAL:]
        yield problem(
            f"{len(others)} more are not Ready: {', '.join(each.name for each in others[:_SEVERAL])}, …",
            "Run `app-platform status`.",
        )


def _is_ready(registration: Registration) -> bool:
    condition = registration.status.condition(ConditionType.READY)
    return condition is not None and condition.status == "True"


def reachable(facts: PlatformFacts) -> Iterator[Said]:
    """The API server answers."""
    fact = facts.all_registrations
    if isinstance(fact, UnreadableError) and fact.down:
        yield problem(
            str(fact), "Check KUBECONFIG and the API server; services wait and go on when it is back."
        )
    else:
        yield ok("the API server answers")
