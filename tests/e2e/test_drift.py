"""What others do to the secrets in a platform repository is found and put right, to the byte."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app_platform.contracts import names
from app_platform.kube import KUSTOMIZATIONS
from support.apps import PATIENCE, App, condition
from support.gitrepo import run_git
from support.platform import eventually


def push(app: App, folder: Path, change: Callable[[Path], None]) -> None:
    """Change the repository by hand and push, as somebody with a token may."""
    admin = ("admin", app.platform.env["GIT_TOKEN"])
    url = f"{app.platform.env['GIT_URL']}/apps/{app.home}.git"
    tree = folder / "tree"
    assert run_git("clone", url, str(tree), folder=folder, user=admin).returncode == 0
    change(tree)
    run_git("add", "--all", ".", folder=tree)
    assert run_git("commit", "-m", "by hand", folder=tree).returncode == 0
    assert run_git("push", "origin", "HEAD:main", folder=tree, user=admin).returncode == 0


def events(app: App, kind: str, name: str) -> list[dict[str, object]]:
    """What the history tells."""
    line = [sys.executable, "-m", "app_platform.cli", "events", "list", "--app", app.name, "--kind", kind]
    env = {**os.environ, **app.platform.env}
    done = subprocess.run([*line, "-o", "json"], env=env, capture_output=True, text=True, check=True)
    found = [json.loads(each) for each in done.stdout.splitlines()]
    return [each["data"] for each in found if each["type"] == f"work.labrats.{name}.v1"]


def edit(tree: Path, app: App) -> None:
    path = tree / names.secret_path(app.dev, "database")
    path.write_text(path.read_text().replace("type: Opaque", "type: example.com/other"))


def corrupt(tree: Path, app: App) -> None:
    (tree / names.secret_path(app.dev, "database")).write_text("not: [a manifest\n")


def break_mac(tree: Path, app: App) -> None:
    """Another ciphertext of the same key: Flux applies it without noticing."""
    path = tree / names.secret_path(app.dev, "database")
    lines = path.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if line.strip().startswith("mac:"))
    before, mark, after = lines[at].partition("data:")
    lines[at] = before + mark + ("A" if after[0] != "A" else "B") + after[1:]
    path.write_text("".join(lines))


def drop_value(tree: Path, app: App) -> None:
    """Without the key, a value can still be taken out: Flux does not check the MAC."""
    path = tree / names.secret_path(app.dev, "database")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("    password:")))


def delete(tree: Path, app: App) -> None:
    (tree / names.secret_path(app.dev, "database")).unlink()


def move(tree: Path, app: App) -> None:
    (tree / names.secret_path(app.dev, "database")).rename(tree / names.secret_path(app.dev, "other"))


def copy(tree: Path, app: App) -> None:
    """Of another secret, under this one's name: it decrypts, and Flux would apply it."""
    text = (tree / names.secret_path(app.prod, "other-app")).read_text()
    (tree / names.secret_path(app.prod, "database")).write_text(text)


def remove_folder(tree: Path, _app: App) -> None:
    run_git("rm", "-r", "-q", "secrets", folder=tree)


DRIFTS = [edit, corrupt, break_mac, drop_value, delete, move, copy, remove_folder]


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.__name__)
def test_what_was_changed_by_hand_is_put_right(
    app: App, tmp_path: Path, drift: Callable[[Path, App], None]
) -> None:
    app.create("database")
    app.create("other-app")
    app.settle()
    before = app.files()
    eventually(lambda: app.condition("SyncReady")["status"] == "True", "Flux follows")
    push(app, tmp_path, lambda tree: drift(tree, app))
    pushed = app.head()
    fetch(app)
    eventually(lambda: app.files() == before, "every byte as it was", within=PATIENCE)
    assert pushed in app.git("rev-list", "main").split(), "what they did stays in the history"
    app.settle()
    found = events(app, "repository", "repository.drifted")
    assert {each["part"] for each in found} >= {"secrets"}
    told = {path for each in found if each["part"] == "secrets" for path in each["paths"]}  # type: ignore[attr-defined]  # a list
    changed = set(app.git("diff", "--name-only", "--no-renames", f"{pushed}~1", pushed).split())
    assert told == {path for path in changed if path.endswith(".yaml")}
    repairs = [each for each in events(app, "secret", "secret.encrypted") if each["cause"] == "repair"]
    assert repairs or drift is move


def fetch(app: App) -> None:
    """Have Flux fetch, as its interval would within a minute; nobody tells the platform that something was pushed."""
    app.refetch()


def test_a_ciphertext_of_another_app_opens_nothing(app: App, other: App, tmp_path: Path) -> None:
    other.create("database")
    other.settle()
    stolen = other.content(other.head(), names.secret_path(other.dev, "database")).replace(other.dev, app.dev)
    app.create("own")
    app.settle()
    committers = ["git-committer-0", "git-committer-1"]
    for name in committers:  # which would take the file away at once
        app.platform.control.stop(name)
    try:
        path = names.secret_path(app.dev, "database")

        def put(tree: Path) -> None:
            (tree / path).write_text(stolen)

        push(app, tmp_path, put)
        fetch(app)
        eventually(lambda: refused(app).startswith("BuildFailed"), "Flux cannot decrypt it", within=PATIENCE)
        assert set(app.live(app.dev)) == {"own"}
    finally:
        for name in committers:
            app.platform.control.start(name)
    eventually(lambda: path not in app.files(), "the file is taken away", within=PATIENCE)
    app.settle()
    other.settle()


def refused(app: App) -> str:
    """Reason and message of the managed Kustomization when it is not ready."""
    ready = condition(app.find(KUSTOMIZATIONS, app.home, app.home), "Ready")
    return f"{ready.get('reason')}: {ready.get('message')}" if ready.get("status") == "False" else ""


def test_our_own_commits_are_no_drift(app: App) -> None:
    for number in range(6):
        app.create(f"secret-{number}")
    for number in range(6):
        app.update(f"secret-{number}")
    app.settle()
    app.delete("secret-0")
    app.settle()
    assert events(app, "repository", "repository.drifted") == []
    assert {each["cause"] for each in events(app, "secret", "secret.encrypted")} == {"change"}
