"""Pushes are followed at once, on the real parts: the Git server tells git-committer, which tells Flux."""

from functools import partial
from pathlib import Path
from typing import Any

from app_platform.kube import GIT_REPOSITORIES, SECRETS
from support.apps import PATIENCE, App
from support.gitrepo import commit_and_push, credential, make_repository
from support.platform import eventually


def follow(app: App, repository: str) -> None:
    """A GitRepository of the app's own, which by itself would look once a day."""
    secret = credential("own-credential", app.home)
    spec = {
        "url": f"{app.platform.env['GIT_URL']}/apps/{repository}.git",
        "interval": "24h",
        "ref": {"branch": "main"},
        "secretRef": {"name": "own-credential"},
    }
    source = GIT_REPOSITORIES.manifest("own", app.home, spec=spec)
    app.cluster.do(lambda client: client.create(SECRETS, secret, metadata_only=True))
    app.cluster.do(lambda client: client.create(GIT_REPOSITORIES, source))


def has_fetched(app: App, commit: str) -> bool:
    """Whether source-controller has this commit of the app's own repository."""
    found: dict[str, Any] = app.find(GIT_REPOSITORIES, "own", app.home) or {}
    revision = found.get("status", {}).get("artifact", {}).get("revision", "")
    return bool(revision == f"main@sha1:{commit}")


def test_a_push_to_an_apps_own_repository_is_fetched_at_once(app: App, tmp_path: Path) -> None:
    app.register()
    app.until_ready()
    repository = f"{app.name}-own"
    make_repository(app.platform, repository)
    tree = tmp_path / "tree"
    first = commit_and_push(app.platform, repository, tree, {"a.txt": "1"})
    follow(app, repository)
    eventually(partial(has_fetched, app, first), "the first commit fetched", within=PATIENCE)
    for content in ("2", "3"):
        pushed = commit_and_push(app.platform, repository, tree, {"a.txt": content})
        eventually(partial(has_fetched, app, pushed), f"commit {content} fetched", within=PATIENCE)


def test_what_somebody_pushes_to_the_platform_repository_is_put_back_at_once(
    app: App, tmp_path: Path
) -> None:
    app.register()
    app.until_ready()
    app.create("database")
    app.settle()
    path = f"secrets/{app.dev}/database.yaml"
    right = app.files()[path]
    forged = right.replace("ENC[", "ENC[x")
    pushed = commit_and_push(
        app.platform, app.home, tmp_path / "tree", {path: forged, "README.md": "gone", "notes.md": "kept"}
    )
    eventually(lambda: app.files().get(path) == right, "the file put back", within=PATIENCE)
    eventually(lambda: "gone" not in app.content("main", "README.md"), "the README put back", within=PATIENCE)
    assert app.content("main", "notes.md") == "kept"
    assert pushed in app.git("rev-list", "main").split()
    app.settle()
