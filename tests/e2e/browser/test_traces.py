"""One trace for each change: from the click, or the write to the API server, to what Flux and Authelia make of it.

Services send their spans to a real receiver of OTLP.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from app_platform.contracts import names
from app_platform.kube import SECRETS, Object
from app_platform.local import Options
from support.apps import CANARY, PATIENCE, App
from support.browser import NewVisitor
from support.cluster import Cluster
from support.dashboard import Dashboard, furnish
from support.otlp import Receiver, Span, receiving
from support.platform import PlatformFactory, eventually

TO_LIVE = {
    ("watcher", "publish secret-intent changed"),
    ("secrets-encryptor", "secrets-encryptor intents_changed"),
    ("secrets-encryptor", "publish secret encrypted"),
    ("git-committer", "git-committer secrets_changed"),
    ("git-committer", "publish commit pushed"),
    ("secrets-encryptor", "secrets-encryptor commit_settled"),
    ("secrets-encryptor", "tell how far a secret is"),
}
TO_REGISTERED = {
    ("watcher", "publish oidc-client changed"),
    ("oidc-registrar", "oidc-registrar clients_changed"),
    ("oidc-registrar", "tell how a client stands"),
    ("oidc-registrar", "publish oidc-client registered"),
}
CLICK = ("dashboard", "create secret")
TOLD = "tell how far a secret is"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture(scope="module")
def dashboard(new_platform: PlatformFactory, receiver: Receiver) -> Iterator[Dashboard]:
    """A platform of its own, in the place of the shared one."""
    running = new_platform("traced", Options(otlp=receiver.url, with_caller=True))
    running.up()
    cluster = Cluster(Path(running.env["KUBECONFIG"]))
    yield furnish(running, cluster)
    cluster.close()


@pytest.fixture
def app(dashboard: Dashboard) -> App:
    return dashboard.app()


def noted(app: App, name: str) -> str:
    """The trace that is noted on a Secret of the platform namespace; empty when there is none."""
    found = app.find(SECRETS, name, app.home) or {"metadata": {}}
    text = str((found["metadata"].get("annotations") or {}).get(names.TRACEPARENT, ""))
    return text.split("-")[1] if text else ""


def whole(receiver: Receiver, trace: str, stages: set[tuple[str, str]]) -> bool:
    """Whether a trace has these stages, and all of it hangs together from one beginning."""
    spans = receiver.trace(trace)
    ids = {span.id for span in spans}
    beginnings = [span for span in spans if span.parent not in ids]
    return stages <= {(span.service, span.name) for span in spans} and len(beginnings) == 1


def until_whole(receiver: Receiver, trace: str, stages: set[tuple[str, str]]) -> None:
    assert trace
    try:
        eventually(partial(whole, receiver, trace, stages), "the trace is whole", within=PATIENCE)
    except BaseException:
        spans = receiver.trace(trace)
        missing = stages - {(span.service, span.name) for span in spans}
        print(f"missing: {missing}", *spans, sep="\n")  # noqa: T201 - says what there is instead
        raise


def beginning(receiver: Receiver, trace: str) -> tuple[str, str]:
    spans = receiver.trace(trace)
    ids = {span.id for span in spans}
    (first,) = (span for span in spans if span.parent not in ids)
    return first.service, first.name


def found(receiver: Receiver, traces: Sequence[str], *wanted: str) -> list[Span]:
    """The spans of these names, in their order, in any of the traces."""
    spans = [span for trace in traces for span in receiver.trace(trace)]
    return [span for name in wanted for span in spans if span.name == name]


def test_a_secret_from_the_click_to_live(visitor: NewVisitor, receiver: Receiver, app: App) -> None:
    page = visitor("ada").open("/apps/my-app/secrets/_new")
    page.get_by_label("Name", exact=True).fill("clicked")
    page.get_by_label("my-app-dev").check()
    page.get_by_label("Key 1", exact=True).fill("password")
    page.get_by_label("Value 1", exact=True).fill(CANARY)
    page.get_by_role("button", name="Create", exact=True).click()
    eventually(lambda: app.status("clicked") == "Committed", "committed", within=PATIENCE)
    trace = noted(app, "clicked")
    until_whole(receiver, trace, {CLICK} | TO_LIVE)
    assert beginning(receiver, trace) == CLICK
    assert f"Trace: {trace}" in app.git("log", "-1", names.BRANCH)


def test_a_secret_from_kubectl_to_live_and_each_change_has_its_own(receiver: Receiver, app: App) -> None:
    app.create("applied", [app.dev])
    eventually(lambda: app.status("applied") == "Committed", "committed", within=PATIENCE)
    first = noted(app, "applied")
    until_whole(receiver, first, TO_LIVE)
    assert beginning(receiver, first) == ("watcher", "publish secret-intent changed")
    app.update("applied")
    eventually(lambda: noted(app, "applied") != first, "another change is another trace", within=PATIENCE)
    until_whole(receiver, noted(app, "applied"), TO_LIVE)


def test_changes_that_go_together_link_to_each_other(receiver: Receiver, app: App) -> None:
    """Committed by one commit, and applied by Flux as one revision: each has a trace of its own all the same."""
    control = app.platform.control
    for name in ("git-committer-0", "source-controller"):
        control.stop(name)
    for name in ("one", "two"):
        app.create(name, [app.dev])
        eventually(partial(lambda name: app.status(name) == "Pending", name), "pending", within=PATIENCE)
    control.start("git-committer-0")
    for name in ("one", "two"):
        eventually(partial(lambda name: app.status(name) == "Committed", name), "committed", within=PATIENCE)
    assert app.annotation("one", names.SECRET_COMMIT) == app.annotation("two", names.SECRET_COMMIT)
    control.start("source-controller")
    traces = [noted(app, name) for name in ("one", "two")]
    assert len(set(traces)) == 2

    told = partial(found, receiver, traces, TOLD)
    eventually(lambda: len(told()) == 2, "Flux's report is part of both", within=PATIENCE)
    (seen,) = {link for each in told() for link in each.links}
    eventually(lambda: any(each.id == seen for each in receiver.spans), "what it links to is sent")
    flux = next(each for each in receiver.spans if each.id == seen)
    assert flux.name == "secrets-encryptor flux_changed"
    assert {each.id for each in told()} <= flux.links
    one, other = "git-committer secrets_changed", "git-committer secrets_changed in a batch"
    together = partial(found, receiver, traces, one, other)
    eventually(lambda: len(together()) == 2, "the commit is part of both", within=PATIENCE)
    commit, beside = together()
    assert beside.links == {commit.id}
    assert beside.parent in commit.links


def test_an_oidc_client_from_the_click_to_registered(
    visitor: NewVisitor, receiver: Receiver, app: App
) -> None:
    page = visitor("ada").open("/apps/my-app/oidc-clients/_new")
    page.get_by_label("Client ID").fill("clicked-client")
    page.get_by_label("Name of the Secret").fill("clicked-client")
    page.get_by_label("Host name").fill("clicked.my-app.hcl.labrats.work")
    page.get_by_role("button", name="Create").click()
    eventually(lambda: noted(app, "clicked-client"), "it is noted", within=PATIENCE)
    trace = noted(app, "clicked-client")
    until_whole(receiver, trace, {CLICK} | TO_REGISTERED)
    assert beginning(receiver, trace) == CLICK


def test_an_oidc_client_from_kubectl_to_registered(receiver: Receiver, app: App) -> None:
    manifest: Object = SECRETS.manifest(
        "applied-client", app.home, stringData={"hostname": "applied.my-app.hcl.labrats.work"}
    )
    manifest["metadata"]["labels"] = {names.OIDC_CLIENT_LABEL: "applied-client", names.APP_LABEL: app.name}
    app.cluster.do(lambda client: client.create(SECRETS, manifest))
    eventually(lambda: noted(app, "applied-client"), "the registrar notes its trace", within=PATIENCE)
    trace = noted(app, "applied-client")
    until_whole(receiver, trace, TO_REGISTERED)
    assert beginning(receiver, trace) == ("watcher", "publish oidc-client changed")


def test_nothing_that_people_chose_is_sent(receiver: Receiver) -> None:
    sent = b"".join(receiver.bodies)
    for chosen in ("clicked", "applied", "my-app", CANARY):
        assert chosen.encode() not in sent, chosen
