"""A whole platform: up, up again, crashes, down, reset; and an existing cluster, only when asked for by name."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from app_platform.kube import CONFIG_MAPS, ClusterConfig, KubeClient, Resource
from app_platform.local import ClusterError, Options, Platform, StateError
from support.platform import INFRASTRUCTURE, PlatformFactory, eventually

DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")

GUEST = Options(services=(), cluster="their-context", with_caller=True)

T = TypeVar("T")


def ask(platform: Platform, question: Callable[[KubeClient], Awaitable[T]]) -> T:
    """Ask the API server of a platform, outside any event loop, as `up` and `down` need it."""

    async def work() -> T:
        async with KubeClient(ClusterConfig.load({"KUBECONFIG": platform.env["KUBECONFIG"]})) as client:
            return await question(client)

    return asyncio.run(work())


def mark(platform: Platform, name: str) -> None:
    """Leave a ConfigMap of that name."""
    item = CONFIG_MAPS.manifest(name, "default")
    ask(platform, lambda client: client.apply(CONFIG_MAPS, item, field_manager="test"))


def is_marked(platform: Platform, name: str) -> bool:
    """Whether that ConfigMap is there."""
    return ask(platform, lambda client: client.find(CONFIG_MAPS, name, "default")) is not None


def pids(platform: Platform) -> dict[str, int | None]:
    return {name: status.pid for name, status in platform.control.status().items()}


def test_up_is_repeatable_and_data_outlives_down(new_platform: PlatformFactory) -> None:
    platform = new_platform("repeat")
    platform.up()
    mark(platform, "mark")
    running, env = pids(platform), platform.env
    left = platform.state.scratch / "of-a-killed-program"
    left.mkdir()
    platform.up()
    assert pids(platform) == running
    assert left.exists(), "the programs run, and it may be theirs"

    platform.down()
    assert not any(Path(f"/proc/{pid}").exists() for pid in running.values())
    assert not platform.control.is_running()

    platform.up()
    assert platform.env == env
    assert is_marked(platform, "mark")
    assert not left.exists()

    platform.reset()
    assert not platform.state.root.exists()


def test_a_platform_comes_up_again_after_its_supervisor_was_killed(new_platform: PlatformFactory) -> None:
    platform = new_platform("killed")
    platform.up()
    mark(platform, "mark")
    text = platform.state.supervisor_log.read_text()
    supervisor = int(text.partition("supervisor started (pid ")[2].partition(")")[0])
    running = pids(platform)
    os.kill(supervisor, 9)
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running.values()), "all children end")
    platform.up()
    assert is_marked(platform, "mark")


@pytest.mark.parametrize("name", ["etcd", "nats", "git", "kube-apiserver", "kustomize-controller"])
def test_what_crashes_comes_back(platform: Platform, name: str) -> None:
    before = platform.control.status()[name]
    platform.control.kill(name)
    eventually(lambda: platform.control.status()[name].restarts > before.restarts, f"{name} restarted")
    platform.control.wait_ready(list(platform.control.status()), 60)
    mark(platform, f"after-{name}")
    assert is_marked(platform, f"after-{name}")


def test_two_platforms_share_nothing(platform: Platform, new_platform: PlatformFactory) -> None:
    other = new_platform("other")
    other.up()
    mark(other, "only-here")
    assert not is_marked(platform, "only-here")
    assert not set(platform.env.values()) & set(other.env.values())
    other.reset()


def test_only_the_owner_may_read_the_state(platform: Platform) -> None:
    assert platform.state.root.stat().st_mode & 0o077 == 0
    secrets = [
        platform.state.env_file,
        *platform.state.config.glob("kubeconfig-*"),
        *platform.state.config.glob("tokens*"),
    ]
    assert len(secrets) > 5
    assert all(file.stat().st_mode & 0o077 == 0 for file in secrets)


def test_a_taken_port_is_named(new_platform: PlatformFactory) -> None:
    platform = new_platform("taken")
    platform.up()
    platform.down()
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", int(platform.env["GIT_URL"].rpartition(":")[2])))
        taker.listen()
        with pytest.raises(StateError, match=r"taken by another program: \d+ \(git\)"):
            platform.up()
    platform.reset()


def test_an_existing_cluster_is_used_only_when_named(platform: Platform, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(Path(platform.env["KUBECONFIG"]).read_text().replace("app-platform", "their-context"))
    environment = {**os.environ, "KUBECONFIG": str(theirs)}
    # Their cluster runs Flux's controllers already; here that is the shared platform, so they rest meanwhile.
    controllers = ("kustomize-controller", "source-controller")
    for name in controllers:
        platform.control.stop(name)
    guest = Platform(tmp_path / "guest", GUEST, environment=environment)
    try:
        guest.up()
        assert not {"etcd", "kube-apiserver"} & guest.control.status().keys()
        assert yaml.safe_load(Path(guest.env["KUBECONFIG"]).read_text())["current-context"] == "their-context"
        with pytest.raises(StateError, match="belongs to the existing cluster 'their-context'"):
            Platform(tmp_path / "guest", INFRASTRUCTURE, environment=environment).up()
    finally:
        guest.reset()
        for name in controllers:
            platform.control.start(name)
        platform.control.wait_ready(controllers, 60)
    assert theirs.read_text().count("their-context") == 4


def test_a_cluster_with_flux_of_its_own_is_refused(platform: Platform, tmp_path: Path) -> None:
    labels = {"app": "kustomize-controller"}
    containers = [{"name": "manager", "image": "none"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    deployment = DEPLOYMENTS.manifest("kustomize-controller", "flux-system", spec=spec)
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(Path(platform.env["KUBECONFIG"]).read_text().replace("app-platform", "their-context"))
    guest = Platform(tmp_path / "guest", GUEST, environment={**os.environ, "KUBECONFIG": str(theirs)})
    ask(platform, lambda client: client.create(DEPLOYMENTS, deployment))
    try:
        with pytest.raises(ClusterError, match="this cluster runs Flux"):
            guest.up()
    finally:
        guest.reset()
        ask(platform, lambda client: client.delete(DEPLOYMENTS, "kustomize-controller", "flux-system"))


def test_a_context_that_is_not_there_is_answered_with_those_there_are(
    platform: Platform, tmp_path: Path
) -> None:
    options = Options(services=(), cluster="typo", with_caller=True)
    environment = {**os.environ, "KUBECONFIG": platform.env["KUBECONFIG"]}
    with pytest.raises(ClusterError, match="there are: app-platform"):
        Platform(tmp_path, options, environment=environment).up()


def test_services_that_are_not_installed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "app_platform.local.options._is_runnable", lambda module: module != "app_platform.watcher"
    )
    with pytest.raises(StateError, match=r"cannot run app_platform\.watcher:"):
        Platform(tmp_path).up()
