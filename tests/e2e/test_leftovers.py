"""Live Secrets that Flux has lost sight of: kustomize-controller leaves some behind when it applies two commits in a row."""

import time
from functools import partial

from app_platform.contracts import names
from app_platform.git_committer import flux
from app_platform.kube import SECRETS, KubeClient, Object
from support.apps import PATIENCE, App
from support.platform import eventually


def left_behind(app: App, name: str, **annotations: str) -> Object:
    """What a Secret is that Flux applied and no longer has in its inventory: Git does not hold it, and nothing tells of it."""
    manifest = SECRETS.manifest(name, app.dev, stringData={"password": "left"})
    manifest["metadata"]["annotations"] = annotations
    manifest["metadata"]["labels"] = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.APP_LABEL: app.name,
        names.SECRET_NAME_LABEL: name,
        flux.OWNER_NAME: app.home,
        flux.OWNER_NAMESPACE: app.home,
    }
    return manifest


def is_committed(app: App, name: str) -> bool:
    return app.status(name) == "Committed"


def test_what_flux_left_behind_goes_with_the_next_commit(app: App) -> None:
    app.create("database")
    app.settle()
    own = SECRETS.manifest("own", app.dev)
    kept = left_behind(app, "kept", **{flux.PRUNE: "disabled"})
    for manifest in (left_behind(app, "left"), kept, own):
        app.cluster.do(partial(KubeClient.create, resource=SECRETS, obj=manifest))
    app.update("database")
    eventually(lambda: app.find(SECRETS, "left", app.dev) is None, "what was left gone", within=PATIENCE)
    assert app.find(SECRETS, "kept", app.dev)
    assert app.find(SECRETS, "own", app.dev)
    app.cluster.do(lambda client: client.delete(SECRETS, "kept", app.dev))
    app.settle()


def test_secrets_that_live_for_a_moment_only_leave_nothing_live(app: App) -> None:
    for number in range(12):
        app.create(f"brief-{number}")
        eventually(partial(is_committed, app, f"brief-{number}"), "committed", within=PATIENCE)
        time.sleep(number % 4 / 20)  # so that the deletion meets Flux at different moments of its work
        app.delete(f"brief-{number}")
        app.create(f"lasting-{number}")  # another inventory, by which the brief one's entry is lost for good
    app.settle()
