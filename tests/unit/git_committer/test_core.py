"""What a batch of events amounts to, case by case."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app_platform.contracts import EncryptedFile, Event, SecretEncrypted, SecretRemoved, names
from app_platform.git_committer import base_files, core, flux
from app_platform.git_committer.ports import Credential, Head, IntentState, Repository
from support.samples import CANARY, registration, secret_path

DEV, PROD = "my-app-dev", "my-app-prod"
ALLOWED = (DEV, PROD)
REPOSITORY = Repository("my-app", "http://forge.test/apps/my-app-platform.git", "main")


def encrypted(name: str = "database", content: str = "v1", **changes: Any) -> SecretEncrypted:
    targets = changes.pop("targets", ALLOWED)
    files = tuple(EncryptedFile(path=secret_path(t, name), content=f"{content} {t}") for t in targets)
    fields = {"uid": "u1", "resource_version": "7", "fingerprint": content, "keys": ("k",), "files": files}
    return SecretEncrypted(app="my-app", name=name, **{**fields, **changes})


def removed(name: str = "database", uid: str = "u1") -> SecretRemoved:
    return SecretRemoved(app="my-app", name=name, uid=uid, resource_version="9")


def state(
    fingerprint: str = "v1", uid: str = "u1", *, deleting: bool = False, committed: bool = False
) -> IntentState:
    return IntentState(uid, fingerprint, deleting, committed=committed)


def head_with(*events: SecretEncrypted, **more: str) -> Head:
    files = {f.path: f.content for e in events for f in e.files} | more
    return Head("s" * 40, {path: names.blob_id(text) for path, text in files.items()})


EMPTY = Head("", {})


def test_a_new_secret_is_written_for_each_target() -> None:
    plan = core.plan([encrypted()], {"database": state()}, EMPTY, ALLOWED)
    assert plan.changes.writes == {f.path: f.content for f in encrypted().files}
    assert (list(plan.changes.deletes), plan.intents, plan.removed) == ([], (encrypted().intent,), ())


@pytest.mark.parametrize(
    "truth",
    [
        {},
        {"database": state("v2")},
        {"database": state("")},
        {"database": state(uid="u2")},
        {"database": state(deleting=True)},
        {"other": state()},
    ],
)
def test_what_is_out_of_date_is_dropped(truth: dict[str, IntentState]) -> None:
    plan = core.plan([encrypted()], truth, EMPTY, ALLOWED)
    assert not plan.changes
    assert plan.intents == ()


def test_the_last_write_wins_in_whatever_order_it_comes() -> None:
    events = [encrypted(content="v2"), encrypted(content="v1")]
    for order in (events, events[::-1]):
        plan = core.plan(order, {"database": state("v2")}, EMPTY, ALLOWED)
        assert set(plan.changes.writes.values()) == {f"v2 {DEV}", f"v2 {PROD}"}


def test_a_deleted_secret_does_not_come_back() -> None:
    head = head_with(encrypted())
    for truth in ({}, {"database": state(deleting=True)}):
        for events in ([encrypted(), removed()], [removed(), encrypted()]):
            plan = core.plan(events, truth, head, ALLOWED)
            assert (plan.changes.writes, sorted(plan.changes.deletes)) == ({}, sorted(head.tree))
            assert [r.name for r in plan.removed] == ["database"]


def test_a_secret_made_again_is_not_removed_by_old_word() -> None:
    plan = core.plan([removed()], {"database": state(uid="u2")}, head_with(encrypted()), ALLOWED)
    assert not plan.changes
    assert plan.removed == ()


def test_what_is_there_already_is_not_written() -> None:
    plan = core.plan([encrypted()], {"database": state()}, head_with(encrypted()), ALLOWED)
    assert not plan.changes
    assert plan.intents == (encrypted().intent,)


def test_what_was_told_as_committed_is_not_told_again() -> None:
    plan = core.plan([encrypted()], {"database": state(committed=True)}, head_with(encrypted()), ALLOWED)
    assert (bool(plan.changes), plan.intents) == (False, ())


def test_a_target_taken_off_loses_its_file() -> None:
    plan = core.plan([encrypted(targets=(DEV,))], {"database": state()}, head_with(encrypted()), ALLOWED)
    assert (plan.changes.writes, list(plan.changes.deletes)) == ({}, [secret_path(PROD)])


def test_nothing_is_written_for_a_namespace_that_the_app_gave_up() -> None:
    plan = core.plan([encrypted()], {"database": state()}, EMPTY, (DEV,))
    assert list(plan.changes.writes) == [secret_path(DEV)]


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        ".sops.yaml",
        "flux/sync.yaml",
        "secrets/my-app-dev/other.yaml",
        "secrets/../database.yaml",
        "secrets/a/b/database.yaml",
        "/secrets/my-app-dev/database.yaml",
        "secrets/MY-APP/database.yaml",
    ],
)
def test_a_path_outside_the_intents_own_is_refused(path: str) -> None:
    files = (*encrypted().files, EncryptedFile(path=path, content="x"))
    plan = core.plan([encrypted(files=files)], {"database": state()}, EMPTY, (*ALLOWED, "..", "MY-APP"))
    assert not plan.changes
    assert plan.intents == ()


def test_others_files_are_left_alone() -> None:
    head = head_with(encrypted(), encrypted("other"), foreign="x")
    plan = core.plan([removed()], {}, head, ALLOWED)
    assert sorted(plan.changes.deletes) == sorted(secret_path(t) for t in ALLOWED)


EVENTS = st.lists(
    st.one_of(
        st.builds(encrypted, name=st.sampled_from(["a", "b"]), content=st.sampled_from(["v1", "v2"])),
        st.builds(removed, name=st.sampled_from(["a", "b"])),
    ),
    max_size=8,
)
TRUTH = st.dictionaries(st.sampled_from(["a", "b"]), st.builds(state, st.sampled_from(["v1", "v2"])))


@given(EVENTS, TRUTH, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(
    events: list[Event], truth: dict[str, IntentState], rng: Any
) -> None:
    head = head_with(encrypted("a", "v1"), encrypted("b", "old"))
    plan = core.plan(events, truth, head, ALLOWED)
    shuffled = [*events, *events]
    rng.shuffle(shuffled)
    other = core.plan(shuffled, truth, head, ALLOWED)
    assert other.changes.writes == plan.changes.writes
    assert sorted(set(other.changes.deletes)) == sorted(set(plan.changes.deletes))
    assert set(other.intents) == set(plan.intents)


@given(EVENTS, TRUTH)
def test_a_plan_carried_out_leaves_nothing_to_do(events: list[Event], truth: dict[str, IntentState]) -> None:
    head = head_with(encrypted("a", "v1"), encrypted("b", "old"))
    plan = core.plan(events, truth, head, ALLOWED)
    assert not core.plan(events, truth, core.after(head, "next", plan.changes), ALLOWED).changes


def test_plans_for_different_versions_have_different_digests() -> None:
    plans = [core.plan([encrypted(resource_version=v)], {"database": state()}, EMPTY, ALLOWED) for v in "78"]
    assert plans[0].digest != plans[1].digest


def test_base_files_are_written_once() -> None:
    app = registration()
    files = base_files.base_files(app, ["age1x"], list(flux.manifests(app, REPOSITORY)))
    assert {".sops.yaml", "README.md", "secrets/.gitkeep"} <= files.keys()
    changes = core.plan_base(files, EMPTY)
    assert changes.writes == files
    assert not core.plan_base(files, core.after(EMPTY, "s", changes))


@pytest.mark.parametrize(
    "path",
    [
        "secrets/x.yaml",
        "secrets/kustomization.yaml",
        "secrets/a/b/c.yaml",
        "secrets/my-app-dev/notes.txt",
        "secrets/my-app-dev/.gitkeep",
        "secrets/my-app-dev/Big.yaml",
        "secrets/my-app-dev/x.yml",
        "secrets/Bad/x.yaml",
        "secrets/.sourceignore",
        "secrets/my-app-dev/.yaml",
    ],
)
def test_what_is_foreign_under_secrets_goes_and_is_told(path: str) -> None:
    head = head_with(encrypted(), **{path: "x", "secrets/.gitkeep": "", "mine/x.yaml": "x"})
    changes = core.plan_base({}, head)
    assert list(changes.deletes) == [path]
    assert core.drifted(changes, head, head.sha) == (path,)


def test_own_files_that_somebody_changed_are_told_as_drifted_and_changes_of_ours_are_not() -> None:
    head = head_with(**{"README.md": "by hand"})
    changes = core.plan_base({"README.md": "ours"}, head)
    assert core.drifted(changes, head, "the head before") == ("README.md",)
    assert core.drifted(changes, head, head.sha) == ()
    assert core.drifted(changes, head, "") == ()


def test_files_of_namespaces_given_up_stay_until_what_is_live_there_is_kept() -> None:
    tree = head_with(encrypted()).tree
    assert not core.plan_base({}, head_with(encrypted()))
    assert not core.leaving(tree, [PROD], [PROD])
    assert list(core.leaving(tree, [PROD], []).deletes) == [secret_path(PROD)]
    assert set(core.secrets_in(tree, [DEV])) == {secret_path(DEV)}, "nobody is told of them any more"


def test_an_intent_that_names_a_namespace_no_more_that_is_given_up_leaves_its_file_there() -> None:
    head = head_with(encrypted())
    only_dev = encrypted().model_copy(update={"files": encrypted().files[:1]})
    assert [names.parse_secret_path(file.path) for file in only_dev.files] == [(DEV, "database")]
    retargeted = core.plan([only_dev], {"database": state()}, head, ALLOWED)
    assert list(retargeted.changes.deletes) == [secret_path(PROD)]
    assert not core.plan([only_dev], {"database": state()}, head, (DEV,)).changes


def test_braces_and_headings_in_a_description_stay_text() -> None:
    obj = registration().model_copy(
        update={
            "spec": registration().spec.model_copy(
                update={"description": "# {x}\n\n| a |", "display_name": "{}"}
            )
        }
    )
    assert "\n# {x} | a |\n" in "\n" + base_files.readme(obj, ["age1x"])


def test_flux_objects_stay_within_the_app() -> None:
    source, kustomization = flux.manifests(registration(), REPOSITORY)
    assert {m["metadata"]["namespace"] for m in (source, kustomization)} == {"my-app-platform"}
    spec = kustomization["spec"]
    assert (spec["serviceAccountName"], spec["deletionPolicy"], spec["prune"]) == ("flux", "Orphan", True)
    assert "namespace" not in spec["sourceRef"]


def ready(status: str, reason: str = "R", message: str = "m") -> dict[str, Any]:
    return {
        "status": {"conditions": [{"type": "Ready", "status": status, "reason": reason, "message": message}]}
    }


@pytest.mark.parametrize(
    ("source", "kustomization", "ok", "reason"),
    [
        (None, None, False, "Progressing"),
        (ready("True"), None, False, "Progressing"),
        (ready("False", "GitError"), ready("True"), False, "GitError"),
        (ready("True"), ready("False", "BuildFailed"), False, "BuildFailed"),
        (ready("True"), ready("Unknown", ""), False, "Progressing"),
        (ready("True"), ready("True"), True, "Applied"),
        ({}, {"status": {}}, False, "Progressing"),
    ],
)
def test_whether_flux_follows(source: Any, kustomization: Any, ok: bool, reason: str) -> None:  # noqa: FBT001 - parametrized
    verdict = flux.sync_verdict(source, kustomization)
    assert (verdict.ok, verdict.reason) == (ok, reason)


def test_a_credential_does_not_print_its_entries() -> None:
    assert CANARY not in repr(Credential({"password": CANARY}))


def test_what_was_made_by_chance_is_kept_and_the_rest_follows() -> None:
    proposed = Credential({"identity": "new", "known_hosts": "new"}, frozenset({"identity"}))
    assert proposed.over({"identity": "old", "known_hosts": "old"}).entries == {
        "identity": "old",
        "known_hosts": "new",
    }
    assert proposed.over({"username": "of another forge"}).entries == proposed.entries


def test_the_source_says_how_flux_gets_in() -> None:
    (source, _) = flux.manifests(
        registration(), Repository("my-app", "https://github.com/o/r.git", "main", "github")
    )
    assert (source["spec"]["provider"], source["spec"]["url"]) == ("github", "https://github.com/o/r.git")


def test_every_recipient_is_named_to_sops_and_to_readers() -> None:
    rules = yaml.safe_load(base_files.sops_config(["age1app", "age1glass"]))["creation_rules"]
    assert rules[0]["age"] == "age1app,age1glass"
    readme = base_files.readme(registration(), ["age1app", "age1glass"])
    assert "its recipient is `age1app`.\nEvery file can also be read with the keys of `age1glass`." in readme
    assert "also be read" not in base_files.readme(registration(), ["age1app"])
