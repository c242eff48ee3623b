"""Registrations made so on a cluster in memory, and what is never touched."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import (
    Event,
    FluxObjectChanged,
    ManagedObjectChanged,
    NamespacesReady,
    OidcClientRegistered,
    OidcClientRejected,
    OidcClientRemoved,
    RegistrationChanged,
    names,
)
from app_platform.namespace_rbac import core, handlers, manifests
from app_platform.namespace_rbac.ports import Ports
from app_platform.runtime import Done, Retry
from support.fakes.events import Sink
from support.fakes.rbac import FakeCluster
from support.fakes.registrations import FakeRegistrations
from support.samples import registration, registration_object

EVENT = RegistrationChanged(app="my-app", name="my-app", uid="u", resource_version="1")
SYNCED = FluxObjectChanged(
    app="my-app", name="my-app-platform", uid="k", resource_version="2", object_kind="Kustomization"
)
ROLES = {"team-admins": "admin", "team-devs": "developer", "auditors": "reader"}


class Service:
    """The handlers over fakes, with one app."""

    def __init__(self) -> None:
        self.registrations = FakeRegistrations("namespace-rbac", registration_object())
        self.cluster, self.sink = FakeCluster(), Sink()
        self.ports = Ports(self.registrations, self.cluster, self.sink)

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self.registrations.objects["my-app"]["spec"])

    def change(self, **spec: Any) -> None:
        self.registrations.objects["my-app"]["spec"].update(spec)

    async def run(self) -> object:
        return await handlers.reconcile(self.ports, [EVENT])

    def verdict(self) -> tuple[str, bool, str]:
        found = [v for v in self.registrations.verdicts if v.type == "NamespacesReady"][-1]
        return found.reason, found.ok, found.message


@pytest.fixture
def service() -> Service:
    return Service()


async def test_an_app_gets_its_namespaces_and_bindings(service: Service) -> None:
    assert await service.run() == Done()
    assert set(service.cluster.namespaces) == {"my-app-platform", "my-app-dev", "my-app-prod"}
    for name in ("my-app-dev", "my-app-prod"):
        assert service.cluster.bindings(name) == ROLES
        assert service.cluster.namespaces[name].labels[names.APP_LABEL] == "my-app"
    assert service.cluster.bindings("my-app-platform") == {g: f"home-{role}" for g, role in ROLES.items()}
    assert service.cluster.registration_groups("my-app") == {
        "read": set(ROLES),
        "change": {group for group, role in ROLES.items() if role == "admin"},
    }
    (event,) = service.sink.events
    assert isinstance(event, NamespacesReady)
    assert event.namespaces == ("my-app-dev", "my-app-prod")
    assert service.verdict()[:2] == ("Reconciled", True)


async def test_doing_it_again_writes_nothing(service: Service) -> None:
    await service.run()
    service.cluster.writes.clear()
    await service.run()
    assert service.cluster.writes == []
    assert len(service.sink.events) == 1


@pytest.mark.parametrize(
    "event",
    [
        OidcClientRegistered(
            app="my-app", name="web", uid="u", resource_version="1", client_id="web", redirect_uris=()
        ),
        OidcClientRejected(app="my-app", name="web", uid="u", resource_version="1", reason="…"),
        OidcClientRemoved(app="my-app", name="web", uid="u", resource_version="1"),
    ],
)
async def test_an_oidc_client_changes_what_may_be_read_and_nothing_for_later_stages(
    service: Service, event: Event
) -> None:
    await service.run()
    service.cluster.oidc_secrets = frozenset({"web"})
    service.sink.events.clear()
    assert await handlers.HANDLERS[type(event)](service.ports, [event]) == Done()
    role = service.cluster.objects["Role", "my-app-platform", "secret-reader"]
    assert role["rules"][0]["resourceNames"] == ["web"]
    assert service.sink.events == []


async def test_a_namespace_given_up_keeps_its_content_and_loses_its_bindings(service: Service) -> None:
    await service.run()
    service.change(namespaces=["my-app-dev", "my-app-test"])
    await service.run()
    assert "my-app-prod" in service.cluster.namespaces
    assert service.cluster.bindings("my-app-prod") == {}
    assert names.RELEASED in service.cluster.namespaces["my-app-prod"].annotations
    assert service.cluster.bindings("my-app-test") == ROLES
    service.change(namespaces=["my-app-dev", "my-app-prod"])
    await service.run()
    assert names.RELEASED not in service.cluster.namespaces["my-app-prod"].annotations
    assert service.cluster.bindings("my-app-prod") == ROLES


async def test_a_changed_role_replaces_its_binding(service: Service) -> None:
    await service.run()
    service.change(access=[{"group": "team-devs", "role": "admin"}])
    await service.run()
    assert service.cluster.bindings("my-app-dev") == {"team-devs": "admin"}


@pytest.mark.parametrize("labels", [{}, {names.APP_LABEL: "other"}])
async def test_somebody_elses_namespace_is_not_touched(service: Service, labels: dict[str, str]) -> None:
    service.cluster.add_namespace("my-app-dev", labels)
    before = service.cluster.namespaces["my-app-dev"]
    assert await service.run() == Done()
    assert service.cluster.namespaces["my-app-dev"] == before
    assert service.cluster.bindings("my-app-dev") == {}
    assert service.cluster.bindings("my-app-prod") == ROLES, "one conflict does not stop the others"
    reason, ok, message = service.verdict()
    assert (reason, ok) == ("NamespaceConflict", False)
    assert "'my-app-dev'" in message


async def test_a_namespace_is_adopted_only_when_annotated_for_this_app(service: Service) -> None:
    service.cluster.add_namespace("my-app-dev", annotations={names.ADOPT: "other"})
    await service.run()
    assert service.verdict()[0] == "NamespaceConflict"
    service.cluster.add_namespace("my-app-dev", annotations={names.ADOPT: "my-app"})
    await service.run()
    assert service.verdict()[1] is True
    assert service.cluster.bindings("my-app-dev") == ROLES


async def test_an_annotation_does_not_take_a_namespace_from_another_app(service: Service) -> None:
    service.cluster.add_namespace(
        "my-app-dev", {names.APP_LABEL: "other"}, annotations={names.ADOPT: "my-app"}
    )
    await service.run()
    assert service.verdict()[0] == "NamespaceConflict"
    assert service.cluster.bindings("my-app-dev") == {}


async def test_without_its_platform_namespace_an_app_gets_nothing(service: Service) -> None:
    service.cluster.add_namespace("my-app-platform", {names.APP_LABEL: "other"})
    await service.run()
    assert service.cluster.writes == []
    assert service.sink.events == []
    assert service.verdict()[0] == "NamespaceConflict"


async def test_a_namespace_that_is_going_is_waited_for(service: Service) -> None:
    service.cluster.add_namespace("my-app-dev", {names.APP_LABEL: "my-app"}, terminating=True)
    assert isinstance(await service.run(), Retry)
    assert service.cluster.bindings("my-app-prod") == ROLES


async def test_a_deleted_registration_leaves_namespaces_and_others(service: Service) -> None:
    await service.run()
    service.cluster.add_namespace("other-dev", {names.APP_LABEL: "other"})
    service.registrations.objects["my-app"]["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert await service.run() == Done()
    assert service.cluster.objects == {}
    assert set(service.cluster.namespaces) == {"my-app-platform", "my-app-dev", "my-app-prod", "other-dev"}
    assert service.registrations.finalizers("my-app") == []


async def test_other_services_keep_their_rights_until_they_have_cleaned_up(service: Service) -> None:
    await service.run()
    meta = service.registrations.objects["my-app"]["metadata"]
    meta["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    meta["finalizers"].append(names.finalizer("git-committer"))
    await service.run()
    assert all(manifests.is_service_binding(o) for o in service.cluster.objects.values())
    assert len(service.cluster.objects) == len(manifests.SERVICES)
    meta["finalizers"].remove(names.finalizer("git-committer"))
    await service.run()
    assert (service.cluster.objects, service.registrations.finalizers("my-app")) == ({}, [])


GROUPS = st.text(min_size=1, max_size=60).filter(lambda g: not g.startswith("system:"))


@given(GROUPS, GROUPS)
def test_binding_names_are_valid_and_not_shared(one: str, other: str) -> None:
    def name(group: str) -> str:
        obj = registration_object()
        obj["spec"]["access"] = [{"group": group, "role": "admin"}]
        found = manifests.in_app_namespace(registration().from_object(obj), "my-app-dev")[0]
        return str(found["metadata"]["name"])

    assert names.is_dns_label(name(one)) or len(name(one)) <= 253
    assert name(one).isascii()
    assert (name(one) == name(other)) == (one == other)


def test_no_oidc_client_means_no_right_to_read() -> None:
    role = next(
        o for o in manifests.in_platform_namespace(registration(), ["my-app-dev"], []) if o["kind"] == "Role"
    )
    assert role["rules"] == []
    (rule,) = next(
        o
        for o in manifests.in_platform_namespace(registration(), ["my-app-dev"], ["b", "a"])
        if o["kind"] == "Role"
    )["rules"]
    assert (rule["resourceNames"], rule["verbs"]) == (["a", "b"], ["get"])


@pytest.mark.parametrize(
    ("found", "wanted", "covered"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({}, {"a": []}, True),
        ({}, {"a": False}, False),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
    ],
)
def test_what_covers_what(found: Any, wanted: Any, covered: bool) -> None:  # noqa: FBT001 - parametrized
    assert core.covers(found, wanted) is covered


async def test_what_flux_reports_matters_only_while_a_namespace_was_given_up(service: Service) -> None:
    await service.run()
    service.cluster.writes.clear()
    binding = ("RoleBinding", "my-app-dev", "app-platform-flux")
    service.cluster.objects.pop(binding)
    assert await handlers.flux_changed(service.ports, [SYNCED]) == Done()
    assert not service.cluster.writes
    service.change(namespaces=["my-app-dev"])
    await service.run()
    service.cluster.objects.pop(binding)
    assert await handlers.flux_changed(service.ports, [SYNCED]) == Done()
    assert ("apply", binding) in service.cluster.writes


async def test_what_others_change_is_put_back_and_later_stages_are_left_alone(service: Service) -> None:
    await service.run()
    service.sink.events.clear()
    changed = ManagedObjectChanged(
        app="my-app",
        name="x",
        uid="b",
        resource_version="9",
        object_kind="RoleBinding",
        namespace="my-app-dev",
    )
    key = next(k for k in service.cluster.objects if k[:2] == ("RoleBinding", "my-app-dev"))
    right = service.cluster.objects[key]
    service.cluster.objects[key] = {**right, "subjects": []}
    assert await handlers.reconcile(service.ports, [changed]) == Done()
    assert service.cluster.objects[key] == right
    assert not service.sink.events
