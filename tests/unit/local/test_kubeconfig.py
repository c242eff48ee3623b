"""kubeconfigs: cut out of the user's, complete in themselves."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app_platform.local import ClusterError
from app_platform.local.kubeconfig import cut_out, local_kubeconfig


def write(path: Path, context: str, user: dict[str, Any]) -> None:
    content = {
        "contexts": [{"name": context, "context": {"cluster": f"{context}-c", "user": f"{context}-u"}}],
        "clusters": [
            {
                "name": f"{context}-c",
                "cluster": {"server": f"https://{context}", "certificate-authority": "ca"},
            }
        ],
        "users": [{"name": f"{context}-u", "user": user}],
        "current-context": context,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    write(tmp_path / "one" / "config", "one", {"token": "t1"})
    write(tmp_path / "two" / "config", "two", {"client-certificate": "c", "client-key": "k"})
    return {"KUBECONFIG": f"{tmp_path}/one/config:{tmp_path}/two/config:{tmp_path}/absent"}


def test_only_the_named_context_is_cut_out(environment: dict[str, str], tmp_path: Path) -> None:
    content = yaml.safe_load(cut_out("two", environment))
    assert content["current-context"] == "two"
    assert [each["cluster"]["server"] for each in content["clusters"]] == ["https://two"]
    assert content["users"][0]["user"] == {
        "client-certificate": f"{tmp_path}/two/c",
        "client-key": f"{tmp_path}/two/k",
    }
    assert "t1" not in cut_out("two", environment)


def test_without_kubeconfig_the_usual_file_is_read(tmp_path: Path) -> None:
    write(tmp_path / ".kube" / "config", "usual", {"token": "t"})
    assert yaml.safe_load(cut_out("usual", {"HOME": str(tmp_path)}))["current-context"] == "usual"


def test_an_unknown_context_is_answered_with_the_known_ones(environment: dict[str, str]) -> None:
    with pytest.raises(ClusterError, match=r"no context 'three' .*there are: one, two"):
        cut_out("three", environment)


def test_the_local_kubeconfig_names_the_certificate_that_comes_later() -> None:
    content = yaml.safe_load(local_kubeconfig("https://127.0.0.1:1", Path("/ca.crt"), "admin", "t"))
    assert content["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:1",
        "certificate-authority": "/ca.crt",
    }
    assert content["users"] == [{"name": "admin", "user": {"token": "t"}}]
