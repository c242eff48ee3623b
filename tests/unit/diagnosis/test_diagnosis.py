"""A healthy app has no fault; each fault is found by its check, says what to do, and hides no other."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.diagnosis import (
    AccessTarget,
    AppTarget,
    ClientTarget,
    Finding,
    FluxTarget,
    PlatformTarget,
    Reader,
    SecretTarget,
    State,
    Target,
    diagnose,
    worst,
)
from app_platform.kube import User
from support.fakes.diagnosis import (
    APP,
    HOME,
    World,
    condition,
    consumer,
    flux_object,
    healthy,
    intent,
    kustomization,
    lease,
    letter,
    namespace,
    oidc_client,
    secret,
)
from support.samples import CANARY, NOW

PLATFORM, OF_APP = PlatformTarget(), AppTarget(APP)
OF_SECRET, OF_CLIENT = SecretTarget(APP, "database"), ClientTarget(APP, "login")
OF_SOURCE, OF_KUSTOMIZATION = FluxTarget(APP, "GitRepository", HOME), FluxTarget(APP, "Kustomization", HOME)
OF_DEVELOPER = AccessTarget(APP, "oidc:dev", ("team-devs",))
EVERY = (PLATFORM, OF_APP, OF_SECRET, OF_CLIENT, OF_SOURCE, OF_KUSTOMIZATION, OF_DEVELOPER)

Break = Callable[[World], Any]


async def found(target: Target, world: World, seconds: int = 5) -> list[Finding]:
    return await diagnose(target, world.reader, NOW + timedelta(seconds=seconds))


def bad(findings: list[Finding]) -> list[tuple[str, State, str]]:
    return [(f.check, f.state, f.detail) for f in findings if f.state is not State.OK]


@pytest.mark.parametrize("target", EVERY, ids=lambda target: type(target).__name__)
async def test_where_nothing_is_amiss_nothing_is_said(target: Target) -> None:
    findings = await found(target, healthy())
    assert bad(findings) == []
    assert worst(findings) is State.OK
    assert findings


def set_condition(kind: str, status: str, reason: str, message: str) -> Break:
    def change(world: World) -> None:
        conditions = world.one("appplatformregistrations", APP)["status"]["conditions"]
        conditions[:] = [c for c in conditions if c["type"] != kind] + [
            condition(kind, status, reason, message)
        ]

    return change


def without_conditions(world: World) -> None:
    world.one("appplatformregistrations", APP)["status"]["conditions"] = []


def put(plural: str, obj: Any) -> Break:
    return lambda world: world.replace(plural, obj)


def take(plural: str, name: str) -> Break:
    return lambda world: world.remove(plural, name)


def not_ready(reason: str, message: str, status: str = "False") -> dict[str, Any]:
    return {"conditions": [condition("Ready", status, reason, message)]}


def consumers(*states: Any) -> Break:
    def change(world: World) -> None:
        kept = [s for s in world.consumers if s.name not in {state.name for state in states}]
        world.consumers = [*kept, *states]

    return change


def delivery(stage: str, message: str = "") -> str:
    return f'{{"my-app-dev":{{"stage":"{stage}","message":"{message}"}}}}'


P, W = State.PROBLEM, State.WARNING
SSH = "ssh://git@github.com/labrats-work/apps.web.git"
LONG_AGO = NOW - timedelta(minutes=10)
FAULTS: list[tuple[str, Target, Break, str, State, str, str]] = [
    (
        "not registered",
        OF_APP,
        take("appplatformregistrations", APP),
        "registered",
        P,
        "there is no",
        "register the app",
    ),
    (
        "being deleted",
        OF_APP,
        lambda w: w.one("appplatformregistrations", APP)["metadata"].update(
            deletionTimestamp=NOW.isoformat(), finalizers=["labrats.work/git-committer"]
        ),
        "registered",
        P,
        "held by labrats.work/git-committer",
        "have let go",
    ),
    (
        "repository not ready",
        OF_APP,
        set_condition("RepositoryReady", "False", "CredentialRejected", "the token has expired"),
        "conditions",
        P,
        "RepositoryReady: CredentialRejected: the token has expired",
        "access to the Git forge",
    ),
    (
        "never reported",
        OF_APP,
        without_conditions,
        "conditions",
        P,
        "has never been reported",
        "namespace-rbac",
    ),
    (
        "of an earlier generation",
        OF_APP,
        lambda w: w.one("appplatformregistrations", APP)["metadata"].update(generation=2),
        "conditions",
        W,
        "of an earlier version",
        "Wait a moment",
    ),
    (
        "no platform namespace",
        OF_SECRET,
        take("namespaces", HOME),
        "platform-namespace",
        P,
        "does not exist",
        "Check that the platform namespace (my-app-platform) exists",
    ),
    (
        "somebody else's namespace",
        OF_APP,
        put("namespaces", namespace("my-app-dev", "my")),
        "app-namespaces",
        P,
        "belongs to app 'my'",
        "Choose another name",
    ),
    (
        "nobody's namespace",
        OF_APP,
        put("namespaces", namespace("my-app-dev", None)),
        "app-namespaces",
        P,
        "belongs to no app",
        "labrats.work/adopt=my-app",
    ),
    (
        "no age key",
        OF_SECRET,
        take("secrets", names.AGE_KEY_SECRET),
        "age-key",
        P,
        "files in Git are encrypted for age1recipient",
        "Check that the AGE key secret exists in the platform namespace",
    ),
    (
        "no credential",
        OF_APP,
        take("secrets", names.GIT_CREDENTIAL_SECRET),
        "git-credential",
        P,
        "Flux cannot fetch",
        "git-committer makes another one",
    ),
    (
        "a service that never ran",
        PLATFORM,
        lambda w: w.consumers.pop(2),
        "services",
        P,
        "git-committer has no consumer",
        "Start `app_platform.runtime.bootstrap`",
    ),
    (
        "a service that is gone",
        OF_SECRET,
        consumers(consumer("secrets-encryptor", asking=0, waiting=3)),
        "services",
        P,
        "no replica of secrets-encryptor asks for events; 3 events wait",
        "Start secrets-encryptor",
    ),
    (
        "a service that is gone with events in hand",
        PLATFORM,
        consumers(consumer("secrets-encryptor", asking=0, in_hand=3)),
        "services",
        P,
        "no replica of secrets-encryptor asks for events; 0 events wait, 3 are in hand",
        "Start secrets-encryptor",
    ),
    (
        "a service that stands still",
        PLATFORM,
        consumers(consumer("git-committer", in_hand=3, last_delivery=LONG_AGO, last_ack=None)),
        "services",
        P,
        "git-committer got nothing and was done with nothing for 605 s; 0 events wait, 3 are in hand",
        "restart git-committer",
    ),
    (
        "a service that died with its hands full",
        PLATFORM,
        consumers(
            consumer("git-committer", asking=0, in_hand=1000, last_delivery=LONG_AGO, last_ack=LONG_AGO)
        ),
        "services",
        P,
        "done with nothing for 605 s",
        "restart git-committer",
    ),
    (
        "a service that is busy",
        PLATFORM,
        consumers(consumer("git-committer", asking=0, in_hand=1000)),
        "services",
        W,
        "hands full",
        "more replicas",
    ),
    (
        "a service that retries",
        PLATFORM,
        consumers(consumer("git-committer", redelivered=4, in_hand=4)),
        "services",
        W,
        "tries 4 events again",
        "check operator logs",
    ),
    (
        "a service that is behind",
        PLATFORM,
        consumers(consumer("git-committer", waiting=1001)),
        "services",
        W,
        "1001 events wait",
        "more replicas",
    ),
    (
        "no watcher",
        PLATFORM,
        put("leases", lease(renewed=(NOW - timedelta(minutes=1)).isoformat())),
        "watcher",
        P,
        "changes are not noticed",
        "Start watcher",
    ),
    (
        "given up",
        OF_SECRET,
        lambda w: w.letters.append(letter()),
        "dead-letters",
        W,
        "git-committer gave up secret.encrypted.v1 of my-app/database",
        "dead-letters redrive",
    ),
    (
        "an app that is not ready",
        PLATFORM,
        set_condition("Ready", "False", "KeyMissing", "the key is gone"),
        "registrations",
        P,
        "my-app is not Ready: KeyMissing: the key is gone",
        "doctor --app my-app",
    ),
    (
        "NATS is down",
        PLATFORM,
        lambda w: setattr(w, "down", "nats"),
        "nats",
        P,
        "NATS does not tell its consumers",
        "nats-server",
    ),
    (
        "the API server is down",
        PLATFORM,
        lambda w: setattr(w, "down", "kubernetes"),
        "api-server",
        P,
        "the API server does not answer",
        "KUBECONFIG",
    ),
    (
        "no such secret",
        OF_SECRET,
        take("secrets", "database"),
        "secret-exists",
        P,
        "there is no secret 'database'",
        "Create it",
    ),
    (
        "no intent",
        OF_SECRET,
        put("secrets", secret("database")),
        "secret-exists",
        P,
        "not labelled",
        "Create it under Secrets",
    ),
    (
        "a foreign target",
        OF_SECRET,
        put("secrets", intent(target_namespaces="my-app-dev,my-app-test")),
        "secret-targets",
        P,
        "my-app-test is not among",
        "Add it under Namespaces",
    ),
    (
        "no target",
        OF_SECRET,
        put("secrets", intent(target_namespaces="")),
        "secret-targets",
        P,
        "names no target",
        "labrats.work/target-namespaces",
    ),
    (
        "a failed secret",
        OF_SECRET,
        put("secrets", intent(secret_status="Failed", secret_message="rename the key 'a b'")),
        "secret-status",
        P,
        "Failed: rename the key 'a b'",
        "Change what the message says",
    ),
    (
        "a secret pending for a moment",
        OF_SECRET,
        put("secrets", intent(secret_status="Pending")),
        "secret-status",
        W,
        "Pending for 5 s",
        "Verify the AppPlatformRegistration is Ready (the operator needs GitHub access to commit)",
    ),
    (
        "a secret that does not decrypt",
        OF_SECRET,
        put("secrets", intent(secret_delivery=delivery("Decryption", "no key"))),
        "secret-delivery",
        P,
        "in my-app-dev: Decryption: no key",
        "do not manually modify files in the platform repo",
    ),
    (
        "a secret that another one blocks",
        OF_APP,
        put("secrets", intent(secret_delivery=delivery("Blocked", "while x fails"))),
        "secrets",
        P,
        "in my-app-dev: Blocked: while x fails",
        "Mend the object",
    ),
    (
        "a secret that Flux is about to apply",
        OF_SECRET,
        put("secrets", intent(secret_delivery=delivery("Waiting"))),
        "secret-delivery",
        W,
        "in my-app-dev: Waiting",
        "within a minute",
    ),
    (
        "a client that is refused",
        OF_CLIENT,
        put("secrets", oidc_client(status="Failed: choose another hostname")),
        "client-status",
        P,
        "Failed: choose another hostname",
        "Change what the message says",
    ),
    (
        "a client that waits",
        OF_APP,
        put("secrets", oidc_client(status="Pending")),
        "oidc-clients",
        W,
        "Pending for 5 s",
        "oidc-registrar",
    ),
    (
        "no such client",
        OF_CLIENT,
        take("secrets", "login"),
        "client-exists",
        P,
        "there is no Secret",
        "Create",
    ),
    (
        "a source that is not fetched",
        OF_SOURCE,
        put(
            "gitrepositories", flux_object(HOME, **not_ready("GitOperationFailed", "authentication required"))
        ),
        "git-repository",
        P,
        "GitOperationFailed: authentication required",
        "deploy key",
    ),
    (
        "a source whose Secret is missing",
        OF_SOURCE,
        put("gitrepositories", flux_object(HOME, {"url": SSH, "secretRef": {"name": "deploy-key-web"}})),
        "git-repository",
        P,
        "the Secret deploy-key-web that spec.secretRef names is not in my-app-platform",
        "which makes the Secret",
    ),
    (
        "a source over SSH without a key",
        OF_APP,
        put("gitrepositories", flux_object(HOME, {"url": SSH})),
        "git-repositories",
        P,
        "it names no Secret with a key",
        "spec.secretRef",
    ),
    (
        "a suspended source",
        OF_APP,
        put("gitrepositories", flux_object(HOME, {"suspend": True})),
        "git-repositories",
        P,
        "suspended",
        "Take spec.suspend off it",
    ),
    (
        "a stalled source",
        OF_SOURCE,
        put(
            "gitrepositories",
            flux_object(
                HOME, conditions=[condition("Ready", "False", "URLInvalid", "bad"), condition("Stalled")]
            ),
        ),
        "git-repository",
        P,
        "stalled: Fine",
        "does not try again",
    ),
    (
        "a change not looked at",
        OF_SOURCE,
        lambda w: w.one("gitrepositories", HOME)["metadata"].update(generation=2),
        "git-repository",
        W,
        "not looked at its latest change",
        "check that Flux runs",
    ),
    (
        "a kustomization nobody looked at",
        OF_KUSTOMIZATION,
        put("kustomizations", kustomization(conditions=[])),
        "kustomization",
        W,
        "not looked at it yet",
        "check that Flux runs",
    ),
    (
        "a kustomization that waits for its commit",
        OF_KUSTOMIZATION,
        put("kustomizations", kustomization(lastAppliedRevision="main@sha1:b")),
        "kustomization",
        W,
        "not yet applied",
        "Wait a moment",
    ),
    (
        "a kustomization that does not decrypt",
        OF_KUSTOMIZATION,
        put("kustomizations", kustomization(**not_ready("BuildFailed", "decryption failed for 'x': no key"))),
        "kustomization",
        P,
        "BuildFailed: decryption failed",
        "delete and recreate the secret via the dashboard",
    ),
    (
        "a kustomization under way",
        OF_KUSTOMIZATION,
        put("kustomizations", kustomization(**not_ready("Progressing", "at it", "Unknown"))),
        "kustomization",
        W,
        "Progressing: at it",
        "wait a moment",
    ),
    (
        "no source",
        OF_KUSTOMIZATION,
        take("gitrepositories", HOME),
        "kustomization",
        P,
        "its source GitRepository 'my-app-platform' does not exist",
        "spec.sourceRef",
    ),
    (
        "a dependency that is missing",
        OF_KUSTOMIZATION,
        put("kustomizations", kustomization(HOME, "other")),
        "depends-on",
        P,
        "'other', which does not exist",
        "Check spec.dependsOn and ensure the dependency is healthy",
    ),
    (
        "a dependency that is not ready",
        OF_APP,
        lambda w: w.objects["kustomizations"].extend(
            [kustomization("web", "db"), kustomization("db", **not_ready("BuildFailed", "bad YAML"))]
        ),
        "depends-on",
        P,
        "waits for 'db', which is not ready: BuildFailed: bad YAML",
        "Check spec.dependsOn",
    ),
    (
        "a circle",
        FluxTarget(APP, "Kustomization", "a"),
        lambda w: w.objects["kustomizations"].extend(
            [kustomization("a", "b"), kustomization("b", "c"), kustomization("c", "a")]
        ),
        "depends-on",
        P,
        "a → b → c → a",
        "Take one of them out",
    ),
    (
        "no group that fits",
        AccessTarget(APP, "oidc:dev", ("team-dev",)),
        lambda _: None,
        "groups",
        P,
        "none of the groups (team-dev) is among those of spec.access (team-admins, team-devs, auditors). Did you mean team-devs?",
        "Verify your Authelia group matches the spec.access entries",
    ),
    (
        "a binding that is missing",
        OF_DEVELOPER,
        lambda w: setattr(w, "rights", {"list pods in my-app-dev"}),
        "rights",
        P,
        "does not allow what the role developer should be: create pods/exec in my-app-dev",
        "The binding is missing",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
async def test_each_fault_is_found_and_says_what_to_do(fault: Any) -> None:
    _, target, break_it, check, state, detail, advice = fault
    world = healthy()
    break_it(world)
    findings = await found(target, world)
    fitting = [f for f in findings if f.check == check and f.state is state and detail in f.detail]
    assert fitting, bad(findings)
    assert advice in fitting[0].advice


@pytest.mark.parametrize("moved", ["last_delivery", "last_ack"])
async def test_a_service_that_was_idle_for_long_or_settles_slowly_does_not_stand_still(moved: str) -> None:
    world, times = healthy(), {"last_delivery": LONG_AGO, "last_ack": LONG_AGO, moved: NOW}
    consumers(consumer("git-committer", in_hand=1, **times))(world)
    assert bad(await found(PLATFORM, world)) == []


async def test_a_change_that_failed_was_looked_at() -> None:
    # kustomize-controller counts a generation as observed when it is applied; its conditions say which one they are about.
    world = healthy()
    world.replace(
        "kustomizations", kustomization(observedGeneration=-1, **not_ready("BuildFailed", "no such file"))
    )
    findings = [each for each in await found(OF_KUSTOMIZATION, world) if each.state is not State.OK]
    assert [each.detail for each in findings] == ["BuildFailed: no such file"]


async def test_what_has_waited_long_is_a_problem() -> None:
    world = healthy()
    world.replace("secrets", intent(secret_status="Pending"))
    (pending,) = [f for f in await found(OF_SECRET, world, 3600) if f.check == "secret-status"]
    assert (pending.state, pending.detail) == (State.PROBLEM, "Pending for 3600 s")


async def test_the_time_of_waiting_is_that_of_the_annotation_not_of_the_object() -> None:
    world, pending = healthy(), intent(secret_status="Pending")
    fields: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{names.SECRET_STATUS}": {}}}}
    pending["metadata"]["managedFields"] = [
        {"manager": "x", "time": (NOW - timedelta(days=1)).isoformat(), "fieldsV1": {"f:data": {}}},
        {"manager": "y", "time": (NOW + timedelta(seconds=3590)).isoformat(), "fieldsV1": fields},
    ]
    world.replace("secrets", pending)
    (said,) = [f for f in await found(OF_SECRET, world, 3600) if f.check == "secret-status"]
    assert (said.state, said.detail) == (State.WARNING, "Pending for 10 s")


@pytest.mark.parametrize("plural", ["appplatformregistrations", "namespaces", "secrets", "kustomizations"])
async def test_what_may_not_be_read_is_unknown_and_names_the_right(plural: str) -> None:
    world = healthy()
    world.forbidden = {plural}
    findings = await found(OF_APP, world)
    unknown = [f for f in findings if f.state is State.UNKNOWN]
    assert unknown
    assert {f"this needs the right to list {plural}" in f.detail for f in unknown} == {True}
    assert not [f for f in findings if f.state is State.PROBLEM], "what is not seen is not taken for missing"
    assert worst(findings) is State.UNKNOWN


@pytest.mark.parametrize(("status", "states"), [("True", ["ok"]), ("False", ["problem", "unknown"])])
async def test_whose_secret_may_not_be_looked_for_is_judged_by_what_flux_says(
    status: str, states: list[str]
) -> None:
    world = healthy()
    spec = {"url": SSH, "secretRef": {"name": "deploy-key-web"}}
    said = [condition("Ready", status, "AuthenticationFailed", "no")]
    world.replace("gitrepositories", flux_object(HOME, spec, conditions=said))
    world.forbidden = {"secrets"}
    assert [f.state for f in await found(OF_SOURCE, world) if f.check == "git-repository"] == states


@pytest.mark.parametrize(
    "spec", [{"url": "https://forge/x"}, {"url": SSH, "secretRef": {"name": "git-credential"}}]
)
async def test_a_source_that_can_be_fetched_has_no_fault(spec: dict[str, Any]) -> None:
    world = healthy()
    world.replace("gitrepositories", flux_object(HOME, spec))
    assert bad(await found(OF_SOURCE, world)) == []


async def test_without_an_app_the_rest_is_skipped_not_wrong() -> None:
    findings = await found(AppTarget("nowhere"), healthy())
    assert [f.check for f in findings if f.state is State.PROBLEM] == ["registered"]
    assert "skipped" in {f.state for f in findings}
    assert worst(findings) is State.PROBLEM


async def test_without_an_event_store_the_rest_is_seen_all_the_same() -> None:
    findings = await diagnose(OF_SECRET, Reader(healthy().reader.cluster), NOW)
    assert {f.check for f in findings if f.state is State.UNKNOWN} == {"services", "dead-letters"}
    assert "set NATS_URL" in next(f for f in findings if f.check == "services").detail
    assert {f.state for f in findings} == {State.OK, State.UNKNOWN}


async def test_ones_own_rights_are_asked_about_as_oneself() -> None:
    world = healthy()
    await found(AccessTarget(APP, "oidc:dev", ("team-devs",), myself=True), world)
    assert {who for _, who in world.asked} == {None}


async def test_of_a_user_alone_only_what_kubernetes_allows_is_judged() -> None:
    world, ada = healthy(), AccessTarget(APP, "oidc:ada")
    world.rights = {"list pods in my-app-dev", "create pods/exec in my-app-dev"}
    findings = [f for f in await found(ada, world) if f.check in {"groups", "rights"}]
    assert [(f.check, f.state, f.detail) for f in findings] == [
        ("groups", State.SKIPPED, "no group was named"),
        ("rights", State.OK, "in my-app-dev: developer"),
        ("rights", State.UNKNOWN, "without a group Kubernetes allows oidc:ada nothing in my-app-prod"),
        ("rights", State.UNKNOWN, "without a group Kubernetes allows oidc:ada nothing in my-app-platform"),
    ]
    assert {who for _, who in world.asked} == {User("oidc:ada")}
    assert "--as-group" in findings[-1].advice


@pytest.mark.parametrize("target", EVERY, ids=lambda target: type(target).__name__)
async def test_no_value_that_flux_quotes_is_repeated(target: Target) -> None:
    world = healthy()
    message = f'Secret/my-app-dev/x dry-run failed: Invalid value: "{CANARY}": no https://user:{CANARY}@host/'
    broken = not_ready("ReconciliationFailed", message)
    world.replace("kustomizations", kustomization(HOME, "db", **broken))
    world.objects["kustomizations"].append(kustomization("db", **broken))
    world.replace(
        "gitrepositories", flux_object(HOME, conditions=[condition("Ready", "False", "X", message)])
    )
    set_condition("SyncReady", "False", "ReconciliationFailed", message)(world)
    set_condition("Ready", "False", "ReconciliationFailed", message)(world)
    assert CANARY not in repr(await found(target, world))
