"""A namespace that its app gives up: the access goes, what is live there stays; and what happens when it is taken back."""

from app_platform.contracts import names
from app_platform.kube import KUSTOMIZATIONS, NAMESPACES, ROLE_BINDINGS, Selector
from support.apps import PATIENCE, App
from support.platform import eventually


def in_git(app: App, namespace: str) -> list[str]:
    """The files for a namespace."""
    return app.git("ls-tree", "--name-only", "main", f"secrets/{namespace}/").split()


def bindings(app: App, namespace: str) -> list[str]:
    """What we still bind there."""
    ours = Selector(labels=f"{names.APP_LABEL}={app.name}")
    found = app.cluster.do(lambda client: client.list(ROLE_BINDINGS, namespace, ours))
    return [each["metadata"]["name"] for each in found]


def patches(app: App) -> list[object]:
    """What the managed Kustomization is told besides."""
    found = app.cluster.do(lambda client: client.get(KUSTOMIZATIONS, app.home, app.home))
    return list(found["spec"].get("patches", ()))


def give_up_prod(app: App) -> None:
    """Take a namespace out of the registration, and wait until nothing of ours reaches into it any more."""
    app.register([app.dev])
    eventually(lambda: in_git(app, app.prod) == [], "its files gone from Git", within=PATIENCE)
    eventually(lambda: bindings(app, app.prod) == [], "its bindings gone, Flux's last", within=PATIENCE)
    eventually(lambda: patches(app) == [], "the Kustomization as before", within=PATIENCE)


def test_what_is_live_in_a_namespace_that_is_given_up_stays(app: App) -> None:
    app.create("database")
    app.create("other")
    app.settle()
    before = app.live(app.prod)
    assert set(before) == {"database", "other"}
    give_up_prod(app)
    assert app.live(app.prod) == before
    assert set(app.live(app.dev)) == {"database", "other"}
    space = app.cluster.do(lambda client: client.get(NAMESPACES, app.prod))
    assert names.RELEASED in space["metadata"]["annotations"]


def test_one_that_is_taken_back_is_delivered_to_as_before(app: App) -> None:
    app.create("database")
    app.settle()
    give_up_prod(app)
    app.register()
    app.update("database")
    app.settle()
    app.delete("database")
    app.settle()
    eventually(lambda: app.live(app.prod) == {}, "pruned, as it is Flux's again", within=PATIENCE)


def test_secrets_go_on_while_a_namespace_is_given_up(app: App) -> None:
    app.create("database")
    app.create("doomed")
    app.settle()
    app.register([app.dev])
    app.retarget("database", app.dev)
    app.update("database")
    app.delete("doomed")
    app.create("new", [app.dev])
    eventually(lambda: in_git(app, app.prod) == [], "its files gone from Git", within=PATIENCE)
    wanted = {name: app.wanted[name].values for name in ("database", "new")}
    eventually(lambda: app.live(app.dev) == wanted, "live in the namespace that it kept", within=PATIENCE)
    eventually(lambda: set(app.intents()) == set(wanted), "the deleted one gone", within=PATIENCE)
    assert {app.status(name) for name in wanted} == {"Committed"}
    assert "database" in app.live(app.prod)
