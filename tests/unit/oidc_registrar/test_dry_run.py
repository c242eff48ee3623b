"""A dry run of oidc-registrar changes nothing, tells the whole of what the handler then does, and no value."""

import copy
from dataclasses import replace

import pytest

from app_platform.contracts import OidcClientChanged, OidcClientDeleted, names
from app_platform.contracts.dry_run import Steps
from app_platform.oidc_registrar import credentials, handlers
from app_platform.oidc_registrar.dry_run import dry
from app_platform.oidc_registrar.ports import FINALIZER
from app_platform.runtime import Done
from support.fakes.oidc import World, client_secret

APP, WEB = "my-app", "web"
SECRET = f"Secret {APP}-platform/{WEB}"
DIGEST = f"$pbkdf2-sha512$310000${'d' * 22}${'e' * 86}"
CHANGED = OidcClientChanged(app=APP, name=WEB, uid="u", resource_version="1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "digest", lambda _secret: DIGEST)


@pytest.fixture
async def world() -> World:
    made = World()
    await made.quiet()
    return made


def stored(world: World) -> str:
    """Everything that is kept anywhere, and everything that was told."""
    secrets = {key: (each, dict(each.data)) for key, each in world.clients.secrets.items()}
    return repr(
        (
            secrets,
            world.ledger.stored and dict(world.ledger.stored.files),
            world.sink.events,
            world.authelia.rolls,
        )
    )


async def planned(
    world: World, event: OidcClientChanged | OidcClientDeleted = CHANGED
) -> list[tuple[str, str, str]]:
    """The steps of a dry run, during which nothing changed."""
    before, steps = copy.deepcopy(stored(world)), Steps()
    handler = handlers.HANDLERS[type(event)]
    world.ports.wake.clear()
    assert await handler(dry(world.ports, steps), [event]) == Done()
    assert stored(world) == before
    assert not world.ports.wake.is_set()
    return [(step.verb, step.what, step.detail) for step in steps.noted]


async def test_a_new_client_is_planned_as_a_whole_and_without_a_value(world: World) -> None:
    world.clients.put(APP, client_secret())
    plan = await planned(world)
    done = [step for step in plan if step[0] != "annotate"]
    assert done == [
        ("hold", f"AppPlatformRegistration {APP}", FINALIZER),
        ("hold", SECRET, FINALIZER),
        ("write", SECRET, "entry clientSecret: a new value"),
        (
            "add",
            f"client {WEB} in Authelia's list",
            f"for web.my-app.hcl.labrats.work, asked for by Secret {WEB} of {APP}",
        ),
    ]
    assert ("annotate", SECRET, f"{names.OIDC_STATUS}: Pending") in plan
    assert DIGEST not in repr(plan)


async def test_what_is_planned_is_what_is_then_done(world: World) -> None:
    world.clients.put(APP, client_secret())
    plan = await planned(world)
    await world.handle()
    secret = world.clients.secrets[APP, WEB]
    assert FINALIZER in secret.finalizers
    assert world.clients.status(APP, WEB) == "Pending"
    notes = {detail.split(": ")[0] for verb, _, detail in plan if verb == "annotate"}
    assert notes == set(secret.annotations)
    assert await planned(world) == []


async def test_a_client_that_was_refused_says_why(world: World) -> None:
    world.clients.put(APP, replace(client_secret(), data={"hostname": b"elsewhere.example.org"}))
    plan = await planned(world)
    (status,) = [detail for _, _, detail in plan if detail.startswith(f"{names.OIDC_STATUS}: ")]
    assert status.startswith(f"{names.OIDC_STATUS}: Failed: ")
    assert not [step for step in plan if step[0] in {"add", "write"}]


async def test_a_client_that_goes_is_taken_out_of_the_list(world: World) -> None:
    world.clients.put(APP, client_secret())
    await world.settle()
    world.clients.secrets[APP, WEB] = replace(world.clients.secrets[APP, WEB], deleting=True)
    plan = await planned(world, OidcClientDeleted(app=APP, name=WEB, uid="u", resource_version="2"))
    assert ("remove", f"client {WEB} in Authelia's list", "") in plan
