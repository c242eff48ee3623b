"""The app repository that is made: complete, within the rules, and the same each time."""

from typing import Any

import pytest
import yaml

from app_platform.scaffold import ScaffoldError, Wanted, files, flux_manifests

WANTED = Wanted("my-app", "ghcr.io/labrats-work/my-app:1.2.3")


def parsed(path: str, wanted: Wanted = WANTED) -> Any:
    return yaml.safe_load(files(wanted)[path])


def test_it_is_laid_out_as_the_guide_says() -> None:
    assert list(files(WANTED)) == [
        "README.md",
        "src/main.py",
        "Dockerfile",
        "k8s/base/kustomization.yaml",
        "k8s/base/deployment.yaml",
        "k8s/base/service.yaml",
        "k8s/base/ingress.yaml",
        "k8s/overlays/dev/kustomization.yaml",
        "k8s/overlays/production/kustomization.yaml",
    ]
    assert files(WANTED) == files(WANTED)


def test_every_file_that_a_kustomization_names_is_there() -> None:
    made = files(WANTED)
    for name in parsed("k8s/base/kustomization.yaml")["resources"]:
        assert f"k8s/base/{name}" in made
    for folder in ("dev", "production"):
        assert parsed(f"k8s/overlays/{folder}/kustomization.yaml")["resources"] == ["../../base"]


def test_the_container_follows_the_best_practices() -> None:
    pod = parsed("k8s/base/deployment.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] == 1001
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["image"] == "ghcr.io/labrats-work/my-app:1.2.3"
    for kind in ("requests", "limits"):
        assert set(container["resources"][kind]) == {"cpu", "memory"}


def test_each_namespace_has_its_overlay_and_host() -> None:
    dev = parsed("k8s/overlays/dev/kustomization.yaml")
    production = parsed("k8s/overlays/production/kustomization.yaml")
    assert (dev["namespace"], production["namespace"]) == ("my-app-dev", "my-app-prod")
    assert "value: my-app-dev.hcl.labrats.work" in dev["patches"][0]["patch"]
    assert "value: my-app.hcl.labrats.work" in production["patches"][0]["patch"]
    patch = yaml.safe_load(dev["patches"][0]["patch"])
    assert [each["path"] for each in patch] == ["/spec/rules/0/host", "/spec/tls/0/hosts/0"]
    host = parsed("k8s/base/ingress.yaml")["spec"]
    assert (host["rules"][0]["host"], host["tls"][0]["hosts"]) == (
        "my-app.hcl.labrats.work",
        ["my-app.hcl.labrats.work"],
    )


def test_namespaces_port_and_domain_can_be_chosen() -> None:
    wanted = Wanted("web", "ghcr.io/labrats-work/web:v2.0.0-rc1", ("web-test",), 9000, "example.org")
    assert "k8s/overlays/test/kustomization.yaml" in files(wanted)
    assert "EXPOSE 9000" in files(wanted)["Dockerfile"]
    assert "https://web-test.example.org" in files(wanted)["README.md"]
    ports = parsed("k8s/base/deployment.yaml", wanted)["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert ports == [{"name": "http", "containerPort": 9000}]


def test_the_program_is_python() -> None:
    compile(files(WANTED)["src/main.py"], "main.py", "exec")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"app": "My App"}, "app 'My App': use lower-case"),
        ({"image": "ghcr.io/labrats-work/my-app:latest"}, "name it with a semantic version"),
        ({"image": "ghcr.io/labrats-work/my-app"}, "name it with a semantic version"),
        ({"image": "ghcr.io/x:1.2.3\nkind: Evil"}, "name it with a semantic version"),
        ({"port": 80}, "choose one from 1024"),
        ({"namespaces": ("other-dev",)}, "must start with my-app-"),
        ({"namespaces": ("my-app-platform",)}, "not end in -platform"),
        ({"domain": "no domain"}, "write it as hcl.labrats.work"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_change(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ScaffoldError) as refused:
        Wanted(**{"app": "my-app", "image": "ghcr.io/labrats-work/my-app:1.2.3", **given})
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("repository", "reference"),
    [
        ("git@github.com:labrats-work/apps.my-app.git", {"name": "deploy-key-my-app"}),
        ("ssh://git@github.com/labrats-work/apps.my-app.git", {"name": "deploy-key-my-app"}),
        ("https://github.com/labrats-work/apps.my-app.git", None),
    ],
)
def test_over_ssh_flux_is_let_in_by_the_key_that_the_dashboard_makes(
    repository: str, reference: dict[str, str] | None
) -> None:
    source = flux_manifests(WANTED, repository)[0]
    assert source["spec"].get("secretRef") == reference
    assert source["metadata"]["name"] == "my-app", "whose key the dashboard calls deploy-key-my-app"


def test_flux_follows_the_repository_for_each_namespace() -> None:
    source, dev, prod = flux_manifests(
        WANTED, "git@github.com:labrats-work/apps.my-app.git", deploy_key="deploy-key-a"
    )
    assert source["spec"]["url"] == "ssh://git@github.com/labrats-work/apps.my-app.git"
    assert source["spec"]["secretRef"] == {"name": "deploy-key-a"}
    assert {each["metadata"]["namespace"] for each in (source, dev, prod)} == {"my-app-platform"}
    assert [each["spec"]["path"] for each in (dev, prod)] == [
        "./k8s/overlays/dev",
        "./k8s/overlays/production",
    ]
    assert {each["spec"]["serviceAccountName"] for each in (dev, prod)} == {"flux"}
    with pytest.raises(ScaffoldError, match="write it as git@github"):
        flux_manifests(WANTED, "not a repository")
