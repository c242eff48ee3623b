"""Get started in the browser: the app repository, filled in, to read and to download."""

import io
import tarfile
import zipfile
from pathlib import Path

import yaml

from support.browser import NewVisitor

PAGE = "/apps/my-app/start"


def test_the_repository_is_filled_in_for_the_app(visitor: NewVisitor) -> None:
    rita = visitor("rita")
    page = rita.open(PAGE)
    rita.picture("get-started")
    page.get_by_label("Image").fill("ghcr.io/labrats-work/web:2.0.0")
    page.get_by_label("Port").fill("9000")
    page.get_by_label("App repository").fill("git@github.com:labrats-work/apps.my-app.git")
    page.get_by_role("button", name="Fill in").click()
    page.get_by_text("apps.my-app/k8s/base/deployment.yaml").click()
    shown = yaml.safe_load(page.get_by_role("region", name="k8s/base/deployment.yaml").inner_text())
    (container,) = shown["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "ghcr.io/labrats-work/web:2.0.0"
    assert container["ports"][0]["containerPort"] == 9000
    page.get_by_text("apps.my-app/flux.yaml").click()
    rita.picture("get-started-filled-in")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download apps.my-app.tar.gz").click()
    assert waiting.value.suggested_filename == "apps.my-app.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(Path(waiting.value.path()).read_bytes())) as archive:
        names = archive.getnames()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download apps.my-app.zip").click()
    with zipfile.ZipFile(waiting.value.path()) as zipped:
        assert zipped.namelist() == names
    assert "apps.my-app/k8s/overlays/production/kustomization.yaml" in names
    assert "apps.my-app/flux.yaml" in names


def test_what_cannot_be_is_explained(visitor: NewVisitor) -> None:
    ada = visitor("ada")
    page = ada.open(f"{PAGE}?image=ghcr.io/labrats-work/web:latest")
    assert "name it with a semantic version" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("link", name="Download").count() == 0
    ada.check()
    page = ada.open(f"{PAGE}?port=80")
    assert "choose one from 1024" in page.get_by_role("alert").inner_text()
