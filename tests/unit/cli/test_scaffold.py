"""What `scaffold` writes and says is to be done next."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from app_platform.cli.__main__ import app

SCAFFOLD = ("scaffold", "--app", "my-app", "--image", "ghcr.io/labrats-work/my-app:1.2.3")


def scaffold(folder: Path, *more: str) -> str:
    done = CliRunner().invoke(app, [*SCAFFOLD, "--to", str(folder), *more])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_of_an_ssh_repository_it_says_how_the_key_is_made(tmp_path: Path) -> None:
    said = scaffold(tmp_path / "made", "--repository", "git@github.com:labrats-work/apps.my-app.git")
    source = next(yaml.safe_load_all((tmp_path / "made" / "flux.yaml").read_text()))
    assert source["spec"]["secretRef"] == {"name": "deploy-key-my-app"}
    last = said.splitlines()[-1]
    assert last.startswith(
        f"Next: kubectl apply -f {tmp_path / 'made' / 'flux.yaml'}, then open my-app under"
    )
    assert "choose Make a deploy key: that makes the Secret deploy-key-my-app" in last


@pytest.mark.parametrize(
    ("more", "last"),
    [
        (
            ("--repository", "https://github.com/labrats-work/apps.my-app"),
            "Next: kubectl apply -f {}/flux.yaml",
        ),
        ((), "{}/k8s/overlays/production/kustomization.yaml"),
    ],
)
def test_of_another_it_says_no_more_than_is_needed(tmp_path: Path, more: tuple[str, ...], last: str) -> None:
    assert scaffold(tmp_path, *more).splitlines()[-1] == last.format(tmp_path)
