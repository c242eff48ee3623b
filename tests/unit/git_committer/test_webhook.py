"""What is believed of a webhook, whom it concerns, and what is answered."""

# ruff: noqa: ARG002 - a fake has the signature of its port

import json
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import streams, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from app_platform.contracts import Event, RegistrationChanged, SourceChanged
from app_platform.git_committer import handlers, webhook
from app_platform.git_committer.adapters.webhooks import PATH, Receiver
from app_platform.git_committer.ports import Ports
from app_platform.git_committer.webhook import BadNoticeError, Notice, Source
from app_platform.runtime import Done, PublishError
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.forge import MemoryForge
from support.fakes.registrations import FakeRegistrations
from support.samples import registration_object

SECRET = "webhook-secret"
US = "app-platform@labrats.work"
REPOSITORY = {
    "full_name": "Labrats/apps.my-app",
    "clone_url": "https://github.com/Labrats/apps.my-app.git",
    "ssh_url": "git@github.com:Labrats/apps.my-app.git",
}
APPS_OWN = Source("my-app-platform", "my-app", "github.com/labrats/apps.my-app", {"branch": "main"})
PLATFORMS = Source("my-app-platform", "my-app-platform", "github.com/labrats/apps.my-app", {"branch": "main"})


def push(**changes: Any) -> bytes:
    """A push as GitHub tells it, reduced to what is read."""
    body = {
        "ref": "refs/heads/main",
        "after": "c0ffee",
        "deleted": False,
        "repository": REPOSITORY,
        "sender": {"login": "dev"},
        "commits": [{"author": {"email": "dev@example.invalid"}}],
    }
    return json.dumps(body | changes).encode()


def test_the_signature_of_githubs_own_example_fits() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook payload validation"
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert webhook.sign("It's a Secret to Everybody", b"Hello, World!") == expected
    assert webhook.is_authentic(["It's a Secret to Everybody"], b"Hello, World!", expected)


@pytest.mark.parametrize("signature", ["", "sha256=", "sha1=aa", webhook.sign("another", push()), "sha256=é"])
def test_no_other_signature_fits(signature: str) -> None:
    assert not webhook.is_authentic([SECRET], push(), signature)


def test_the_secret_before_is_taken_too() -> None:
    assert webhook.is_authentic(["new", SECRET], push(), webhook.sign(SECRET, push()))


def test_a_push_is_read() -> None:
    assert webhook.read("push", push()) == Notice(
        "push",
        ("github.com/labrats/apps.my-app",),
        "refs/heads/main",
        "c0ffee",
        "dev",
        frozenset({"dev@example.invalid"}),
    )


def test_what_becomes_of_a_repository_is_read_and_what_does_not_matter_is_not() -> None:
    archived = json.dumps({"action": "archived", "repository": REPOSITORY}).encode()
    starred = json.dumps({"action": "starred", "repository": REPOSITORY}).encode()
    assert webhook.read("repository", archived) == Notice("archived", ("github.com/labrats/apps.my-app",))
    assert webhook.read("repository", starred) is None
    assert webhook.read("ping", b"{}") is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"repository": 5}', push(commits=[{}]), b'{"a":' * 9999]
)
def test_a_malformed_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadNoticeError):
        webhook.read("push", body)


@pytest.mark.parametrize(
    ("reference", "ref", "expected"),
    [
        ({}, "refs/heads/master", True),
        ({}, "refs/heads/main", False),
        ({"branch": "main"}, "refs/heads/main", True),
        ({"branch": "main"}, "refs/heads/main2", False),
        ({"branch": "main"}, "refs/tags/main", False),
        ({"semver": ">=1.0.0"}, "refs/tags/v1.2.3", True),
        ({"tag": "v1", "branch": "main"}, "refs/heads/main", False),
        ({"name": "refs/pull/1/head", "branch": "main"}, "refs/heads/main", False),
    ],
)
def test_which_push_matters_to_which_reference(
    reference: dict[str, str], ref: str, *, expected: bool
) -> None:
    assert webhook.follows(reference, ref) is expected


def test_whom_a_push_concerns() -> None:
    elsewhere = Source("kube-system", "x", APPS_OWN.repository, {"branch": "main"})
    other = Source("my-app-platform", "other", "github.com/labrats/other", {"branch": "main"})
    notice = webhook.read("push", push())
    assert notice is not None
    assert webhook.concerned([APPS_OWN, elsewhere, other, PLATFORMS], notice, US) == [APPS_OWN, PLATFORMS]


