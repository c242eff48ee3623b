"""Checks of who may see an app: from a person's groups to ``spec.access`` to what Kubernetes allows."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app_platform.contracts import Access, Registration, Role, names
from app_platform.contracts.registration import KIND
from app_platform.diagnosis.facts import AppFacts, NotApplicableError, known
from app_platform.diagnosis.findings import Reference, Said, State, ok, problem
from app_platform.kube import KUSTOMIZATIONS, Action, Resource

_PODS: Final = Resource("", "v1", "pods", "Pod")
_DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
_INTENTS: Final = Resource(names.GROUP, "v1alpha1", "secretintents", "SecretIntent")
_MATCH: Final = "Verify your Authelia group matches the spec.access entries; ask your platform admin to update group membership."
_GROUPS: Final = "Name the groups (`--as-group`): Kubernetes learns them from the identity provider when somebody signs in, and not before."
_RANK: Final = (Role.READER, Role.DEVELOPER, Role.ADMIN)


def matching(registration: Registration, groups: Sequence[str]) -> list[Access]:
    """The access entries that somebody in these groups falls under."""
    return [entry for entry in registration.spec.access if entry.group in groups]


def telling_actions(registration: Registration) -> list[Action]:
    """One action for each role and namespace that this role may do and no lower one."""
    return [
        action
        for namespace in (*registration.spec.namespaces, registration.platform_namespace)
        for action in _by_role(registration, namespace).values()
    ]


def _by_role(registration: Registration, namespace: str) -> Mapping[Role, Action]:
    if namespace == registration.platform_namespace:
        return {
            Role.READER: Action("list", KUSTOMIZATIONS, namespace),
            Role.DEVELOPER: Action("create", KUSTOMIZATIONS, namespace),
            Role.ADMIN: Action("create", _INTENTS, namespace),
        }
    return {
        Role.READER: Action("list", _PODS, namespace),
        Role.DEVELOPER: Action("create", _PODS, namespace, subresource="exec"),
        Role.ADMIN: Action("create", _DEPLOYMENTS, namespace),
    }


def groups_match(facts: AppFacts, groups: Sequence[str]) -> Iterator[Said]:
    """One of the groups is named in spec.access; nothing to say where no group was named."""
    registration = facts.registration
    if not groups:
        raise NotApplicableError("no group was named")
    entries = matching(registration, groups)
    about = Reference(KIND, registration.name)
    if entries:
        given = ", ".join(f"{entry.group} → {entry.role}" for entry in entries)
        yield ok(f"spec.access gives {given}", about)
        return
    listed = [entry.group for entry in registration.spec.access]
    close = [near for group in groups for near in difflib.get_close_matches(group, listed, n=1, cutoff=0.8)]
    hint = f" Did you mean {', '.join(close)}?" if close else ""
    yield problem(
        f"none of the groups ({', '.join(groups)}) is among those of spec.access ({', '.join(listed) or 'none'}).{hint}",
        _MATCH,
        about,
    )


def rights_follow(facts: AppFacts, groups: Sequence[str]) -> Iterator[Said]:
    """Kubernetes allows in each namespace what spec.access gives."""
    registration, rights = facts.registration, known(facts.rights)
    roles = {entry.role for entry in matching(registration, groups)}
    if not roles:
        raise NotApplicableError("no group of theirs is in spec.access")
    for namespace in (*registration.spec.namespaces, registration.platform_namespace):
        yield _rights_in(namespace, roles, _by_role(registration, namespace), rights)


def rights_alone(facts: AppFacts, user: str) -> Iterator[Said]:
    """Kubernetes allows somebody something whose groups are not known: by his name alone, or by the groups it knows of him itself."""
    registration, rights = facts.registration, known(facts.rights)
    for namespace in (*registration.spec.namespaces, registration.platform_namespace):
        by_role = _by_role(registration, namespace)
        allowed = [role for role in _RANK if rights.get(by_role[role])]
        about = Reference("Namespace", namespace)
        if allowed:
            yield ok(f"in {namespace}: {allowed[-1]}", about)
        else:
            told = f"without a group Kubernetes allows {user or 'nobody'} nothing in {namespace}"
            yield Said(State.UNKNOWN, told, _GROUPS, about)


def _rights_in(
    namespace: str, roles: set[Role], by_role: Mapping[Role, Action], rights: Mapping[Action, bool]
) -> Said:
    about = Reference("Namespace", namespace)
    allowed = [role for role in _RANK if rights.get(by_role[role])]
    missing = [role for role in _RANK if role in roles and role not in allowed]
    if missing:
        needed = ", ".join(str(by_role[role]) for role in missing)
        return problem(
            f"Kubernetes does not allow what the role {', '.join(missing)} should be: {needed}",
            "The binding is missing: it is put back within seconds, or at the next round; look at NamespacesReady and the log of namespace-rbac.",
            about,
        )
    return ok(f"in {namespace}: {allowed[-1]}", about)
