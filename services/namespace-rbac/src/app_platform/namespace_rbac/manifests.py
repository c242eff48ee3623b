"""The Kubernetes objects of one app, built without I/O.

Guarantees: the same registration gives the same objects; each carries the labels by which it is found again.
Leaves out: what the ClusterRoles allow, which is in ``deploy/kubernetes/rbac``.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from app_platform.contracts import Access, Registration, Role, names
from app_platform.contracts import registration as registration_api

_RBAC: Final = "rbac.authorization.k8s.io"
_MAX_SLUG: Final = 40
_SERVICE_ROLE: Final = "app-platform-service-"
_APP_ROLE: Final = "app-platform-"
_HOME_ROLE: Final = "app-platform-home-"
_REGISTRATION_ROLE: Final = "app-platform-registration:"
DASHBOARD_ROLE: Final = "app-platform-dashboard-impersonation"
_ROLES_THAT_READ: Final = frozenset(Role)
_ROLES_THAT_CHANGE: Final = frozenset({Role.ADMIN})
SERVICES: Final = (
    "namespace-rbac",
    "watcher",
    "secrets-encryptor",
    "git-committer",
    "oidc-registrar",
    "dashboard",
)
"""Services with rights in platform namespaces, this one first: it can only grant there what it has itself."""

Object = dict[str, Any]


def labels(app: str) -> dict[str, str]:
    """Labels of everything that is managed for an app."""
    return {names.MANAGED_BY_LABEL: names.MANAGED_BY, names.APP_LABEL: app}


def namespace(app: str, name: str, role: str) -> Object:
    """A namespace; the platform's own one admits only restricted pods, since none is meant to run there."""
    security = {"pod-security.kubernetes.io/enforce": "restricted"} if role == names.ROLE_PLATFORM else {}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {**labels(app), names.NAMESPACE_ROLE_LABEL: role, **security}},
    }


def released(app: str, name: str) -> Object:
    """The mark on a namespace that its app gave up."""
    manifest = namespace(app, name, names.ROLE_APP)
    manifest["metadata"]["annotations"] = {names.RELEASED: "true"}
    return manifest


def in_app_namespace(registration: Registration, name: str) -> list[Object]:
    """The bindings in one app namespace: one for each access entry, one for Flux, one for who takes away what Flux leaves behind."""
    app = registration.name
    people = [_access_binding(app, name, entry, _APP_ROLE) for entry in registration.spec.access]
    return [*people, flux_binding(app, name), _tidying_binding(app, name)]


def flux_binding(app: str, name: str) -> Object:
    """Lets the app's Flux deploy into one of its namespaces."""
    subject = {
        "kind": "ServiceAccount",
        "name": names.FLUX_SERVICE_ACCOUNT,
        "namespace": names.platform_namespace(app),
    }
    return _binding(app, name, "app-platform-flux", ("ClusterRole", "app-platform-flux"), [subject])


def _tidying_binding(app: str, name: str) -> Object:
    """Lets git-committer delete Secrets that Flux delivered to an app namespace and has lost sight of."""
    role = ("ClusterRole", "app-platform-delivered")
    return _binding(app, name, role[1], role, [_service_account("git-committer")])


def _service_account(service: str) -> dict[str, str]:
    return {"kind": "ServiceAccount", "name": service, "namespace": names.SYSTEM_NAMESPACE}


def for_registration(registration: Registration) -> list[Object]:
    """Who may see the registration itself, and who may change it: an admission policy says what of it."""
    kinds = {
        "read": (_ROLES_THAT_READ, ["get", "list", "watch"]),
        "change": (_ROLES_THAT_CHANGE, ["update", "patch"]),
    }
    return [
        obj
        for kind, (roles, verbs) in kinds.items()
        if (groups := sorted({entry.group for entry in registration.spec.access if entry.role in roles}))
        for obj in _registration_role(registration.name, kind, verbs, groups)
    ]


def _registration_role(app: str, kind: str, verbs: list[str], groups: list[str]) -> list[Object]:
    # Names of apps have no colon, so no app's role can have the name of another's.
    name = f"{_REGISTRATION_ROLE}{app}:{kind}"
    role = _cluster_wide(app, "ClusterRole", name)
    role["rules"] = [
        {
            "apiGroups": [names.GROUP],
            "resources": [registration_api.PLURAL],
            "resourceNames": [app],
            "verbs": verbs,
        }
    ]
    binding = _cluster_wide(app, "ClusterRoleBinding", name)
    binding["roleRef"] = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
    binding["subjects"] = [{"kind": "Group", "name": group, "apiGroup": _RBAC} for group in groups]
    return [role, binding]