def test_our_own_commits_are_no_news_in_platform_repositories() -> None:
    ours = webhook.read("push", push(commits=[{"author": {"email": US}}]))
    mixed = webhook.read(
        "push", push(commits=[{"author": {"email": e}} for e in (US, "dev@example.invalid")])
    )
    assert ours is not None
    assert mixed is not None
    assert webhook.concerned([APPS_OWN, PLATFORMS], ours, US) == [APPS_OWN]
    assert webhook.concerned([PLATFORMS], mixed, US) == [PLATFORMS]


class Broken(Sink):
    """NATS is away."""

    async def publish(self, *events: Event) -> None:
        raise PublishError("not stored")


async def deliver(
    body: bytes, *, sources: Sequence[Source] | None = (APPS_OWN,), sink: Sink | None = None, **headers: str
) -> web.Response:
    """One delivery, signed rightly unless told otherwise."""
    given = {
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": webhook.sign(SECRET, body),
        "Content-Type": "application/json",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    payload = streams.StreamReader(BaseProtocol(None), 2**16)  # type: ignore[arg-type]  # no loop is used
    payload.feed_data(body)
    payload.feed_eof()
    request = make_mocked_request("POST", PATH, headers=given, payload=payload)
    known = None if sources is None else list(sources)
    return await Receiver(lambda: known, sink or Sink(), [SECRET], US).receive(request)


async def test_a_delivery_is_told_to_whom_it_concerns() -> None:
    sink = Sink()
    assert (await deliver(push(), sink=sink)).status == 202
    (event,) = sink.events
    assert event == SourceChanged(
        app="my-app",
        name="my-app",
        action="push",
        repository=APPS_OWN.repository,
        ref="refs/heads/main",
        sha="c0ffee",
        by="dev",
    )
    assert (await deliver(push(), sink=sink)).status == 202
    assert len({e.id for e in sink.events}) == 1


async def test_a_wrong_signature_tells_nothing() -> None:
    sink = Sink()
    with pytest.raises(web.HTTPUnauthorized):
        await deliver(push(), sink=sink, X_Hub_Signature_256=webhook.sign("wrong", push()))
    assert not sink.events


async def test_what_cannot_be_taken_now_is_to_be_delivered_again() -> None:
    with pytest.raises(web.HTTPServiceUnavailable):
        await deliver(push(), sources=None)
    with pytest.raises(web.HTTPServiceUnavailable):
        await deliver(push(), sink=Broken())


async def test_another_content_type_is_refused_with_the_one_to_choose() -> None:
    with pytest.raises(web.HTTPUnsupportedMediaType, match="Unsupported") as refused:
        await deliver(push(), Content_Type="application/x-www-form-urlencoded")
    assert "application/json" in (refused.value.text or "")


def source_changed(name: str, sha: str) -> SourceChanged:
    return SourceChanged(
        app="my-app", name=name, action="push", repository="h/o/r", ref="refs/heads/main", sha=sha
    )


async def handle(*events: SourceChanged) -> tuple[FakeCluster, Sink]:
    """Handle events for a registered app whose repository's head is ``known``."""
    cluster, sink = FakeCluster(), Sink()
    obj = registration_object() | {
        "status": {"repository": {"url": "u", "branch": "main", "headSha": "known"}}
    }
    registrations = FakeRegistrations("git-committer", obj)
    ports = Ports(registrations, cluster, FakeDelivered(), MemoryForge(), cluster, sink)
    assert await handlers.sources_changed(ports, events) == Done()
    return cluster, sink


async def test_flux_is_told_to_fetch_an_apps_own_source_once() -> None:
    cluster, sink = await handle(source_changed("my-app", "a"), source_changed("my-app", "b"))
    assert cluster.fetched_sources == [("my-app", "my-app")]
    assert not sink.events


async def test_a_foreign_push_to_the_platform_repository_makes_everybody_look() -> None:
    cluster, sink = await handle(source_changed("my-app-platform", "unknown"))
    (event,) = sink.events
    assert isinstance(event, RegistrationChanged)
    assert event.resync == "push-unknown"
    assert not cluster.fetched_sources


async def test_a_push_that_is_known_already_makes_nobody_look() -> None:
    _, sink = await handle(source_changed("my-app-platform", "known"))
    assert not sink.events
