"""Who may do what: every role, verb and resource, asked of the real API server as the person it is about.

The table is the guide's ("Access Roles"), written out; it is not read from the manifests it checks.
"""

import asyncio
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from app_platform.contracts import names
from app_platform.kube import KubeClient, Resource
from integration.policies.conftest import World
from support.people import Anybody

REVIEWS: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
RULES: Final = Resource(
    "authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", namespaced=False
)

READ: Final = frozenset({"get", "list", "watch"})
WRITE: Final = frozenset({"create", "update", "patch", "delete"})
FULL: Final = READ | WRITE | {"deletecollection"}
NONE: Final = frozenset[str]()
VERBS: Final = sorted(FULL | {"bind", "escalate", "impersonate"})
ROLES: Final = ("admin", "developer", "reader")


class Row(NamedTuple):
    """What each role may do with a resource, ``group/plural``, in its namespace."""

    resource: str
    admin: frozenset[str] = NONE
    developer: frozenset[str] = NONE
    reader: frozenset[str] = NONE


IN_APP_NAMESPACES: Final = (
    *(
        Row(f"apps/{r}", FULL, READ, READ)
        for r in ("deployments", "statefulsets", "daemonsets", "replicasets")
    ),
    *(Row(f"batch/{r}", FULL, READ, READ) for r in ("jobs", "cronjobs")),
    Row("autoscaling/horizontalpodautoscalers", FULL, READ, READ),
    Row("networking.k8s.io/ingresses", FULL, READ, READ),
    *(Row(f"/{r}", FULL, READ, READ) for r in ("pods", "services", "configmaps")),
    Row("/secrets", FULL, READ, NONE),
    Row("/serviceaccounts", FULL),
    Row("/persistentvolumeclaims", FULL),
    Row("external-secrets.io/externalsecrets", FULL),
    Row("external-secrets.io/secretstores", FULL),
    Row("/events", READ, READ, READ),
    Row("/pods/log", READ, READ, READ),
    Row("/pods/exec", frozenset({"get", "create"}), frozenset({"get", "create"})),
    Row("/pods/portforward", frozenset({"get", "create"}), frozenset({"get", "create"})),
    Row("/pods/attach"),
    Row("/pods/ephemeralcontainers"),
    Row("/serviceaccounts/token"),
    Row("/resourcequotas"),
    Row("rbac.authorization.k8s.io/roles"),
    Row("rbac.authorization.k8s.io/rolebindings"),
    Row("networking.k8s.io/networkpolicies"),
    Row("source.toolkit.fluxcd.io/gitrepositories"),
    Row("kustomize.toolkit.fluxcd.io/kustomizations"),
    Row("labrats.work/secretintents"),
)
IN_PLATFORM_NAMESPACE: Final = (
    Row("source.toolkit.fluxcd.io/gitrepositories", READ | WRITE, READ | WRITE, READ),
    Row("kustomize.toolkit.fluxcd.io/kustomizations", READ | WRITE, READ | WRITE, READ),
    Row("source.toolkit.fluxcd.io/gitrepositories/status"),
    Row("/events", READ, READ, READ),
    Row("/secrets", frozenset({"create"})),
    *(
        Row(
            f"labrats.work/{r}",
            frozenset({"get", "list", "create", "update", "delete"}),
            frozenset({"get", "list"}),
            frozenset({"get", "list"}),
        )
        for r in ("secretintents", "oidcclients")
    ),
    *(
        Row(f"/{r}")
        for r in (
            "pods",
            "pods/exec",
            "configmaps",
            "serviceaccounts",
            "serviceaccounts/token",
            "persistentvolumeclaims",
        )
    ),
    Row("apps/deployments"),
    Row("batch/jobs"),
    Row("rbac.authorization.k8s.io/roles"),
    Row("rbac.authorization.k8s.io/rolebindings"),
    Row("external-secrets.io/externalsecrets"),
)
CLUSTER_WIDE: Final = (
    *(
        Row(r)
        for r in (
            "/namespaces",
            "/nodes",
            "/secrets",
            "/users",
            "/groups",
            "labrats.work/appplatformregistrations",
            "rbac.authorization.k8s.io/clusterroles",
            "rbac.authorization.k8s.io/clusterrolebindings",
            "admissionregistration.k8s.io/validatingadmissionpolicies",
            "certificates.k8s.io/certificatesigningrequests",
        )
    ),
)


class Question(NamedTuple):
    """May ``role`` do ``verb`` with ``resource`` in ``namespace``?"""

    role: str
    verb: str
    resource: str
    namespace: str
    name: str = ""


def questions(rows: tuple[Row, ...], namespace: str) -> Iterator[tuple[Question, bool]]:
    """Every question about a table, with the right answer."""
    for row in rows:
        for role in ROLES:
            for verb in VERBS:
                yield Question(role, verb, row.resource, namespace), verb in getattr(row, role)


