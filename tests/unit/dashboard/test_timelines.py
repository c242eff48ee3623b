"""What a timeline says, from events and from what objects say of themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app_platform.contracts import (
    CommitFailed,
    CommitPushed,
    Delivery,
    EncryptedFile,
    Event,
    FluxObjectChanged,
    IntentVersion,
    ManagedObjectChanged,
    NamespacesReady,
    OidcClientRegistered,
    OidcClientRejected,
    OidcClientRemoved,
    RegistrationChanged,
    RemovedIntent,
    SecretEncrypted,
    SecretIntentChanged,
    SecretIntentDeleted,
    SecretRemoved,
)
from app_platform.contracts import Stage as Delivered
from app_platform.dashboard.intents import Intent
from app_platform.dashboard.oidc_clients import OidcClient
from app_platform.dashboard.timelines import clients, feed, secrets
from app_platform.dashboard.timelines.stories import Stage, State, Story, Told

APP, NAME, HOME = "my-app", "database", "my-app-platform"
START = datetime(2026, 1, 1, 10, tzinfo=UTC)
SHA, LATER_SHA = "a" * 40, "b" * 40


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def past(*events: Event) -> list[Told]:
    """Events told one second after the other."""
    return [Told(event, at(second), second + 1) for second, event in enumerate(events)]


def changed(version: str, name: str = NAME) -> Event:
    return SecretIntentChanged(app=APP, name=name, uid="u1", resource_version=version)


def encrypted(version: str, fingerprint: str, by: str = "ada", cause: Any = "change") -> SecretEncrypted:
    return SecretEncrypted(
        app=APP, name=NAME, uid="u1", resource_version=version, fingerprint=fingerprint, keys=("password",),
        files=(EncryptedFile(path=f"secrets/my-app-dev/{NAME}.yaml", content="c"),), by=by, cause=cause,
    )  # fmt: skip


def version(fingerprint: str) -> IntentVersion:
    return IntentVersion(name=NAME, uid="u1", resource_version="2", fingerprint=fingerprint)


def pushed(sha: str = SHA, *fingerprints: str, removed: bool = False) -> CommitPushed:
    return CommitPushed(
        app=APP, name=sha[:12], sha=sha, paths=(f"secrets/my-app-dev/{NAME}.yaml",),
        intents=tuple(version(each) for each in fingerprints),
        removed=(RemovedIntent(name=NAME, uid="u1"),) if removed else (), digest="d",
    )  # fmt: skip


def flux(kind: Any, sha: str, ready: str = "True", reason: str = "", message: str = "") -> FluxObjectChanged:
    return FluxObjectChanged(
        app=APP, name=HOME, uid="f", resource_version=f"{kind}{sha}{ready}", object_kind=kind,
        revision=f"main@sha1:{sha}", ready=ready, reason=reason, message=message,
    )  # fmt: skip


def intent(status: str = "Committed", message: str = "", second: float = 0, **deliveries: Delivery) -> Intent:
    return Intent(
        name=NAME, uid="u1", resource_version="9", status=status, message=message, keys=("password",),
        targets=("my-app-dev",), commit=SHA if status == "Committed" else "", changed=at(second).isoformat(),
        changed_by="ada", deliveries={name.replace("_", "-"): each for name, each in deliveries.items()},
    )  # fmt: skip


LIFE = (
    changed("1"),
    changed("2"),  # the mark of the encryptor
    encrypted("2", "f1"),
    pushed(SHA, "f1"),
    flux("GitRepository", SHA),
    flux("Kustomization", SHA),
)


def shown(story: Story) -> list[tuple[str, str]]:
    return [(stage.title, str(stage.state)) for stage in story.stages]


def times(story: Story) -> list[datetime | None]:
    return [stage.at for stage in story.stages]


def test_a_secret_that_is_live_has_every_stage_with_its_time() -> None:
    now = intent(my_app_dev=Delivery(stage=Delivered.APPLIED))
    (story,) = secrets.stories(APP, NAME, past(*LIFE), now)
    assert (story.title, story.by, story.state) == ("Changed", "ada", State.DONE)
    assert [title for title, _ in shown(story)] == [
        "Received", "Encrypted", "Committed", "Fetched", "Live in my-app-dev",
    ]  # fmt: skip
    assert times(story) == [at(0), at(2), at(3), at(4), at(5)]
    assert story.stages[2].commit == SHA
    assert story.began == at(0)


@pytest.mark.parametrize(("told", "stage"), [(3, "Committed"), (4, "Fetched"), (5, "Applied")])
def test_it_stands_where_the_events_end(told: int, stage: str) -> None:
    now = intent("Pending")
    (story,) = secrets.stories(APP, NAME, past(*LIFE[:told]), now)
    assert next(s.title for s in story.stages if s.state is not State.DONE) == stage
    assert story.state is State.BUSY


def test_an_event_of_a_later_commit_counts_for_the_earlier_one() -> None:
    events = (
        *LIFE[:4],
        CommitPushed(app=APP, name="b", sha=LATER_SHA, paths=(), intents=(), removed=(), digest="e"),
        flux("GitRepository", LATER_SHA),
        flux("Kustomization", LATER_SHA),
    )
    now = intent(my_app_dev=Delivery(stage=Delivered.APPLIED))
    (story,) = secrets.stories(APP, NAME, past(*events), now)
    assert story.state is State.DONE


def test_a_revision_from_before_does_not_count() -> None:
    before = (pushed("c" * 40), *LIFE[:4], flux("GitRepository", "c" * 40), flux("Kustomization", "c" * 40))
    (story,) = secrets.stories(APP, NAME, past(*before), None)
    assert ("Fetched", "not yet") in shown(story)


def test_what_flux_cannot_apply_says_why_and_what_to_do() -> None:
    broken = flux("Kustomization", "0" * 40, "False", "BuildFailed", "kustomize build failed")
    (story,) = secrets.stories(APP, NAME, past(*LIFE[:5], broken), None)
    stage = story.stages[-1]
    assert (stage.state, stage.text) == (State.FAILED, "BuildFailed: kustomize build failed")
    assert "is it reconciling without errors" in stage.advice


def test_what_is_known_of_each_target_is_the_truth_about_the_latest() -> None:
    now = intent(my_app_dev=Delivery(stage=Delivered.DECRYPTION, message="no key"))
    (story,) = secrets.stories(APP, NAME, past(*LIFE), now)
    assert story.state is State.FAILED
    assert story.stages[-1].text == "Decryption: no key"
    assert "do not manually modify files in the platform repo" in story.stages[-1].advice


def test_a_refused_secret_says_what_to_change() -> None:
    now = intent("Failed", "my-app-x is not one of the app's namespaces", second=1)
    (story,) = secrets.stories(APP, NAME, past(changed("1"), changed("2")), now)
    assert shown(story)[:2] == [("Received", "done"), ("Encrypted", "failed")]
    assert story.stages[1].text == "my-app-x is not one of the app's namespaces"
    assert story.stages[1].advice


def test_a_change_after_the_last_one_that_is_refused_is_a_story_of_its_own() -> None:
    now = intent("Failed", "the key is empty", second=60)
    latest, before = secrets.stories(APP, NAME, past(*LIFE), now)
    assert latest.state is State.FAILED
    assert before.state is State.DONE


def test_a_commit_that_failed_says_why_until_it_succeeds() -> None:
    failed = CommitFailed(
        app=APP, name="x", reason="the repository is archived", intents=(version("f1"),), digest="d"
    )
    (story,) = secrets.stories(
        APP, NAME, past(*LIFE[:3], failed), intent("Failed", "the repository is archived")
    )
    assert story.stages[2].text == "the repository is archived"
    assert story.state is State.FAILED
    (story,) = secrets.stories(APP, NAME, past(*LIFE[:3], failed, pushed(SHA, "f1")), None)
    assert story.stages[2].state is State.DONE


def test_a_change_that_a_newer_one_overtook_was_never_committed() -> None:
    events = (*LIFE[:3], changed("3"), encrypted("4", "f2", by="eva"), pushed(SHA, "f2"))
    latest, first = secrets.stories(APP, NAME, past(*events), None)
    assert (latest.by, latest.stages[2].state) == ("eva", State.DONE)
    assert first.stages[2].text == "A newer change came first."
    assert first.state is State.DONE
    assert latest.stages[0].at == at(3)


def test_an_event_that_is_told_again_is_no_new_story() -> None:
    again = encrypted("2", "f1").model_copy(update={"resync": "1"})
    assert len(secrets.stories(APP, NAME, past(*LIFE, again), intent())) == 1


def test_a_deleted_secret_is_followed_until_it_is_gone() -> None:
    gone = (
        SecretIntentDeleted(app=APP, name=NAME, uid="u1", resource_version="5"),
        SecretRemoved(app=APP, name=NAME, uid="u1", resource_version="5", by="ada"),
        pushed(LATER_SHA, removed=True),
        flux("GitRepository", LATER_SHA),
        flux("Kustomization", LATER_SHA),
    )
    latest, before = secrets.stories(APP, NAME, past(*LIFE, *gone), None)
    assert (latest.title, latest.by, latest.state) == ("Deleted", "ada", State.DONE)
    assert times(latest) == [at(6), at(8), at(9), at(10)]
    assert before.title == "Changed"
    (standing, _) = secrets.stories(APP, NAME, past(*LIFE), intent("Deleting"))
    assert (standing.title, standing.state) == ("Deleted", State.BUSY)


def test_a_lost_history_still_shows_how_it_stands() -> None:
    (story,) = secrets.stories(APP, NAME, [], intent(my_app_dev=Delivery(stage=Delivered.APPLIED)))
    assert story.state is not State.FAILED
    assert story.stages[2].commit == SHA
    assert story.stages[-1].state is State.DONE


def test_other_secrets_are_not_mixed_in() -> None:
    assert secrets.stories(APP, "other", past(*LIFE), None) == []


def client(status: str, message: str = "", second: float = 0) -> OidcClient:
    return OidcClient(
        "my-app-oidc", "c1", "my-app", status, message, (), ("hostname",), at(second).isoformat(), "ada"
    )


REGISTERED = OidcClientRegistered(
    app=APP,
    name="my-app-oidc",
    uid="c1",
    resource_version="1",
    client_id="my-app",
    redirect_uris=("https://a/cb",),
)
REJECTED = OidcClientRejected(
    app=APP, name="my-app-oidc", uid="c1", resource_version="2", reason="hostname is empty"
)


def client_stories(events: Sequence[Event], now: OidcClient | None) -> list[Story]:
    return clients.stories("my-app-oidc", past(*events), now)


def test_a_client_is_received_and_registered() -> None:
    (story,) = client_stories([REGISTERED], client("Registered"))
    assert (story.by, story.state) == ("ada", State.DONE)
    assert "https://a/cb" in story.stages[1].text


def test_a_refused_client_says_what_to_change_and_a_pending_one_what_it_waits_for() -> None:
    latest, before = client_stories([REGISTERED, REJECTED], client("Failed", "hostname is empty"))
    assert latest.stages[1].text == "hostname is empty"
    assert latest.stages[1].advice
    assert before.title == "Registered"
    latest, *_ = client_stories([REGISTERED], client("Pending", "Authelia is down", second=30))
    assert (latest.state, latest.stages[1].text) == (State.BUSY, "Authelia is down")


def test_a_removed_client_is_told_of() -> None:
    removed = OidcClientRemoved(app=APP, name="my-app-oidc", uid="c1", resource_version="3")
    latest, _ = client_stories([REGISTERED, removed], None)
    assert (latest.title, latest.state) == ("Removed", State.DONE)
    (latest, *_) = client_stories([REGISTERED], client("Deleting"))
    assert (latest.title, latest.state) == ("Deleted", State.BUSY)


def test_the_feed_has_one_line_for_what_is_new() -> None:
    registration = RegistrationChanged(app=APP, name=APP, uid="r", resource_version="1")
    ready = NamespacesReady(app=APP, name=APP, uid="r", generation=1, namespaces=("my-app-dev",), digest="a")
    again = ready.model_copy(update={"resync": "1"})
    listed = feed.lines(past(registration, ready, *LIFE, again, flux("Kustomization", SHA)))
    assert [line.title for line in listed] == [
        "Kustomization my-app-platform applied",
        "GitRepository my-app-platform fetched",
        "Committed",
        "Secret database encrypted",
        "Namespaces are made and bound",
    ]
    assert listed[3].by == "ada"
    assert listed[3].about == ("secrets", "database")


def test_the_feed_leaves_out_that_flux_is_at_work() -> None:
    at_work = flux("Kustomization", SHA, "Unknown", "Progressing")
    nothing_yet = flux("Kustomization", SHA).model_copy(update={"revision": ""})
    broken = flux("Kustomization", SHA, "False", "BuildFailed", "no such file")
    listed = feed.lines(
        past(nothing_yet, flux("Kustomization", SHA), at_work, flux("Kustomization", SHA), broken)
    )
    assert [(line.title, line.text) for line in listed] == [
        ("Kustomization my-app-platform failed", "BuildFailed: no such file"),
        ("Kustomization my-app-platform applied", f"main at {SHA[:12]}"),
    ]


def test_the_feed_of_a_namespace_has_what_concerns_it() -> None:
    ready = NamespacesReady(
        app=APP, name=APP, uid="r", generation=1, namespaces=("my-app-dev", "my-app-prod"), digest="a"
    )
    deleted = ManagedObjectChanged(
        app=APP,
        name="admins",
        uid="m",
        resource_version="1",
        object_kind="RoleBinding",
        namespace="my-app-prod",
        deleted=True,
    )
    listed = feed.lines(past(ready, deleted, *LIFE))
    assert [line.title for line in feed.in_namespace(listed, "my-app-prod")] == [
        "RoleBinding admins was deleted",
        "Namespaces are made and bound",
    ]
    assert "Committed" in {line.title for line in feed.in_namespace(listed, "my-app-dev")}


def test_a_story_is_as_far_as_its_stages() -> None:
    done, waiting = Stage("a", State.DONE), Stage("b", State.WAITING)
    assert Story("t", "", (done, done)).state is State.DONE
    assert Story("t", "", (done, waiting)).state is State.BUSY
    assert Story("t", "", (done, waiting, Stage("c", State.FAILED))).state is State.FAILED
    assert Story("t", "", ()).began is None
