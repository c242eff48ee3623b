"""The pins agree with each other, and everything under deploy/kubernetes can be set up."""

import re

import pytest

from app_platform.local import ClusterError
from app_platform.local.bootstrap import read_manifests, resource_of
from app_platform.local.paths import workspace_root
from app_platform.local.tools import Tool, pinned_tools
from app_platform.local.tools.pins import pinned_definitions

GO_MOD = (workspace_root() / "deploy" / "local" / "go.mod").read_text()
BUILT = [tool for tool in pinned_tools().values() if tool.package and not tool.own_module]


@pytest.mark.parametrize("tool", BUILT, ids=lambda tool: tool.name)
def test_each_built_tool_is_in_go_mod_at_its_version(tool: Tool) -> None:
    required = dict(re.findall(r"^\t(\S+) (v\S+)", GO_MOD, re.MULTILINE))
    module = next(path for path in required if f"{tool.package}/".startswith(f"{path}/"))
    assert required[module] == tool.version
    assert f"\t{tool.package}\n" in GO_MOD.partition("tool (")[2].partition(")")[0]


def test_the_definitions_are_those_of_the_controller_that_runs() -> None:
    modules = {definition.module.partition("@")[0]: definition.module for definition in pinned_definitions()}
    version = pinned_tools()["kustomize-controller"].version
    assert modules["github.com/fluxcd/kustomize-controller"].endswith(f"@{version}")
    api = re.search(r"source-controller/api (v\S+)", GO_MOD)
    assert api
    assert modules["github.com/fluxcd/source-controller"].endswith(f"@{api[1]}")


def test_every_file_that_up_applies_is_of_a_known_kind() -> None:
    folder = workspace_root() / "deploy" / "kubernetes"
    manifests = read_manifests([*folder.glob("crds/*.yaml"), *folder.glob("rbac/*.yaml")])
    assert manifests
    assert all(resource_of(item).kind == item["kind"] for item in manifests)


def test_a_kind_that_is_not_known_is_named() -> None:
    with pytest.raises(ClusterError, match="Widget one"):
        resource_of({"apiVersion": "v1", "kind": "Widget", "metadata": {"name": "one"}})
