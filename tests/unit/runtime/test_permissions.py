"""The table of NATS identities fits the services, and what is made of it for the server holds no secret."""

import importlib
import json
from pathlib import Path

import nkeys
import pytest

from app_platform.contracts import EVENT_CLASSES, FluxObjectChanged, ManagedObjectChanged
from app_platform.local import SERVICES
from app_platform.runtime import accounts
from app_platform.runtime.permissions import (
    BOOTSTRAP,
    IDENTITIES,
    OPERATOR,
    identity_named,
    questions,
    requests,
)

WITH_HANDLERS = [
    service.name for service in SERVICES if importlib.util.find_spec(f"{service.module}.handlers") is not None
]


@pytest.mark.parametrize("service", WITH_HANDLERS)
def test_a_service_hears_what_it_has_handlers_for(service: str) -> None:
    handlers = importlib.import_module(f"app_platform.{service.replace('-', '_')}.handlers").HANDLERS
    identity = identity_named(service)
    assert identity is not None
    assert set(identity.hears) == set(handlers)


def test_every_service_has_an_identity() -> None:
    assert {service.name for service in SERVICES} <= {each.name for each in IDENTITIES}


def test_every_event_has_somebody_who_tells_it() -> None:
    assert {each for identity in IDENTITIES for each in identity.tells} == set(EVENT_CLASSES)


def test_what_is_heard_is_told_or_only_shown() -> None:
    heard = {each for identity in IDENTITIES for each in identity.hears}
    assert {FluxObjectChanged, ManagedObjectChanged} <= heard


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda each: each.name)
def test_nobody_may_make_change_or_empty_anything(identity: object) -> None:
    allowed = [each.subject for each in requests(identity)]  # type: ignore[arg-type]  # pytest does not keep its type
    words = ("CREATE", "UPDATE", "DELETE", "PURGE", "RESTORE", "SNAPSHOT", "MSG.GET", "PAUSE", "LEADER")
    api = [subject for subject in allowed if subject.startswith("$JS.API.")]
    found = [subject for subject in api if any(word in subject for word in words)]
    assert found == (
        ["$JS.API.STREAM.MSG.DELETE.DEAD_LETTERS"] if identity is identity_named("operator") else []
    )
    assert not {"$JS.API.>", ">", "app-platform.>", "app-platform.events.>"} & set(allowed)


def test_keys_are_made_once_and_only_their_public_half_leaves_them(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    text = accounts.write(folder)
    seeds = {file.stem: file.read_text() for file in folder.glob("*.nk")}
    assert seeds.keys() == set(accounts.NAMES)
    assert {file.stat().st_mode & 0o777 for file in folder.glob("*.nk")} == {0o600}
    assert not any(seed in text for seed in seeds.values())
    assert accounts.write(folder) == text == (folder / accounts.CONFIGURATION).read_text()
    assert {file.stem: file.read_text() for file in folder.glob("*.nk")} == seeds
    public = nkeys.from_seed(bytearray(seeds[BOOTSTRAP].encode())).public_key.decode()
    assert public in text


def test_each_identity_is_alone_in_its_account() -> None:
    text = accounts.render({name: f"U{name}" for name in accounts.NAMES})
    rendered = json.loads(text.partition("\naccounts: ")[2])
    assert rendered.keys() == {accounts.PLATFORM, *(each.name for each in IDENTITIES)}
    users = [user["nkey"] for account in rendered.values() for user in account["users"]]
    assert sorted(users) == sorted(f"U{name}" for name in accounts.NAMES)
    assert [name for name, account in rendered.items() if "jetstream" in account] == [accounts.PLATFORM]
    for name, account in rendered.items():
        if name == accounts.PLATFORM:
            continue
        imported = {(each["service"]["account"], each["service"]["subject"]) for each in account["imports"]}
        exported = {
            (owner, entry["service"])
            for owner, other in rendered.items()
            for entry in other.get("exports", ())
            if name in entry["accounts"]
        }
        assert imported == exported
        answered = {entry["service"] for entry in account.get("exports", ())}
        heard = account["users"][0]["permissions"]["subscribe"]["allow"]
        assert set(heard) == {f"_INBOX_{name}.>", *answered}


def test_dry_runs_are_asked_by_the_operator_and_answered_by_services() -> None:
    answering = {each.name for each in IDENTITIES if each.answers}
    assert answering == {"namespace-rbac", "secrets-encryptor", "git-committer", "oidc-registrar"}
    for identity in IDENTITIES:
        asked = {question.answered_by for question in questions(identity)}
        assert asked == (answering if identity.name == OPERATOR else set())
