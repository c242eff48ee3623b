"""git-committer in app namespaces: it takes away what the app's managed Kustomization delivered, and no other Secret."""

from typing import Any

import pytest

from app_platform.contracts import names
from app_platform.git_committer import flux
from app_platform.git_committer.adapters.delivered import KubernetesDelivered
from app_platform.kube import SECRETS, Forbidden, Object
from integration.policies.conftest import Team, World, refused


def delivered(team: Team, name: str = "database", **labels: str | None) -> Object:
    """A Secret as the managed Kustomization of an app delivers it; labels changed, None takes one off."""
    manifest = SECRETS.manifest(name, team.dev, stringData={"password": "x"})
    right = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.APP_LABEL: team.name,
        names.SECRET_NAME_LABEL: name,
        flux.OWNER_NAME: team.home,
        flux.OWNER_NAMESPACE: team.home,
    }
    manifest["metadata"]["labels"] = {key: value for key, value in (right | labels).items() if value}
    return manifest


async def test_what_the_managed_kustomization_delivered_is_found_and_taken_away(world: World) -> None:
    team, port = world.mine, KubernetesDelivered(world.service("git-committer"))
    await world.flux(team).create(SECRETS, delivered(team))
    kept = delivered(team, "kept")
    kept["metadata"]["annotations"] = {flux.PRUNE: "disabled"}
    await world.flux(team).create(SECRETS, kept)
    await world.root.create(SECRETS, delivered(team, "own", **{flux.OWNER_NAME: "own"}))
    await world.root.create(SECRETS, SECRETS.manifest("by-hand", team.dev))
    found = {each.name: each for each in await port.secrets(team.name, [team.dev])}
    assert {name: each.kept for name, each in found.items()} == {"database": False, "kept": True}
    await world.root.merge_patch(SECRETS, "database", team.dev, {"stringData": {"password": "y"}})
    await port.delete(found["database"])
    assert await world.root.find(SECRETS, "database", team.dev), "it is another version than was read"
    (now,) = [each for each in await port.secrets(team.name, [team.dev]) if not each.kept]
    await port.delete(now)
    await port.delete(now)
    assert await world.root.find(SECRETS, "database", team.dev) is None


@pytest.mark.parametrize(
    "labels",
    [
        {names.SECRET_NAME_LABEL: None},
        {flux.OWNER_NAME: "own"},
        {flux.OWNER_NAMESPACE: "another"},
        {flux.OWNER_NAME: None, flux.OWNER_NAMESPACE: None},
    ],
)
async def test_no_other_secret_can_be_deleted(world: World, labels: dict[str, Any]) -> None:
    await world.root.create(SECRETS, delivered(world.mine, **labels))
    service = world.service("git-committer")
    assert "managed Kustomization delivered" in await refused(
        service.delete(SECRETS, "database", world.mine.dev)
    )


async def test_nothing_else_may_be_done_there(world: World) -> None:
    team, service = world.mine, world.service("git-committer")
    await world.flux(team).create(SECRETS, delivered(team))
    for attempt in (
        service.get(SECRETS, "database", team.dev),
        service.merge_patch(SECRETS, "database", team.dev, {"metadata": {"annotations": {"a": "b"}}}),
        service.create(SECRETS, delivered(team, "another")),
    ):
        with pytest.raises(Forbidden):
            await attempt
    with pytest.raises(Forbidden):
        await service.list(SECRETS, "kube-system")
    port = KubernetesDelivered(service)
    found = await port.secrets(team.name, ["kube-system", team.dev])
    assert [each.namespace for each in found] == [team.dev], "where it is not bound it does not look"
