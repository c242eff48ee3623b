"""What an intent needs, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from app_platform import sops
from app_platform.contracts import IntentVersion, names
from app_platform.secrets_encryptor import core, sealing
from app_platform.secrets_encryptor.ports import Intent
from support.samples import CANARY, LATER, NOW, registration

RING = sealing.keyring(sops.Identity.generate().secret)
APP = registration()


def intent(targets: str = "my-app-dev", **changes: Any) -> Intent:
    annotations = {names.TARGET_NAMESPACES: targets, **changes.pop("annotations", {})}
    fields = {"type": "Opaque", "data": {"password": CANARY.encode()}, "finalizers": (), **changes}
    return Intent("database", "u1", "7", annotations=annotations, **fields)


def marked(before: Intent, seal: core.Seal, status: str) -> Intent:
    """The intent after the mark was written, with a status."""
    assert seal.mark is not None
    kept = {k: v for k, v in {**before.annotations, **seal.mark.annotations}.items() if v is not None}
    return intent(
        before.annotations[names.TARGET_NAMESPACES],
        annotations={**kept, names.SECRET_STATUS: status},
        finalizers=seal.mark.finalizers,
        data=before.data,
    )


def sealed(what: Intent) -> core.Seal:
    decision = core.decide(APP, what, RING, NOW)
    assert isinstance(decision, core.Seal)
    return decision


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"targets": ""}, names.TARGET_NAMESPACES),
        ({"targets": " , ,"}, "at least one namespace"),
        ({"targets": "other-dev"}, "'other-dev' is not among the namespaces of 'my-app'"),
        ({"targets": "my-app-dev,my-app-platform"}, "'my-app-platform'"),
        ({"targets": "../etc"}, "'../etc'"),
        ({"data": {}}, "at least one key"),
        ({"data": {"a": b"x" * 1_048_577}}, "at most 1048576 bytes"),
        ({"type": "kubernetes.io/service-account-token"}, "choose another type"),
        ({"data": {"a b": b"x"}}, "rename the key 'a b'"),
        ({"data": {"a\n": b"x"}}, "rename the key"),
    ],
)
def test_a_broken_rule_is_told_to_the_author(changes: dict[str, Any], told: str) -> None:
    decision = core.decide(APP, intent(**changes), RING, NOW)
    assert isinstance(decision, core.Refuse)
    assert decision.mark.annotations[names.SECRET_STATUS] == "Failed"
    assert told in (decision.mark.annotations[names.SECRET_MESSAGE] or "")
    assert decision.mark.annotations[names.SECRET_FINGERPRINT] is None


def test_a_name_that_kustomize_works_by_is_refused() -> None:
    problem = core.find_problem(APP, replace(intent(), name="kustomization"), ["my-app-dev"])
    assert problem is not None
    assert "choose another name" in problem


def test_a_refusal_is_said_once() -> None:
    decision = core.decide(APP, intent(targets=""), RING, NOW)
    assert isinstance(decision, core.Refuse)
    told = {k: v for k, v in decision.mark.annotations.items() if v is not None}
    assert core.decide(APP, intent(targets="", annotations=told), RING, NOW) == core.Nothing()


def test_many_wrong_targets_are_not_all_listed() -> None:
    problem = core.find_problem(APP, intent(), [f"other-{n}" for n in range(50)])
    assert problem is not None
    assert "and 45 more" in problem


def test_an_app_without_namespaces_says_so() -> None:
    assert "it has none" in (core.find_problem(registration("my-app", ()), intent(), ["my-app-dev"]) or "")


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("a,b", ("a", "b")),
        (" b , a ", ("b", "a")),
        ("a,,a,", ("a",)),
        ("", ()),
    ],
)
def test_targets_are_read(text: str, targets: tuple[str, ...]) -> None:
    assert core.targets_of(intent(targets=text)) == targets


def test_new_content_is_marked_pending_and_held_before_it_is_told() -> None:
    seal = sealed(intent(finalizers=("somebody/else",)))
    assert seal.mark is not None
    assert seal.mark.annotations[names.SECRET_STATUS] == "Pending"
    assert seal.mark.annotations[names.SECRET_MESSAGE] is None
    assert seal.mark.annotations[names.SECRET_KEYS] == "password"
    assert seal.mark.finalizers == ("somebody/else", core.FINALIZER)
    assert (seal.mark.resource_version, seal.mark.uid) == ("7", "u1")
    assert seal.mark.annotations[core.LAST_APPLIED] is None, "kubectl keeps values there, in the open"
    assert CANARY not in f"{seal.mark}"


def test_pending_content_needs_no_new_mark_and_gives_the_same_files() -> None:
    first = sealed(intent())
    again = core.decide(APP, marked(intent(), first, "Pending"), RING, LATER)
    assert isinstance(again, core.Seal)
    assert again.mark is None
    one = first.event("my-app", intent(), "8", "")
    assert again.event("my-app", intent(), "8", "") == one


def test_committed_content_is_known() -> None:
    committed = marked(intent(), sealed(intent()), "Committed")
    assert core.need(committed, sealed(committed), "my-app", core.Look()) is None
    assert core.need(intent(), sealed(intent()), "my-app", core.Look()) == core.Need("change")


def test_changed_content_keeps_its_data_key_and_gets_a_new_time() -> None:
    first = sealed(intent())
    committed = marked(intent(), first, "Committed")
    changed = intent(annotations=committed.annotations, data={"password": b"other"})
    second = core.decide(APP, changed, RING, LATER)
    assert isinstance(second, core.Seal)
    assert second.fingerprint != first.fingerprint
    assert second.sealed.envelope.wrapped == first.sealed.envelope.wrapped
    assert (first.sealed.lastmodified, second.sealed.lastmodified) == (NOW, LATER)
    assert core.need(changed, second, "my-app", core.Look()) == core.Need("change")


@pytest.mark.parametrize("retry", [False, True])
def test_what_failed_is_tried_again_when_the_repository_is_looked_at(
    retry: bool,  # noqa: FBT001 - parametrized
) -> None:
    failed = marked(intent(), sealed(intent()), "Failed")
    needed = core.need(failed, sealed(failed), "my-app", core.Look(all=retry))
    assert needed == (core.Need("change") if retry else None)


def test_a_healed_intent_is_sealed_again() -> None:
    committed = marked(intent(), sealed(intent()), "Committed")
    refused = core.decide(
        APP,
        intent("other", annotations={**committed.annotations, names.TARGET_NAMESPACES: "other"}),
        RING,
        NOW,
    )
    assert isinstance(refused, core.Refuse)
    told = {k: v for k, v in {**committed.annotations, **refused.mark.annotations}.items() if v is not None}
    healed = core.decide(APP, intent(annotations={**told, names.TARGET_NAMESPACES: "my-app-dev"}), RING, NOW)
    assert isinstance(healed, core.Seal)
    assert healed.mark is not None
    assert healed.mark.annotations[names.SECRET_STATUS] == "Pending"


@pytest.mark.parametrize(
    ("finalizers", "decision"),
    [((), core.Nothing()), ((core.FINALIZER,), core.Remove()), (("x",), core.Nothing())],
)
def test_a_deletion_concerns_us_while_we_hold_it(
    finalizers: tuple[str, ...], decision: core.Decision
) -> None:
    assert core.decide(APP, intent(deleting=True, finalizers=finalizers), RING, NOW) == decision


def test_a_forged_fingerprint_does_not_pass_for_ours() -> None:
    forged = intent(annotations={names.SECRET_STATUS: "Committed", names.SECRET_FINGERPRINT: "0" * 64})
    decision = sealed(forged)
    assert core.need(forged, decision, "my-app", core.Look()) == core.Need("change")
    assert decision.mark is not None


DEV, PROD, TEST = (f"secrets/my-app-{space}/database.yaml" for space in ("dev", "prod", "test"))
DRIFTS: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "nothing": ({}, []),
    "another secret's file": ({"secrets/my-app-dev/other.yaml": "1", "README.md": "2"}, []),
    "one gone": ({DEV: None}, [DEV]),
    "all gone": ({DEV: None, PROD: None}, [DEV, PROD]),
    "one too many": ({TEST: "1"}, [TEST]),
    "one changed": ({PROD: "0" * 40}, [PROD]),
}


@pytest.mark.parametrize("case", DRIFTS)
def test_a_repository_that_differs_is_noticed_and_repaired(case: str) -> None:
    change, wrong = DRIFTS[case]
    what = intent("my-app-dev,my-app-prod")
    seal = sealed(what)
    right = {f.path: names.blob_id(f.content) for f in seal.event("my-app", what, "7", "").files}
    tree = {path: blob for path, blob in {**right, **change}.items() if blob is not None}
    assert core.wrong_paths(seal, "my-app", what, tree) == wrong
    committed = marked(what, seal, "Committed")
    needed = core.need(committed, sealed(committed), "my-app", core.Look(all=True, tree=tree))
    assert needed == (core.Need("repair", tuple(wrong)) if wrong else None)


def test_files_without_an_intent_are_found() -> None:
    tree = {
        "secrets/my-app-dev/database.yaml": "1",
        "secrets/my-app-dev/gone.yaml": "2",
        "secrets/my-app-prod/gone.yaml": "2",
        "secrets/.gitkeep": "3",
    }
    gone = ["secrets/my-app-dev/gone.yaml", "secrets/my-app-prod/gone.yaml"]
    assert core.orphans([intent()], tree) == {"gone": gone}


NEW = sops.Identity.generate()
ROTATED = sealing.keyring(f"{NEW.secret}\n{RING.identities[0].secret}\n")
BREAK_GLASS = sealing.keyring(RING.identities[0].secret, [NEW.recipient])


@pytest.mark.parametrize("ring", [ROTATED, BREAK_GLASS], ids=["another key", "another recipient"])
@pytest.mark.parametrize("status", ["Committed", "Pending", "Failed"])
def test_other_recipients_are_a_rotation_and_wait_until_all_is_looked_at(
    ring: sealing.Keyring, status: str
) -> None:
    before = sealed(intent())
    there = marked(intent(), before, status)
    decision = core.decide(APP, there, ring, LATER)
    assert isinstance(decision, core.Seal)
    assert decision.cause == "rotation"
    assert decision.mark is not None
    assert decision.mark.annotations[names.SECRET_OLD_RECIPIENTS] == RING.recipient
    assert decision.sealed.envelope.data_key != before.sealed.envelope.data_key
    assert {w.recipient for w in decision.sealed.envelope.wrapped} == set(ring.recipients)
    assert core.need(there, decision, "my-app", core.Look()) is None
    assert core.need(there, decision, "my-app", core.Look(all=True)) == core.Need("rotation")


def test_content_changed_while_a_key_is_replaced_is_a_change() -> None:
    there = marked(intent(), sealed(intent()), "Committed")
    changed = intent(annotations=there.annotations, data={"password": b"other"})
    decision = core.decide(APP, changed, ROTATED, LATER)
    assert isinstance(decision, core.Seal)
    assert decision.cause == "change"
    assert decision.mark is not None
    assert names.SECRET_OLD_RECIPIENTS in decision.mark.annotations
    assert core.need(changed, decision, "my-app", core.Look()) == core.Need("change")


def test_what_was_pending_for_a_rotation_is_told_again_as_one() -> None:
    there = marked(intent(), sealed(intent()), "Committed")
    rotating = core.decide(APP, there, ROTATED, LATER)
    assert isinstance(rotating, core.Seal)
    pending = marked(there, rotating, "Pending")
    again = core.decide(APP, pending, ROTATED, LATER)
    assert isinstance(again, core.Seal)
    assert (again.mark, again.cause) == (None, "rotation")
    assert core.need(pending, again, "my-app", core.Look()) == core.Need("rotation")


def test_marks_about_commits_touch_nothing_else() -> None:
    version = IntentVersion(name="database", uid="u1", resource_version="8", fingerprint="f")
    assert core.committed_mark(version, "abc").annotations == {
        names.SECRET_STATUS: "Committed",
        names.SECRET_COMMIT: "abc",
        names.SECRET_MESSAGE: None,
        names.SECRET_OLD_RECIPIENTS: None,
    }
    assert core.failed_mark(version, "why").finalizers is None
    released = core.release_mark(intent(finalizers=("a/b", core.FINALIZER)))
    assert (released.finalizers, released.annotations) == (("a/b",), {})
