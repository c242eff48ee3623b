"""What is enough to restore: the objects in Kubernetes. Not NATS, not Git. And what becomes of Git that is newer than a restored etcd."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from app_platform.contracts import names
from app_platform.kube import NAMESPACES, SECRETS, KubeClient, Object, Resource, Selector
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import SERVICES, Options, Platform
from support.apps import PATIENCE, App
from support.cli import app_platform
from support.cluster import Cluster
from support.gitrepo import run_git
from support.platform import PlatformFactory, eventually

OF_SERVER = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "generation",
    "finalizers",
    "selfLink",
)
PLATFORM_NAMESPACES = Selector(labels=f"{names.NAMESPACE_ROLE_LABEL}={names.ROLE_PLATFORM}")


@contextmanager
def running(new_platform: PlatformFactory, name: str) -> Iterator[tuple[Platform, Cluster]]:
    platform = new_platform(name, Options(with_caller=True))
    platform.up()
    cluster = Cluster(Path(platform.env["KUBECONFIG"]))
    try:
        yield platform, cluster
    finally:
        cluster.close()
        platform.down()


def filled(platform: Platform, cluster: Cluster) -> App:
    """An app with secrets of which one was changed, so that its history has more than one commit."""
    app = App(platform, cluster, "kept")
    app.register()
    app.until_ready()
    for name in ("database", "mail", "tls"):
        app.create(name)
    app.settle()
    app.update("mail")
    app.settle()
    return app


def has_branch(app: App) -> bool:
    """Whether the repository is there and has a commit."""
    return (
        app.repository.exists() and not run_git("rev-parse", names.BRANCH, folder=app.repository).returncode
    )


def check(app: App) -> None:
    """Git, decrypted, and what is live are as they were written; so says the command, too."""
    eventually(partial(has_branch, app), "the repository is made", within=PATIENCE)
    app.until_ready()
    app.settle()
    done = app_platform({"KUBECONFIG": app.platform.env["KUBECONFIG"]}, "verify", "--app", app.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nats_and_git_are_rebuilt_from_the_cluster(new_platform: PlatformFactory) -> None:
    with running(new_platform, "emptied") as (platform, cluster):
        app = filled(platform, cluster)
        before, key = app.files(), app.age_key()
        for name in ("nats", "git"):
            platform.control.stop(name)
        shutil.rmtree(platform.state.data / "nats")
        shutil.rmtree(app.repository)
        for name in ("nats", "git"):
            platform.control.start(name)
        platform.control.wait_ready(list(platform.control.status()), PATIENCE)
        check(app)
        assert (app.files(), app.age_key()) == (before, key), "to the byte"


def backup(cluster: Cluster) -> list[tuple[Resource, Object]]:
    """What docs/operations.md says to keep, in the order in which it says to bring it back."""

    async def read(client: KubeClient) -> list[tuple[Resource, Object]]:
        homes = await client.list(NAMESPACES, selector=PLATFORM_NAMESPACES)
        secrets = [s for home in homes for s in await client.list(SECRETS, home["metadata"]["name"])]
        keys = [s for s in secrets if s["metadata"]["name"] == names.AGE_KEY_SECRET]
        others = [s for s in secrets if s not in keys]
        registrations = await client.list(REGISTRATIONS)
        parts = ((NAMESPACES, homes), (SECRETS, keys), (REGISTRATIONS, registrations), (SECRETS, others))
        return [(resource, obj) for resource, objects in parts for obj in objects]

    return cluster.do(read)


def as_new(obj: Object) -> Object:
    """Without what the server it came from has put there."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in OF_SERVER}
    return {key: value for key, value in obj.items() if key not in {"status", "spec"}} | {
        "metadata": metadata,
        **({"spec": obj["spec"]} if obj["kind"] == REGISTRATIONS.kind else {}),
    }


def restore(cluster: Cluster, kept: list[tuple[Resource, Object]]) -> None:
    async def write(client: KubeClient) -> None:
        for resource, obj in kept:
            await client.create(resource, as_new(obj), metadata_only=True)

    cluster.do(write)


@pytest.mark.slow
def test_the_objects_alone_make_the_same_of_an_empty_cluster(new_platform: PlatformFactory) -> None:
    with running(new_platform, "former") as (platform, cluster):
        former = filled(platform, cluster)
        kept, key = backup(cluster), former.age_key()
    with running(new_platform, "latter") as (platform, cluster):
        restore(cluster, kept)
        app = App(platform, cluster, former.name)
        app.wanted, app.writes = former.wanted, former.writes
        check(app)
        assert app.age_key() == key, "the same key: what is in an old clone of Git can still be read"
        assert {path: app.decrypt(text, key) for path, text in app.files().items()} == {
            names.secret_path(target, name): each.values
            for name, each in former.wanted.items()
            for target in each.targets
        }


def rewound(platform: Platform, copy: Path) -> None:
    """What the runbook says: etcd is as it was, NATS is empty, and everything runs but git-committer."""
    platform.down()
    for name in ("etcd", "nats"):
        shutil.rmtree(platform.state.data / name)
    shutil.copytree(copy, platform.state.data / "etcd")
    others = tuple(service for service in SERVICES if service.name != "git-committer")
    all_of_them, platform.options = platform.options, replace(platform.options, services=others)
    platform.up()
    platform.options = all_of_them


def newer_in_git(app: App) -> dict[str, str]:
    """What `app-platform verify` says of each file that is not as the cluster wants it."""
    done = app_platform({"KUBECONFIG": app.platform.env["KUBECONFIG"]}, "verify", "--app", app.name, "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["title"]: each["detail"] for each in found if each["state"] != "ok"}


@pytest.mark.slow
def test_an_etcd_older_than_git_is_followed_when_what_is_to_be_kept_was_brought_back(
    new_platform: PlatformFactory, tmp_path: Path
) -> None:
    platform = new_platform("rewound", Options(with_caller=True))
    platform.up()
    cluster = Cluster(Path(platform.env["KUBECONFIG"]))
    app = App(platform, cluster, "kept")
    app.register()
    app.until_ready()
    for name in ("database", "mail", "deleted-since"):
        app.create(name)
    app.settle()
    then = dict(app.wanted)
    platform.down()
    shutil.copytree(platform.state.data / "etcd", tmp_path / "etcd")
    platform.up()
    app.update("mail")
    app.delete("deleted-since")
    app.create("wanted-back", [app.dev])
    app.create("forgotten", [app.dev])
    app.settle()
    newest, head = app.files(), app.head()

    rewound(platform, tmp_path / "etcd")
    missing = names.secret_path(app.dev, "deleted-since")
    eventually(lambda: missing in newer_in_git(app), "verify names what Git lacks", within=PATIENCE)
    told = newer_in_git(app)
    assert told[names.secret_path(app.dev, "wanted-back")] == f"no intent asks for wanted-back in {app.dev}"
    assert names.secret_path(app.dev, "forgotten") in told
    assert names.secret_path(app.dev, "mail") in told
    assert names.secret_path(app.dev, "database") not in told
    assert (app.head(), app.files()) == (head, newest), "nothing is taken out of Git meanwhile"

    back = app.decrypt(newest[names.secret_path(app.dev, "wanted-back")], app.age_key())
    app.wanted = then
    app.create("wanted-back", [app.dev], **back)
    platform.up()
    app.settle()
    assert newer_in_git(app) == {}
    assert app.git("merge-base", head, names.BRANCH).strip() == head, "the history goes on from where it was"
    cluster.close()
    platform.down()
