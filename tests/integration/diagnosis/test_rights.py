"""Diagnosis on the real API server, with the rights of whoever asks."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from app_platform.contracts import names
from app_platform.diagnosis import (
    AccessTarget,
    AppTarget,
    Finding,
    FluxTarget,
    Reader,
    SecretTarget,
    State,
    diagnose,
)
from app_platform.diagnosis.adapters import KubeCluster
from app_platform.kube import GIT_REPOSITORIES, SECRETS, Action, ClusterConfig, KubeClient, User, may
from integration.policies.conftest import Team, team
from support.nats import until
from support.samples import CANARY


@pytest.fixture
async def root(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as client:
        yield client


@pytest.fixture
async def mine(root: KubeClient) -> Team:
    """An app with an intent, as its people see it."""
    made = await team(root, f"dia{uuid4().hex[:8]}")
    reading = Action("list", GIT_REPOSITORIES, made.home)
    await until(lambda: may(root, reading, User("", (f"{made.name}-readers",))), "the bindings are known")
    intent = SECRETS.manifest("database", made.home, stringData={"password": CANARY})
    intent["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
    intent["metadata"]["annotations"] = {names.TARGET_NAMESPACES: made.dev}
    await root.create(SECRETS, intent, metadata_only=True)
    return made


def states(findings: list[Finding]) -> dict[str, set[State]]:
    found: dict[str, set[State]] = {}
    for finding in findings:
        found.setdefault(finding.check, set()).add(finding.state)
    return found


async def test_an_operator_sees_everything(root: KubeClient, mine: Team) -> None:
    findings = await diagnose(SecretTarget(mine.name, "database"), Reader(KubeCluster(root)))
    found = states(findings)
    assert found["registered"] == {State.OK}
    assert found["platform-namespace"] == {State.OK}
    assert found["age-key"] == {State.OK}
    assert found["secret-exists"] == {State.OK}
    assert found["secret-targets"] == {State.OK}
    assert found["secret-status"] == {State.WARNING}
    assert found["conditions"] == {State.PROBLEM}
    assert CANARY not in repr(findings)


async def test_a_developer_sees_his_part_and_is_told_what_is_missing(mine: Team) -> None:
    findings = await diagnose(AppTarget(mine.name), Reader(KubeCluster(mine.developer)))
    found = states(findings)
    assert found["registered"] == {State.OK}
    assert found["secrets"] == {State.UNKNOWN}
    assert f"this needs the right to list secrets in {mine.home}" in {f.detail for f in findings}
    assert found["platform-namespace"] == {State.UNKNOWN}
    assert f"this needs the right to get namespaces '{mine.home}'" in {f.detail for f in findings}


async def test_for_a_developer_the_dashboard_looks_at_metadata_itself(root: KubeClient, mine: Team) -> None:
    reader = Reader(KubeCluster(mine.developer, own=root))
    findings = await diagnose(SecretTarget(mine.name, "database"), reader)
    assert states(findings)["secret-exists"] == {State.OK}
    assert states(findings)["platform-namespace"] == {State.OK}
    assert CANARY not in repr(findings)


async def test_a_stranger_sees_nothing_but_that(root: KubeClient, mine: Team) -> None:
    stranger = root.acting_as(User("oidc:eve"))
    findings = await diagnose(
        FluxTarget(mine.name, "Kustomization", mine.home), Reader(KubeCluster(stranger))
    )
    assert {f.state for f in findings} == {State.UNKNOWN}


async def test_why_somebody_cannot_see_an_app(root: KubeClient, mine: Team) -> None:
    reader = Reader(KubeCluster(root))
    readers = AccessTarget(mine.name, "oidc:rita", (f"{mine.name}-readers",))
    assert states(await diagnose(readers, reader))["rights"] == {State.OK}
    assert states(await diagnose(readers, reader))["groups"] == {State.OK}
    wrong = AccessTarget(mine.name, "oidc:rita", (f"{mine.name}-reader",))
    findings = await diagnose(wrong, reader)
    assert states(findings)["rights"] == {State.SKIPPED}
    (said,) = [f for f in findings if f.check == "groups"]
    assert f"Did you mean {mine.name}-readers?" in said.detail


async def test_one_may_ask_about_oneself_and_needs_a_right_to_ask_about_others(mine: Team) -> None:
    reader = Reader(KubeCluster(mine.admin))
    groups = (f"{mine.name}-admins",)
    myself = AccessTarget(mine.name, "oidc:me", groups, myself=True)
    assert states(await diagnose(myself, reader))["rights"] == {State.OK}
    other = await diagnose(AccessTarget(mine.name, "oidc:other", groups), reader)
    assert states(other)["rights"] == {State.UNKNOWN}
    assert "create subjectaccessreviews" in next(f.detail for f in other if f.check == "rights")