async def allowed(who: KubeClient, question: Question) -> bool:
    """What the API server says."""
    group, _, path = question.resource.partition("/")
    plural, _, subresource = path.partition("/")
    attributes = {
        "group": group,
        "resource": plural,
        "subresource": subresource,
        "verb": question.verb,
        "namespace": question.namespace,
        "name": question.name,
    }
    review = {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "metadata": {"name": ""}}
    answer = await who.create(REVIEWS, review | {"spec": {"resourceAttributes": attributes}})
    return bool(answer["status"]["allowed"])


async def wrong(world: World, expected: list[tuple[Question, bool]]) -> list[str]:
    """The questions that the API server answers otherwise than expected, for the people of ``mine``."""
    answers = await asyncio.gather(*(allowed(world.mine.person(q.role), q) for q, _ in expected))
    return [
        f"{question}: {answer}"
        for (question, right), answer in zip(expected, answers, strict=True)
        if answer != right
    ]


async def test_in_the_apps_own_namespaces(world: World) -> None:
    assert await wrong(world, list(questions(IN_APP_NAMESPACES, world.mine.dev))) == []


async def test_in_the_apps_platform_namespace(world: World) -> None:
    assert await wrong(world, list(questions(IN_PLATFORM_NAMESPACE, world.mine.home))) == []


async def test_nothing_elsewhere(world: World) -> None:
    nothing = tuple({Row(row.resource) for row in (*IN_APP_NAMESPACES, *IN_PLATFORM_NAMESPACE)})
    for namespace in (world.theirs.dev, world.theirs.home, names.SYSTEM_NAMESPACE):
        assert await wrong(world, list(questions(nothing, namespace))) == []
    assert await wrong(world, list(questions(CLUSTER_WIDE, ""))) == []


@pytest.mark.parametrize("role", ROLES)
async def test_everybody_sees_the_own_registration_and_no_other(world: World, role: str) -> None:
    who, kind = world.mine.person(role), "labrats.work/appplatformregistrations"
    for verb in VERBS:
        own = verb in READ or (role == "admin" and verb in {"update", "patch"})
        assert await allowed(who, Question(role, verb, kind, "", world.mine.name)) is own, verb
        assert not await allowed(who, Question(role, verb, kind, "", world.theirs.name)), verb


async def test_a_stranger_may_nothing(world: World) -> None:
    for row in (*IN_APP_NAMESPACES, *IN_PLATFORM_NAMESPACE, *CLUSTER_WIDE):
        for namespace in (world.mine.dev, world.mine.home, ""):
            question = Question("stranger", "get", row.resource, namespace)
            assert not await allowed(world.stranger, question), question


async def test_a_platform_admin_has_all_registrations_and_nothing_of_the_apps(world: World) -> None:
    kind = "labrats.work/appplatformregistrations"
    for verb in (*READ, *WRITE, "manage"):
        assert await allowed(world.platform_admin, Question("platform", verb, kind, "")), verb
    for resource, namespace in (
        ("/secrets", world.mine.home),
        ("/secrets", world.mine.dev),
        ("/namespaces", ""),
    ):
        assert not await allowed(world.platform_admin, Question("platform", "get", resource, namespace))


async def test_flux_may_what_the_admin_may_with_what_is_deployed(world: World) -> None:
    by_hand_only = {"/events", "/pods/log", "/pods/exec", "/pods/portforward"}
    flux = world.flux(world.mine)
    for row in IN_APP_NAMESPACES:
        for verb in READ | WRITE:
            right = verb in row.admin and row.resource not in by_hand_only
            question = Question("flux", verb, row.resource, world.mine.dev)
            assert await allowed(flux, question) is right, question


async def test_secret_reader_reads_the_apps_oidc_secrets_by_name_and_passes_external_secrets_check(
    world: World,
) -> None:
    account = f"system:serviceaccount:{world.mine.dev}:{names.SECRET_READER}"
    reader = world.root.acting_as(Anybody(account, ("system:serviceaccounts", "system:authenticated")))
    home = world.mine.home
    assert await allowed(reader, Question("reader", "get", "/secrets", home, "my-oidc"))
    for verb, name in (("get", "sops-age"), ("list", ""), ("watch", ""), ("get", ""), ("patch", "my-oidc")):
        assert not await allowed(reader, Question("reader", verb, "/secrets", home, name)), (verb, name)
    assert not await allowed(reader, Question("reader", "get", "/secrets", world.theirs.home, "my-oidc"))
    # What External Secrets' Kubernetes provider does when it validates a SecretStore.
    review = {"apiVersion": RULES.api_version, "kind": RULES.kind, "metadata": {"name": ""}}
    answer = await reader.create(RULES, review | {"spec": {"namespace": home}})
    rules = answer["status"]["resourceRules"]
    assert any("secrets" in rule["resources"] and "get" in rule["verbs"] for rule in rules)