def dashboard_impersonation(groups: Iterable[str]) -> tuple[Object, Object]:
    """Lets the dashboard speak for these groups, and for none of Kubernetes' own."""
    named = sorted(group for group in groups if not group.startswith("system:"))
    meta = {"name": DASHBOARD_ROLE, "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY}}
    rule = {"apiGroups": [""], "resources": ["groups"], "resourceNames": named, "verbs": ["impersonate"]}
    role: Object = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": meta,
        # A rule with no resourceNames would allow every group, so no group means no rule.
        "rules": [rule] if named else [],
    }
    binding: Object = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": DASHBOARD_ROLE},
        "subjects": [_service_account("dashboard")],
    }
    return role, binding


def _cluster_wide(app: str, kind: str, name: str) -> Object:
    return {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": {"name": name, "labels": labels(app)}}


def in_platform_namespace(
    registration: Registration, owned: Iterable[str], oidc_secrets: Iterable[str]
) -> list[Object]:
    """Our services' bindings, the groups', the ServiceAccount that Flux runs as, and what ``secret-reader`` may read."""
    app, home = registration.name, registration.platform_namespace
    readers = [
        {"kind": "ServiceAccount", "name": names.SECRET_READER, "namespace": ns} for ns in sorted(owned)
    ]
    account = _named(app, home, "v1", "ServiceAccount", names.FLUX_SERVICE_ACCOUNT)
    # Kubernetes would mount a token into any pod that names no other account; nothing here needs one.
    account["automountServiceAccountToken"] = False
    role = _named(app, home, f"{_RBAC}/v1", "Role", names.SECRET_READER)
    role["rules"] = _secret_reader_rules(sorted(oidc_secrets))
    reading = _binding(app, home, names.SECRET_READER, ("Role", names.SECRET_READER), readers)
    people = [_access_binding(app, home, entry, _HOME_ROLE) for entry in registration.spec.access]
    return [*(_service_binding(app, home, service) for service in SERVICES), *people, account, role, reading]


def is_service_binding(manifest: Mapping[str, Any]) -> bool:
    """Whether an object gives one of our services its rights in a platform namespace."""
    return manifest["kind"] == "RoleBinding" and str(manifest["metadata"]["name"]).startswith(_SERVICE_ROLE)


def _service_binding(app: str, home: str, service: str) -> Object:
    """A service's rights in this platform namespace; none of them has any right on Secrets cluster-wide."""
    name = f"{_SERVICE_ROLE}{service}"
    return _binding(app, home, name, ("ClusterRole", name), [_service_account(service)])


def _secret_reader_rules(secrets: list[str]) -> list[dict[str, list[str]]]:
    # A rule with no resourceNames would allow every Secret, so no client means no rule.
    return (
        [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": secrets, "verbs": ["get"]}]
        if secrets
        else []
    )


def _access_binding(app: str, namespace_name: str, entry: Access, prefix: str) -> Object:
    subject = {"kind": "Group", "name": entry.group, "apiGroup": _RBAC}
    role = f"{prefix}{entry.role}"
    binding = _binding(
        app, namespace_name, _binding_name(role, entry.group), ("ClusterRole", role), [subject]
    )
    binding["metadata"]["annotations"] = {f"{names.GROUP}/group": entry.group}
    return binding


def _binding_name(role: str, group: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")[:_MAX_SLUG]
    # Groups that differ only in characters a name cannot hold must not share a binding.
    digest = hashlib.sha256(group.encode()).hexdigest()[:8]
    return "-".join(part for part in (role, slug, digest) if part)


def _binding(
    app: str, where: str, name: str, role: tuple[str, str], subjects: list[dict[str, str]]
) -> Object:
    binding = _named(app, where, f"{_RBAC}/v1", "RoleBinding", name)
    binding["roleRef"] = {"apiGroup": _RBAC, "kind": role[0], "name": role[1]}
    binding["subjects"] = subjects
    return binding


def _named(app: str, where: str, api_version: str, kind: str, name: str) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": where, "labels": labels(app)},
    }
