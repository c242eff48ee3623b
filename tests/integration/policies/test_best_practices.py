"""The guide's container best practices come back as warnings, and nothing is refused for them."""

import re
from typing import Any

import aiohttp
import pytest
import yaml

from app_platform.kube import ClusterConfig
from app_platform.scaffold import Wanted, files
from integration.policies.conftest import World
from integration.policies.test_walls import merged

GOOD: dict[str, Any] = {
    "name": "web",
    "image": "ghcr.io/labrats-work/web:1.2.3",
    "securityContext": {"runAsUser": 1001, "readOnlyRootFilesystem": True},
    "resources": {
        "requests": {"cpu": "100m", "memory": "64Mi"},
        "limits": {"cpu": "1", "memory": "128Mi"},
    },
}


async def warnings(config: ClusterConfig, world: World, container: dict[str, Any], **pod: Any) -> list[str]:
    """The warnings for a Deployment with this container, which the app's admin makes."""
    app = {"app": "web"}
    spec = {"containers": [container], **pod}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"generateName": "web-"},
        "spec": {
            "selector": {"matchLabels": app},
            "template": {"metadata": {"labels": app}, "spec": spec},
        },
    }
    assert config.token is not None
    headers = {
        "Authorization": f"Bearer {await config.token.get(renew=False)}",
        "Impersonate-User": "oidc:somebody",
        "Impersonate-Group": f"{world.mine.name}-admins",
    }
    url = f"{config.server}/apis/apps/v1/namespaces/{world.mine.dev}/deployments"
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, json=manifest, headers=headers, ssl=config.ssl_context or True) as answer,
    ):
        assert answer.status == 201, await answer.text()
        return [text for line in answer.headers.getall("Warning", []) for text in re.findall(r'"(.*)"', line)]


async def test_what_follows_the_practices_gets_no_warning(config: ClusterConfig, world: World) -> None:
    assert await warnings(config, world, GOOD) == []
    inherited = merged(GOOD, {"securityContext": {"runAsUser": None}})
    assert await warnings(config, world, inherited, securityContext={"runAsUser": 1001}) == []
    digest = f"ghcr.io/labrats-work/web@sha256:{'a' * 64}"
    assert await warnings(config, world, GOOD | {"image": digest}) == []


async def test_what_is_scaffolded_gets_no_warning(config: ClusterConfig, world: World) -> None:
    made = yaml.safe_load(files(Wanted("web", "ghcr.io/labrats-work/web:1.2.3"))["k8s/base/deployment.yaml"])
    pod = made["spec"]["template"]["spec"]
    (container,) = pod.pop("containers")
    assert await warnings(config, world, container, **pod) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"securityContext": {"runAsUser": 0}}, "1001"),
        ({"securityContext": {"readOnlyRootFilesystem": None}}, "readOnlyRootFilesystem"),
        ({"resources": {"limits": None}}, "limits"),
        ({"resources": {"requests": {"cpu": None}}}, "requests"),
        ({"image": "ghcr.io/labrats-work/web:latest"}, "never latest"),
        ({"image": "ghcr.io/labrats-work/web"}, "never latest"),
        ({"image": "ghcr.io/labrats-work/web:main"}, "never latest"),
        ({"image": "docker.io/library/web:1.2.3"}, "ghcr.io/labrats-work/"),
    ],
)
async def test_each_practice_has_its_warning(
    config: ClusterConfig, world: World, change: dict[str, Any], says: str
) -> None:
    (warning,) = await warnings(config, world, merged(GOOD, change))
    assert says in warning
