"""How far Flux is with a secret, from what its objects say. The texts are those of kustomize-controller 1.9."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform import sops
from app_platform.contracts import (
    CommitPushed,
    Delivery,
    EncryptionKeyReady,
    FluxObjectChanged,
    SecretEncrypted,
    SecretIntentChanged,
    Stage,
    names,
    read_deliveries,
    write_deliveries,
)
from app_platform.runtime import Done, Retry
from app_platform.secrets_encryptor import delivery, handlers
from app_platform.secrets_encryptor.ports import FluxObjects, IntentMetadata, Patience, Ports
from support.fakes.events import Sink
from support.fakes.registrations import FakeRegistrations
from support.fakes.secrets import FakeFlux, FakeKeys, FakeSecrets
from support.samples import CANARY, registration_object

DEV, PROD = "my-app-dev", "my-app-prod"
C1, C2, C3 = (letter * 40 for letter in "abc")


def committed(name: str = "database", commit: str = C1, **annotations: str) -> IntentMetadata:
    said = {
        names.TARGET_NAMESPACES: f"{DEV},{PROD}",
        names.SECRET_STATUS: "Committed",
        names.SECRET_COMMIT: commit,
    }
    return IntentMetadata(name, f"u-{name}", "1", said | annotations)


def flux(
    applied: str = "", fetched: str = "", source: dict[str, str] | None = None, **ready: str
) -> FluxObjects:
    """The managed objects; ``ready`` is the Kustomization's condition, ``source`` the GitRepository's."""
    kustomization = {"type": "Ready", "status": "True", **ready}
    return FluxObjects(
        {
            "status": {
                "artifact": {"revision": f"main@sha1:{fetched or applied}"},
                "conditions": [{"type": "Ready", "status": "True", **(source or {})}],
            }
        },
        {"status": {"lastAppliedRevision": f"main@sha1:{applied}", "conditions": [kustomization]}},
    )


def stages(intent: IntentMetadata, objects: FluxObjects, head: str = C3) -> dict[str, Stage]:
    return {target: each.stage for target, each in (delivery.deliveries(intent, objects, head) or {}).items()}


FORBIDDEN = (
    f'Secret/{DEV}/database dry-run failed (Forbidden): secrets "database" is forbidden: User '
    '"system:serviceaccount:my-app-platform:flux" cannot patch resource "secrets" in API group "" '
    f'in the namespace "{DEV}"\n'
)
INVALID = (
    f'Secret/{DEV}/queue dry-run failed (Invalid): Secret "queue" is invalid: data[.dockerconfigjson]: '
    f'Invalid value: "{CANARY}\\" more": must be JSON\n'
)
FAULTS: dict[str, tuple[FluxObjects, Stage, Stage, str]] = {
    "it cannot be fetched": (
        flux(C2, source={"status": "False", "reason": "GitOperationFailed", "message": "no route"}),
        Stage.FETCH,
        Stage.FETCH,
        "no route",
    ),
    "the artifact is gone": (
        flux(status="False", reason="ArtifactFailed", message="artifact not found"),
        Stage.FETCH,
        Stage.FETCH,
        "artifact not found",
    ),
    "it cannot be built": (
        flux(status="False", reason="BuildFailed", message="kustomize build failed: yaml: line 3"),
        Stage.BUILD,
        Stage.BUILD,
        "line 3",
    ),
    "one cannot be decrypted": (
        flux(
            status="False",
            reason="BuildFailed",
            message="decryption failed for 'Secret.v1.[noGrp]/database': cannot get sops data key",
        ),
        Stage.DECRYPTION,
        Stage.DECRYPTION,
        "data key",
    ),
    "the key is gone": (
        flux(status="False", reason="BuildFailed", message='secrets "sops-age" not found'),
        Stage.DECRYPTION,
        Stage.DECRYPTION,
        "sops-age",
    ),
    "it is refused in a namespace": (
        flux(status="False", reason="ReconciliationFailed", message=FORBIDDEN),
        Stage.REFUSED,
        Stage.BLOCKED,
        "RoleBinding",
    ),
    "it is invalid": (
        flux(
            status="False",
            reason="ReconciliationFailed",
            message=INVALID.replace("queue dry", "database dry"),
        ),
        Stage.APPLY,
        Stage.BLOCKED,
        "(Invalid)",
    ),
    "another is invalid": (
        flux(status="False", reason="ReconciliationFailed", message=INVALID),
        Stage.BLOCKED,
        Stage.BLOCKED,
        f"{DEV}/queue fails",
    ),
    "something else fails": (
        flux(status="False", reason="DependencyNotReady", message="waiting for x"),
        Stage.APPLY,
        Stage.APPLY,
        "DependencyNotReady: waiting for x",
    ),
    "something cannot be removed": (
        flux(status="False", reason="PruneFailed", message="delete failed"),
        Stage.PRUNE,
        Stage.PRUNE,
        "delete failed",
    ),
    "it is not healthy": (
        flux(status="False", reason="HealthCheckFailed", message="timeout waiting for: [Pod/x]"),
        Stage.HEALTH,
        Stage.HEALTH,
        "timeout",
    ),
    "nothing is wrong": (flux(C2), Stage.WAITING, Stage.WAITING, "waiting"),
    "it is being applied": (
        flux(C2, status="Unknown", reason="Progressing"),
        Stage.WAITING,
        Stage.WAITING,
        "waiting",
    ),
    "it is not there yet": (FluxObjects(), Stage.WAITING, Stage.WAITING, "waiting"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_target_says_at_which_stage_it_stands_and_why(case: str) -> None:
    objects, dev, prod, words = FAULTS[case]
    assert stages(committed(), objects) == {DEV: dev, PROD: prod}
    said = delivery.deliveries(committed(), objects, C3) or {}
    assert words in said[DEV].message
    assert CANARY not in write_deliveries(said)


def test_a_pause_is_said() -> None:
    paused = FluxObjects({"spec": {"suspend": True}}, {})
    assert stages(committed(), paused) == {DEV: Stage.SUSPENDED, PROD: Stage.SUSPENDED}


@pytest.mark.parametrize(
    ("applied", "head", "stage"),
    [(C1, C3, Stage.APPLIED), (C3, C3, Stage.APPLIED), (C2, C3, Stage.WAITING), ("", C3, Stage.WAITING)],
)
def test_it_is_delivered_when_its_commit_or_the_head_is_applied(
    applied: str, head: str, stage: Stage
) -> None:
    assert set(stages(committed(), flux(applied), head).values()) == {stage}


def test_what_was_delivered_stays_so_for_its_commit_alone() -> None:
    text = write_deliveries(delivery.deliveries(committed(), flux(C1), C1) or {})
    before = {names.SECRET_DELIVERY: text}
    broken = flux(C1, fetched=C2, status="False", reason="BuildFailed", message="bad")
    assert stages(committed(**before), broken) == {DEV: Stage.APPLIED, PROD: Stage.APPLIED}
    assert stages(committed(commit=C2, **before), broken) == {DEV: Stage.BUILD, PROD: Stage.BUILD}


@pytest.mark.parametrize("status", ["Pending", "Failed", ""])
def test_what_is_not_committed_says_so_itself(status: str) -> None:
    assert delivery.deliveries(committed(**{names.SECRET_STATUS: status}), flux(C1), C1) is None


def test_only_what_changes_is_written() -> None:
    first = delivery.marks([committed()], flux(C1), C1)
    (mark,) = first
    assert set(mark.annotations) == {names.SECRET_DELIVERY}
    text = str(mark.annotations[names.SECRET_DELIVERY])
    assert delivery.marks([committed(**{names.SECRET_DELIVERY: text})], flux(C1), C1) == []


def test_no_credential_and_no_manifest_gets_into_a_message() -> None:
    source = {"status": "False", "message": f"cannot clone https://me:{CANARY}@forge.test/x"}
    manifest = f"failed to decode Kubernetes apiVersion, kind and name from: data:\n  password: {CANARY}\n"
    for objects in (
        flux(source=source),
        flux(status="False", reason="BuildFailed", message=manifest),
    ):
        said = write_deliveries(delivery.deliveries(committed(), objects, C3) or {})
        assert CANARY not in said
        assert len(said) < 800


TRIES = {
    "BuildFailed": (
        "failed to decode Kubernetes YAML from /tmp/kustomization-{}/secrets/x.yaml: no",
        "failed to decode Kubernetes YAML from secrets/x.yaml: no",
    ),
    "HealthCheckFailed": ("health check failed after 30.0{}s: timeout", "health check failed: timeout"),
}


@pytest.mark.parametrize("reason", TRIES)
def test_a_fault_is_told_in_the_same_words_at_each_try(reason: str) -> None:
    message, words = TRIES[reason]
    for number in (1, 22):
        objects = flux(status="False", reason=reason, message=message.format(number))
        assert (delivery.deliveries(committed(), objects, C3) or {})[DEV].message == words


@given(st.dictionaries(st.sampled_from([DEV, PROD]), st.builds(Delivery)))
def test_deliveries_are_read_as_they_were_written(said: dict[str, Delivery]) -> None:
    read = read_deliveries(write_deliveries(said))
    assert {target: each.stage for target, each in read.items()} == {t: d.stage for t, d in said.items()}
    assert write_deliveries(read) == write_deliveries(said)


@pytest.mark.parametrize("text", [None, "", "no", "[]", '{"a": 1}', '{"a": {"stage": "Nowhere"}}'])
def test_what_is_not_ours_says_nothing(text: str | None) -> None:
    assert read_deliveries(text) == {}


def test_a_commit_is_foreign_when_nothing_of_ours_names_it() -> None:
    assert delivery.is_foreign([committed()], flux(C2), C3)
    assert not delivery.is_foreign([committed(commit=C2)], flux(C2), C3)
    assert not delivery.is_foreign([], flux(C3), C3)
    assert not delivery.is_foreign([], FluxObjects(), C3)
    asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    fetching = FluxObjects({**(flux(C2).source or {}), **asked}, None)
    assert not delivery.is_foreign([], fetching, C3), "it will have fetched something else in a moment"


def test_patience_ends() -> None:
    now = 0.0
    patience = Patience(seconds=2, clock=lambda: now)
    assert patience.is_over("a", waiting=False)
    assert not patience.is_over("a", waiting=True)
    now = 1.9
    assert not patience.is_over("a", waiting=True)
    assert not patience.is_over("b", waiting=True)
    now = 2.0
    assert patience.is_over("a", waiting=True)
    assert not patience.is_over("a", waiting=True), "and begins anew"


class Service:
    """The handlers over fakes, with one app whose repository is at a head."""

    def __init__(self) -> None:
        self.object: dict[str, Any] = registration_object()
        self.registrations = FakeRegistrations("secrets-encryptor", self.object)
        self.secrets, self.sink, self.flux = FakeSecrets(), Sink(), FakeFlux()
        self.keys = FakeKeys(sops.Identity.generate().secret)
        self.ports = Ports(self.registrations, self.secrets, self.keys, self.flux, self.sink)
        self.head(C1)

    def head(self, commit: str) -> None:
        self.object.setdefault("status", {})["repository"] = {
            "url": "u",
            "branch": "main",
            "headSha": commit,
        }

    def commit(self, name: str, commit: str) -> None:
        self.secrets.put(name, {"a": b"1"}, f"{DEV},{PROD}")
        self.secrets.annotate(
            name, SECRET_STATUS="Committed", SECRET_COMMIT=commit, SECRET_DELIVERY=write_deliveries({})
        )

    async def told(
        self, kind: str = "Kustomization", ready: str = "True", name: str = "my-app-platform"
    ) -> object:
        event = FluxObjectChanged(
            app="my-app", name=name, uid="u", resource_version="1", object_kind=kind, ready=ready  # type: ignore[arg-type]  # a literal
        )  # fmt: skip
        return await handlers.flux_changed(self.ports, [event])

    def stages(self, name: str) -> set[Stage]:
        text = self.secrets.intents[name].annotations.get(names.SECRET_DELIVERY)
        return {each.stage for each in read_deliveries(text).values()}

    def looks(self) -> list[str]:
        return [e.resync for e in self.sink.events if isinstance(e, EncryptionKeyReady)]


@pytest.fixture
def service() -> Service:
    return Service()


async def test_what_flux_applied_is_told_once(service: Service) -> None:
    service.commit("database", C1)
    service.flux.applied(C1)
    assert await service.told() == Done()
    assert service.stages("database") == {Stage.APPLIED}
    written = len(service.secrets.marks)
    assert await service.told() == Done()
    assert len(service.secrets.marks) == written


@pytest.mark.parametrize("told", [{"ready": "Unknown"}, {"name": "my-app-web"}])
async def test_what_is_under_way_or_the_users_own_is_not_looked_at(
    service: Service, told: dict[str, str]
) -> None:
    service.commit("database", C1)
    service.flux.applied(C1)
    assert await service.told(**told) == Done()
    assert service.secrets.marks == []


async def test_while_commits_are_coming_it_waits_but_not_for_ever(service: Service) -> None:
    service.commit("database", C1)
    service.secrets.put("late", {"a": b"1"}, DEV)
    service.secrets.annotate("late", SECRET_STATUS="Pending")
    service.flux.applied(C1)
    outcome = await service.told()
    assert isinstance(outcome, Retry)
    assert outcome.after > 0
    assert service.secrets.marks == []
    service.ports.patience.seconds = 0.0
    assert await service.told() == Done()
    assert service.stages("database") == {Stage.APPLIED}


async def test_a_commit_that_is_not_ours_is_looked_at_once(service: Service) -> None:
    service.commit("database", C1)
    service.flux.applied(C2)
    for _ in range(2):
        assert await service.told("GitRepository") == Done()
    assert service.looks() == [f"look-{C2[:12]}"]


async def test_our_own_commits_are_not_looked_at(service: Service) -> None:
    service.commit("database", C1)
    for fetched, head in ((C1, C1), (C1, C2), (C2, C2)):
        service.flux.applied(fetched)
        service.head(head)
        await service.told("GitRepository")
        await service.told()
    assert service.looks() == []


async def test_what_another_replica_did_not_see_is_not_taken_for_known(service: Service) -> None:
    """The content may have changed in the version that the delivery is written on, and its event be replaced by ours."""
    service.commit("database", C1)
    service.flux.applied(C1)
    await service.told()
    there = service.secrets.intents["database"]
    assert (there.uid, there.resource_version) not in service.ports.own


async def test_the_first_mark_says_that_it_waits(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, f"{DEV},{PROD}")
    intent = service.secrets.intents["database"]
    event = SecretIntentChanged(
        app="my-app", name="database", uid=intent.uid, resource_version=intent.resource_version
    )
    await handlers.intents_changed(service.ports, [event])
    assert service.stages("database") == {Stage.WAITING}
    assert [e.name for e in service.sink.events if isinstance(e, SecretEncrypted)] == ["database"]


async def test_a_commit_that_came_while_looking_is_not_taken_for_applied(service: Service) -> None:
    """The head is read after the intents: one that is committed later than the head that Flux applied is not applied."""
    service.commit("database", C1)
    service.flux.applied(C1)
    read = service.secrets.metadata

    async def metadata(app: str) -> Sequence[IntentMetadata]:
        service.head(C2)
        service.secrets.annotate("database", SECRET_COMMIT=C2)
        return await read(app)

    service.secrets.metadata = metadata  # type: ignore[method-assign]  # the committer comes in between
    await service.told()
    assert service.stages("database") == {Stage.WAITING}


async def test_what_became_committed_after_flux_applied_it_is_told_then(service: Service) -> None:
    service.secrets.put("database", {"a": b"1"}, DEV)
    intent = service.secrets.intents["database"]
    changed = SecretIntentChanged(
        app="my-app", name="database", uid=intent.uid, resource_version=intent.resource_version
    )
    await handlers.intents_changed(service.ports, [changed])
    (sealed,) = [e for e in service.sink.events if isinstance(e, SecretEncrypted)]
    service.head(C2)
    service.flux.applied(C2)
    pushed = CommitPushed(
        app="my-app", name=C2, sha=C2, paths=(), intents=(sealed.intent,), removed=(), digest="d"
    )
    assert await handlers.commit_settled(service.ports, [pushed]) == Done()
    assert service.stages("database") == {Stage.APPLIED}
