"""From a labelled Secret to a registered client and back: statuses, secrets, conflicts, what is told, two replicas, kills."""

import asyncio
import contextlib
import gzip
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app_platform.contracts import OidcClientChanged, OidcClientRegistered, RegistrationDeleted, names, oidc
from app_platform.oidc_registrar import claims, core, credentials, handlers, registry, requests
from app_platform.oidc_registrar.ports import FINALIZER, ConflictError, Stored
from app_platform.oidc_registrar.rollout import Loop
from app_platform.runtime import PublishError, Retry
from support.fakes.oidc import DASHBOARD_URL, IMPATIENT, World, client_secret
from support.samples import CANARY, registration_object

APP, WEB = "my-app", "web"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests of the right form, made at once; ``test_credentials`` looks at the real ones."""
    made = (f"$pbkdf2-sha512$310000${n:022d}${n:086d}" for n in range(10**6))
    monkeypatch.setattr(credentials, "digest", lambda _secret: next(made))


@pytest.fixture
async def world() -> World:
    """Two apps, the first with one client that is registered."""
    made = World()
    made.clients.put(APP, client_secret())
    await made.settle()
    return made


async def test_a_labelled_secret_becomes_a_client(world: World) -> None:
    secret = world.clients.secrets[APP, WEB]
    assert world.clients.status(APP, WEB) == "Registered"
    assert credentials.is_well_formed(world.clients.value(APP, WEB))
    assert FINALIZER in secret.finalizers
    assert world.authelia.running[WEB]["redirect_uris"] == [
        "https://web.my-app.hcl.labrats.work/api/auth/oidc/callback"
    ]
    (told,) = [event for event in world.sink.events if isinstance(event, OidcClientRegistered)]
    assert (told.name, told.client_id, told.redirect_uris) == (
        WEB,
        WEB,
        ("https://web.my-app.hcl.labrats.work/api/auth/oidc/callback",),
    )


async def test_where_users_are_sent_back_to_is_on_the_secret_for_those_who_may_not_read_it(
    world: World,
) -> None:
    def noted() -> str | None:
        return world.clients.secrets[APP, WEB].annotations.get(names.OIDC_REDIRECT_URIS)

    assert noted() == "https://web.my-app.hcl.labrats.work/api/auth/oidc/callback"
    world.clients.change(APP, WEB, callbackPath="/a", extraCallbackPaths="/b /c")
    await world.handle()
    host = "https://web.my-app.hcl.labrats.work"
    assert noted() == f"{host}/a {host}/b {host}/c"
    world.clients.change(APP, WEB, hostname="not a host name")
    await world.settle()
    assert noted() is None


async def test_it_is_pending_until_authelia_was_seen_to_run_with_it() -> None:
    world = World()
    await world.quiet()
    world.clients.put(APP, client_secret())
    await world.handle()
    assert world.clients.status(APP, WEB) == "Pending"
    assert (
        world.clients.secrets[APP, WEB].annotations[names.OIDC_MESSAGE] == "Authelia does not run with it yet"
    )
    assert world.verbs(WEB) == []
    await world.quiet()
    assert world.clients.status(APP, WEB) == "Registered"
    assert names.OIDC_MESSAGE not in world.clients.secrets[APP, WEB].annotations


async def test_nothing_is_written_or_rolled_when_nothing_is_new(world: World) -> None:
    before = (world.ledger.stored, dict(world.clients.secrets), list(world.authelia.rolls))
    await world.settle()
    assert before == (world.ledger.stored, world.clients.secrets, world.authelia.rolls)
    assert len(world.sink.events) == 1


async def test_the_dashboards_client_is_always_there() -> None:
    world = World()
    await world.quiet()
    client = world.authelia.running[names.DASHBOARD_CLIENT]
    assert client["redirect_uris"] == [f"{DASHBOARD_URL}/auth/callback"]
    assert world.dashboard.secret is not None
    first = world.dashboard.secret.data[oidc.CLIENT_SECRET]
    assert credentials.is_well_formed(first.decode())
    world.dashboard.secret = replace(world.dashboard.secret, data={})
    await world.quiet()
    assert world.dashboard.secret.data[oidc.CLIENT_SECRET] != first
    assert world.authelia.running[names.DASHBOARD_CLIENT] != client


async def test_a_changed_hostname_and_path_keep_the_secret(world: World) -> None:
    secret, entry = world.clients.value(APP, WEB), world.authelia.running[WEB]
    world.clients.change(APP, WEB, hostname="new.my-app.hcl.labrats.work", callbackPath="/cb")
    await world.handle()
    assert world.clients.status(APP, WEB) == "Pending"
    await world.quiet()
    assert world.clients.status(APP, WEB) == "Registered"
    assert world.clients.value(APP, WEB) == secret
    assert world.authelia.running[WEB] == {
        **entry,
        "redirect_uris": ["https://new.my-app.hcl.labrats.work/cb"],
    }


@pytest.mark.parametrize("value", [None, "", "chosen by hand", "a" * 72])
async def test_a_removed_or_changed_secret_is_made_anew(world: World, value: str | None) -> None:
    before, digest = world.clients.value(APP, WEB), world.authelia.running[WEB]["client_secret"]
    world.clients.change(APP, WEB, clientSecret=value)
    await world.settle()
    after = world.clients.value(APP, WEB)
    assert credentials.is_well_formed(after)
    assert after not in (before, value)
    assert world.authelia.running[WEB]["client_secret"] != digest
    assert world.clients.status(APP, WEB) == "Registered"


async def test_a_secret_that_its_author_brings_is_replaced() -> None:
    world = World()
    world.clients.put(APP, client_secret(clientSecret="a" * 72))
    await world.settle()
    assert world.clients.value(APP, WEB) != "a" * 72


async def test_each_new_request_rotates_once(world: World) -> None:
    values = [world.clients.value(APP, WEB)]
    for request in ("1", "1", "2"):
        world.clients.annotate(APP, WEB, names.OIDC_ROTATE, request)
        await world.settle()
        values.append(world.clients.value(APP, WEB))
    assert values[1] == values[2]
    assert len(set(values)) == 3
    assert world.clients.status(APP, WEB) == "Registered"


async def test_a_client_that_becomes_public_loses_its_secret(world: World) -> None:
    world.clients.change(APP, WEB, public="true")
    await world.settle()
    assert world.clients.value(APP, WEB) == ""
    assert names.OIDC_FINGERPRINT not in world.clients.secrets[APP, WEB].annotations
    assert world.authelia.running[WEB]["public"] is True
    world.clients.change(APP, WEB, public=None)
    await world.settle()
    assert credentials.is_well_formed(world.clients.value(APP, WEB))


async def test_a_deleted_secret_stays_until_authelia_runs_without_its_client(world: World) -> None:
    world.clients.delete(APP, WEB)
    await world.handle()
    assert (APP, WEB) in world.clients.secrets
    await world.quiet()
    assert (APP, WEB) not in world.clients.secrets
    assert WEB not in world.authelia.running
    assert world.verbs(WEB) == ["registered", "removed"]
    assert world.ledger.state.registry.leaving == {}


async def test_a_secret_made_anew_under_the_same_name_waits_for_nothing_of_the_old_one(world: World) -> None:
    world.clients.delete(APP, WEB)
    await world.settle()
    world.clients.put(APP, replace(client_secret(), uid="uid-second"))
    await world.settle()
    assert world.clients.status(APP, WEB) == "Registered"


async def test_the_same_client_id_moves_from_a_deleted_secret_to_another(world: World) -> None:
    world.clients.delete(APP, WEB)
    world.clients.put(APP, client_secret("second", WEB))
    await world.settle()
    assert (APP, WEB) not in world.clients.secrets
    assert world.clients.status(APP, "second") == "Registered"


async def test_losing_the_label_withdraws_the_client(world: World) -> None:
    there = world.clients.secrets[APP, WEB]
    world.clients.put(APP, replace(there, labels={}, deleting=True))
    await world.settle()
    assert WEB not in world.authelia.running


async def test_a_changed_client_id_leaves_nothing_of_the_old_one(world: World) -> None:
    there = world.clients.secrets[APP, WEB]
    world.clients.put(APP, replace(there, labels={**there.labels, names.OIDC_CLIENT_LABEL: "portal"}))
    await world.settle()
    assert WEB not in world.authelia.running
    assert "portal" in world.authelia.running
    assert world.clients.status(APP, WEB) == "Registered"


async def test_a_refused_secret_says_what_to_change_and_heals(world: World) -> None:
    world.clients.change(APP, WEB, hostname="a.example.org")
    await world.settle()
    assert world.clients.status(APP, WEB).startswith("Failed: hostname lies outside the domains")
    assert WEB not in world.authelia.running
    assert FINALIZER not in world.clients.secrets[APP, WEB].finalizers
    assert world.verbs(WEB) == ["registered", "rejected"]
    world.clients.change(APP, WEB, hostname="a.hcl.labrats.work")
    await world.settle()
    assert world.clients.status(APP, WEB) == "Registered"


async def test_what_another_app_has_is_refused_and_stays_his(world: World) -> None:
    entry = world.authelia.running[WEB]
    # Made long before the one that has it: age takes nothing from anybody.
    old = "2020-01-01T00:00:00Z"
    world.clients.put("other", replace(client_secret("thief", WEB, "other"), created=old))
    world.clients.put(
        "other",
        replace(
            client_secret("squatter", "mine", "other", hostname="web.my-app.hcl.labrats.work"), created=old
        ),
    )
    await world.settle()
    assert "client id 'web' belongs to another app" in world.clients.status("other", "thief")
    assert "hostname belongs to another app" in world.clients.status("other", "squatter")
    assert world.authelia.running[WEB] == entry
    assert world.clients.status(APP, WEB) == "Registered"
    world.clients.delete(APP, WEB)
    await world.settle()
    await world.settle("other")
    assert world.clients.status("other", "thief") == "Registered"
    assert world.clients.status("other", "squatter") == "Registered"


async def test_a_client_id_that_names_another_app_is_refused_but_not_taken_from_who_has_it(
    world: World,
) -> None:
    world.clients.put(APP, client_secret("shop", "other"))
    world.clients.put(APP, client_secret("later", "later"))
    await world.settle()
    assert "client id 'other' is the name of another app" in world.clients.status(APP, "shop")
    assert world.clients.status(APP, "later") == "Registered"
    world.registrations.objects["later"] = registration_object("later", ["later-dev"])
    world.clients.change(APP, "later", callbackPath="/new")
    await world.settle()
    assert world.clients.status(APP, "later") == "Registered"


async def test_two_clients_of_one_app_may_share_a_hostname_but_not_an_id(world: World) -> None:
    host = "web.my-app.hcl.labrats.work"
    world.clients.put(APP, client_secret("admin", "admin", hostname=host, callbackPath="/admin/cb"))
    world.clients.put(APP, client_secret("twin", WEB))
    await world.settle()
    assert world.clients.status(APP, "admin") == "Registered"
    assert "is asked for by Secret 'web' already" in world.clients.status(APP, "twin")


@pytest.mark.parametrize("client_id", [names.DASHBOARD_CLIENT, "grafana"])
async def test_clients_of_the_platform_cannot_be_taken(client_id: str) -> None:
    world = World()
    world.ledger.edit(b"identity_providers: {oidc: {clients: [{client_id: grafana, scopes: [openid]}]}}")
    await world.quiet()
    world.clients.put(APP, client_secret("mine", client_id))
    await world.settle()
    assert "is that of a client of the platform itself" in world.clients.status(APP, "mine")


async def test_the_list_has_an_end() -> None:
    world = World()
    world.ports = replace(world.ports, rules=replace(world.rules, max_clients=4))
    world.loop = Loop(world.ports, DASHBOARD_URL, IMPATIENT)
    for n in range(5):
        world.clients.put(
            APP, replace(client_secret(f"c{n}", f"c{n}"), created=f"2026-01-0{n + 1}T00:00:00Z")
        )
    await world.settle()
    statuses = [world.clients.status(APP, f"c{n}") for n in range(5)]
    assert statuses[:4] == ["Registered"] * 4
    assert "holds 4 clients, and that is all it may" in statuses[4]


async def test_deleting_the_registration_removes_its_clients_and_keeps_the_secrets(world: World) -> None:
    world.registrations.objects[APP]["metadata"]["deletionTimestamp"] = "now"
    event = RegistrationDeleted(app=APP, name=APP, uid="u", resource_version="1")
    await handlers.clients_changed(world.ports, [event])
    assert world.registrations.finalizers(APP) == [FINALIZER], "Authelia still runs with its client"
    await world.quiet()
    assert world.registrations.finalizers(APP) == []
    assert WEB not in world.authelia.running
    assert "is not registered any more" in world.clients.status(APP, WEB)
    assert FINALIZER not in world.clients.secrets[APP, WEB].finalizers


async def test_a_registration_that_vanished_takes_its_clients_along(world: World) -> None:
    del world.registrations.objects[APP]
    await world.settle(APP)
    assert WEB not in world.authelia.running


async def test_without_the_list_everything_is_pending_and_goes_on_when_it_is_there() -> None:
    world = World()
    stored, world.ledger.stored = world.ledger.stored, None
    world.clients.put(APP, client_secret())
    await world.settle()
    assert world.clients.status(APP, WEB) == "Pending"
    assert "no list of clients yet" in world.clients.secrets[APP, WEB].annotations[names.OIDC_MESSAGE]
    world.ledger.stored = stored
    await world.quiet()
    assert world.clients.status(APP, WEB) == "Registered"


# The registry can be lost


async def test_a_lost_registry_is_made_again_and_no_secret_changes(world: World) -> None:
    world.clients.put("other", client_secret("shop", "shop", "other"))
    await world.settle()
    values = {key: secret.data[oidc.CLIENT_SECRET] for key, secret in world.clients.secrets.items()}
    assert world.ledger.stored is not None
    file = world.ledger.state.file
    for left in ({names.OIDC_CLIENTS_ENTRY: file}, {}):
        world.ledger.stored = replace(world.ledger.stored, files=left)
        await world.quiet()
        assert {WEB, "shop", names.DASHBOARD_CLIENT} == world.authelia.running.keys()
        assert values == {k: s.data[oidc.CLIENT_SECRET] for k, s in world.clients.secrets.items()}
        assert world.ledger.state.registry.foreign == {}


async def test_no_list_is_published_before_every_app_was_looked_at() -> None:
    world = World()
    world.clients.put(APP, client_secret())
    world.clients.put("other", client_secret("shop", "shop", "other"))
    await world.handle()
    assert world.ledger.listed == {}
    await world.quiet()
    assert {WEB, "shop", names.DASHBOARD_CLIENT} == world.authelia.running.keys()


async def test_of_two_that_want_the_same_at_once_the_elder_gets_it() -> None:
    for elder in (APP, "other"):
        world = World()
        for app in (APP, "other"):
            created = "2020-01-01T00:00:00Z" if app == elder else "2021-01-01T00:00:00Z"
            world.clients.put(app, replace(client_secret(WEB, WEB, app), created=created))
        await world.settle()
        statuses = {app: world.clients.status(app, WEB) for app in (APP, "other")}
        assert statuses.pop(elder) == "Registered"
        assert "belongs to another app" in statuses.popitem()[1]


# Others at the same time


async def test_a_secret_that_changes_while_it_is_looked_at_is_read_again() -> None:
    world = World()
    await world.quiet()
    world.clients.put(APP, client_secret())
    changes = iter(["/one", "/two"])

    def interfere(name: str) -> None:
        path = next(changes, None)
        if path:
            world.clients.change(APP, name, callbackPath=path)

    world.clients.before_mark = interfere
    await world.settle()
    assert world.authelia.running[WEB]["redirect_uris"][0].endswith("/two")
    assert world.clients.status(APP, WEB) == "Registered"


async def test_a_list_that_changes_all_the_time_is_tried_later() -> None:
    world = World()
    await world.quiet()
    world.clients.put(APP, client_secret())

    def refuse() -> None:
        raise ConflictError("somebody else was faster")

    world.ledger.before_store = refuse
    event = OidcClientChanged(app=APP, name=WEB, uid="u", resource_version="1")
    assert isinstance(await handlers.clients_changed(world.ports, [event]), Retry)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 5), max_size=60))
def test_two_replicas_and_users_at_once_end_right(choices: list[int]) -> None:
    asyncio.run(_race(choices))


async def _race(choices: list[int]) -> None:
    world = World()
    second = Loop(world.ports, DASHBOARD_URL, IMPATIENT)
    for n in range(3):
        world.clients.put(APP, client_secret(f"c{n}", f"c{n}"))

    async def loop_of(loop: Loop) -> None:
        for _ in range(15):
            try:
                await loop.step()
            except ConflictError:
                continue

    async def users() -> None:
        for choice in choices:
            await asyncio.sleep(0)
            name = f"c{choice % 3}"
            if (APP, name) in world.clients.secrets and not world.clients.secrets[APP, name].deleting:
                if choice < 3:
                    world.clients.change(APP, name, callbackPath=f"/{choice}")
                else:
                    world.clients.change(APP, name, clientSecret=None)

    await asyncio.gather(loop_of(world.loop), loop_of(second), users(), *(world.handle() for _ in range(3)))
    await world.settle(APP)
    state = world.ledger.state
    for n in range(3):
        secret = world.clients.secrets[APP, f"c{n}"]
        assert world.clients.status(APP, f"c{n}") == "Registered"
        claim = claims.Claim(secret, requests.read(APP, secret, world.rules))
        assert core.fingerprint_of(claim) == state.registry.records[f"c{n}"].fingerprint
        assert world.authelia.running[f"c{n}"] == state.registry.records[f"c{n}"].entry
    assert world.clients.value(APP, "c0") != world.clients.value(APP, "c1")


class _Killed(BaseException):
    """The process ends here, whatever it was doing."""


@pytest.mark.parametrize("at", range(1, 13))
async def test_killed_before_any_write_it_ends_the_same(at: int) -> None:
    world = World()
    world.clients.put(APP, client_secret())
    left = at

    def write(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise _Killed

    world.ledger.before_store = world.clients.before_mark = write
    with contextlib.suppress(_Killed):
        await world.settle()
    left = 0
    await world.settle()
    assert world.clients.status(APP, WEB) == "Registered"
    assert WEB in world.authelia.running
    assert world.verbs(WEB) == ["registered"]


async def test_what_could_not_be_told_is_told_by_the_next_look() -> None:
    world = World()
    await world.quiet()
    world.clients.put(APP, client_secret())
    await world.handle()
    world.sink.away = True
    with pytest.raises(PublishError):
        await world.quiet()
    assert world.clients.status(APP, WEB) == "Pending", "not written before it is told"
    world.sink.away = False
    await world.quiet()
    assert world.verbs(WEB) == ["registered"]


async def test_giving_up_is_shown_and_heals(world: World) -> None:
    event = OidcClientChanged(app=APP, name=WEB, uid="u", resource_version="1")
    await handlers.gave_up(world.ports, [event], "the API server was away")
    assert world.clients.status(APP, WEB) == "Failed: the API server was away; it is tried again by itself"
    await world.settle()
    assert world.clients.status(APP, WEB) == "Registered"


# What must not get out


async def test_no_secret_value_gets_anywhere_but_into_its_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.clients.change(APP, WEB, callbackPath=f"/{CANARY}\n")
    world.clients.put(APP, client_secret("wrong", "wrong", hostname=CANARY))
    world.clients.put(APP, client_secret("mine", "mine", clientSecret=CANARY))
    world.authelia.likes = lambda clients: "mine" not in clients
    await world.settle()
    world.authelia.likes = lambda _clients: True
    world.clients.change(APP, WEB, callbackPath=None)
    world.clients.annotate(APP, "mine", names.OIDC_ROTATE, "1")
    await world.settle()
    values = [CANARY, *(world.clients.value(APP, name) for name in (WEB, "mine"))]
    assert world.dashboard.secret is not None
    values.append(world.dashboard.secret.data[oidc.CLIENT_SECRET].decode())
    stored = world.ledger.stored
    assert stored is not None
    seen = [
        *(event.model_dump_json() for event in world.sink.events),
        *(repr(secret) + repr(secret.annotations) for secret in world.clients.secrets.values()),
        *(repr(each) for each in (world.ports, world.ledger.state, world.loop, stored)),
        world.ledger.state.registry.model_dump_json(),
        world.ledger.state.file.decode(),
        caplog.text,
    ]
    for value in values:
        assert value
        assert not [text for text in seen if value in text]


@pytest.mark.parametrize(
    "junk", [b"", b"junk", b"\x1f\x8b junk", gzip.compress(b"junk"), gzip.compress(b"x" * 99)[:-9]]
)
async def test_a_broken_registry_is_made_again(world: World, junk: bytes) -> None:
    stored, secret = world.ledger.stored, world.clients.value(APP, WEB)
    assert stored is not None
    broken = {
        name: content if name == names.OIDC_CLIENTS_ENTRY else junk for name, content in stored.files.items()
    }
    world.ledger.stored = replace(stored, files=broken)
    await world.quiet()
    await world.settle()
    assert (world.clients.status(APP, WEB), world.clients.value(APP, WEB)) == ("Registered", secret)


def test_a_registry_is_read_back_as_it_was_written(world: World) -> None:
    state = world.ledger.state
    files = registry.write(state)
    assert files == registry.write(registry.read(Stored(files, state.version)))
