"""Who sees and does what through the dashboard, decided by a real API server; and attempts to get around it."""

import asyncio
from collections.abc import Mapping

import httpx2
import pytest

from app_platform.contracts import names
from app_platform.dashboard.web.cookies import DRAFT, SESSION
from app_platform.kube import NAMESPACES, ROLE_BINDINGS, SECRETS, Forbidden
from app_platform.kube.registrations import REGISTRATIONS
from integration.dashboard.conftest import CANARY, URL, Guest, House, texts
from support.nats import until

ROLES = ("admin", "developer", "reader", "stranger", "platform")
PAGES: Mapping[str, tuple[int, ...]] = {
    # Page: what each of the roles above gets.
    "/me": (200, 200, 200, 200, 200),
    "/apps": (200, 200, 200, 200, 200),
    "/registrations": (403, 403, 403, 403, 200),
    "/registrations/{mine}": (200, 200, 200, 404, 200),
    "/apps/{mine}/namespaces": (200, 200, 200, 404, 200),
    "/apps/{mine}/secrets": (200, 200, 200, 404, 403),
    "/apps/{mine}/secrets/database": (200, 200, 200, 404, 403),
    "/apps/{mine}/secrets/none-such": (404, 404, 404, 404, 403),
    "/apps/{mine}/secrets/sops-age": (404, 404, 404, 404, 403),
    "/apps/{mine}/oidc-clients": (200, 200, 200, 404, 403),
    "/apps/{mine}/oidc-clients/none-such": (404, 404, 404, 404, 403),
    "/apps/{mine}/oidc-clients/database": (404, 404, 404, 404, 403),
    "/apps/{mine}/timeline": (200, 200, 200, 404, 403),
    "/apps/{mine}/timeline/secrets/database": (200, 200, 200, 404, 403),
    "/apps/{mine}/timeline/secrets/none-such": (404, 404, 404, 404, 403),
    "/apps/{mine}/timeline/secrets/sops-age": (404, 404, 404, 404, 403),
    "/apps/{mine}/timeline/namespaces/kube-system": (404, 404, 404, 404, 403),
    "/apps/{mine}/diagnose": (200, 200, 200, 404, 403),
    "/apps/{mine}/diagnose/secrets/database": (200, 200, 200, 404, 403),
    "/apps/{mine}/start": (200, 200, 200, 404, 200),
    "/apps/{theirs}/timeline": (404, 404, 404, 404, 403),
    "/apps/{theirs}/timeline/live": (404, 404, 404, 404, 403),
    "/apps/{theirs}/oidc-clients/_live": (404, 404, 404, 404, 403),
    "/apps/{theirs}/diagnose": (404, 404, 404, 404, 403),
    "/apps/{theirs}/secrets": (404, 404, 404, 404, 403),
    "/apps/{theirs}/namespaces": (404, 404, 404, 404, 200),
    "/registrations/{theirs}": (404, 404, 404, 404, 200),
    "/registrations/_live": (403, 403, 403, 403, 0),
    "/apps/{theirs}/secrets/_live": (404, 404, 404, 404, 403),
}
Fields = dict[str, str | list[str]]
CREATE: Fields = {"name": "new", "target": [""], "key": ["password"], "secret.value": [CANARY]}


def at(house: House, path: str) -> str:
    return path.format(mine=house.world.mine.name, theirs=house.world.theirs.name)


async def test_each_role_sees_its_pages_and_no_others(house: House) -> None:
    await house.make_secret()
    for index, role in enumerate(ROLES):
        guest = await house.person(role)
        for path, wanted in PAGES.items():
            if wanted[index]:  # a stream of events that is allowed has no end
                answer = await guest.get(at(house, path))
                assert answer.status_code == wanted[index], f"{role}: {path}: {texts(answer)}"
                assert CANARY not in answer.text


async def test_nobody_sees_anything_without_a_session(house: House) -> None:
    browser = await house.browser()
    for path in PAGES:
        answer = await browser.get(at(house, path))
        assert answer.status_code == 401, path
        assert house.world.mine.dev not in answer.text


async def uid(house: House, name: str) -> str:
    found = await house.secret(name)
    return str(found["metadata"]["uid"]) if found else ""


def writes(house: House, the_uid: str) -> dict[str, Fields]:
    """Every change of an app's secrets and namespaces."""
    mine = f"/apps/{house.world.mine.name}"
    return {
        f"{mine}/secrets/_new": {**CREATE, "target": house.world.mine.dev},
        f"{mine}/secrets/database/edit": {
            "uid": the_uid, "target": house.world.mine.dev, "key": ["password"], "secret.value": ["other"],
        },
        f"{mine}/secrets/database/delete": {"uid": the_uid},
        f"{mine}/namespaces/_new": {"name": "new"},
        f"{mine}/namespaces/{house.world.mine.dev}/remove": {},
    }  # fmt: skip


async def state(house: House) -> object:
    """What none of the refused changes may change."""
    database, registration = (
        await house.secret("database"),
        await house.world.root.get(REGISTRATIONS, house.world.mine.name),
    )
    assert database is not None
    return (
        database["data"],
        database["metadata"].get("deletionTimestamp"),
        registration["spec"],
        await house.secret("new"),
    )


@pytest.mark.parametrize("role", ["developer", "reader", "stranger", "platform"])
async def test_who_may_not_change_changes_nothing(house: House, role: str) -> None:
    await house.make_secret()
    before, guest = await state(house), await house.person(role)
    for path, fields in writes(house, await uid(house, "database")).items():
        if role == "platform" and "/namespaces/" in path:
            continue  # they may
        answer = await guest.post(path, fields)
        assert answer.status_code in (403, 404, 409, 422), f"{path}: {answer.status_code}"
        assert CANARY not in answer.text
    assert await state(house) == before


async def test_an_admin_changes_all_of_it(house: House) -> None:
    await house.make_secret()
    guest, app = await house.person("admin"), house.world.mine
    for path, fields in writes(house, await uid(house, "database")).items():
        answer = await guest.post(path, fields)
        assert answer.status_code == 303, f"{path}: {texts(answer)}"
    made = await house.secret("new")
    assert made is not None
    assert made["metadata"]["managedFields"][0]["manager"] == f"admin-of-{app.name}"
    assert await house.secret("database") is None
    spec = (await house.world.root.get(REGISTRATIONS, app.name))["spec"]
    assert spec["namespaces"] == [f"{app.name}-new"]


async def test_a_change_names_who_made_it_and_touches_only_what_was_changed(house: House) -> None:
    await house.make_secret()
    guest = await house.person("admin")
    fields: Fields = {
        "uid": await uid(house, "database"), "target": house.world.mine.dev,
        "key": ["password", "user"], "secret.value": ["", "ada"],
    }  # fmt: skip
    assert (
        await guest.post(f"/apps/{house.world.mine.name}/secrets/database/edit", fields)
    ).status_code == 303
    changed = await house.secret("database")
    assert changed is not None
    assert changed["metadata"]["annotations"][names.CHANGED_BY] == guest.session.name
    assert set(changed["data"]) == {"password", "user"}


@pytest.mark.parametrize("name", ["sops-age", "my-oidc", "..%2f..%2fsecrets", "%00", "database%0d%0aX-Y:z"])
async def test_what_is_no_intent_cannot_be_changed_whoever_asks(house: House, name: str) -> None:
    guest, path = await house.person("admin"), f"/apps/{house.world.mine.name}/secrets"
    before = await house.secret("sops-age")
    assert before is not None
    the_uid = before["metadata"]["uid"]
    for action in ("edit", "delete"):
        answer = await guest.post(
            f"{path}/{name}/{action}",
            {"uid": the_uid, "target": house.world.mine.dev, "key": "age.agekey", "secret.value": "x"},
        )
        assert answer.status_code in (400, 404), texts(answer)
    assert await house.secret("sops-age") == before


async def test_a_form_counts_only_from_a_page_of_this_session(house: House) -> None:
    await house.make_secret()
    guest, other = await house.person("admin"), await house.person("admin")
    before = await state(house)
    forgeries: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        ({"csrf": ""}, {}),
        ({"csrf": other.session.csrf}, {}),
        ({"csrf": "é"}, {}),
        ({}, {"Origin": "https://evil.example"}),
        ({}, {"Origin": "null"}),
        ({}, {"Origin": f"{URL}.evil.example"}),
        ({}, {"Origin": ""}),
    )
    for path, fields in writes(house, await uid(house, "database")).items():
        for more, headers in forgeries:
            answer = await guest.post(path, {**fields, **more}, headers)
            assert answer.status_code == 403, (path, more, headers)
            assert "did not come from a page of your present session" in texts(answer)
    assert (await guest.post("/auth/sign-out", {"csrf": "x"})).status_code == 403
    assert (await guest.get("/me")).status_code == 200
    assert await state(house) == before


async def test_a_body_that_is_no_form_or_too_large_is_refused(house: House) -> None:
    guest = await house.person("admin")
    path = f"/apps/{house.world.mine.name}/secrets/_new"
    as_json = await guest.http.post(path, json=CREATE, headers={"Origin": URL})
    assert as_json.status_code == 400
    large = await guest.post(path, {**CREATE, "secret.value": CANARY * 200_000})
    assert large.status_code == 413
    broken = {"Origin": URL, "Content-Type": "multipart/form-data"}
    assert (await guest.http.post(path, content=b"x", headers=broken)).status_code == 400
    assert await house.secret("new") is None


async def test_a_session_ends_for_everybody_who_has_its_cookie(house: House) -> None:
    guest = await house.person("admin")
    thief = await house.browser(guest.cookie)
    assert (await thief.get("/me")).status_code == 200
    assert (await guest.post("/auth/sign-out")).status_code == 200
    assert (await thief.get("/me")).status_code == 401
    for forged in ("", "x", guest.cookie[:-1] + "A", "../" + guest.cookie):
        assert (await (await house.browser(forged)).get("/me")).status_code == 401


async def test_only_a_form_of_the_ended_session_itself_is_kept(house: House) -> None:
    guest, path = await house.person("admin"), f"/apps/{house.world.mine.name}/secrets/_new"
    found = await house.site.sessions.find(guest.cookie)
    assert found is not None
    await house.site.sessions.expire(found)
    for fields, headers in (
        (CREATE, {"Origin": "https://evil.example"}),
        ({**CREATE, "csrf": "x"}, {}),
        ({**CREATE, "description": "x" * 70_000}, {}),
        ({**CREATE, "secret.env": CANARY * 200_000}, {}),
    ):
        answer = await guest.post(path, fields, headers)
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "is kept" not in texts(answer)
    kept = await guest.post(path, CREATE)
    assert kept.status_code == 401
    assert "is kept" in texts(kept)
    draft = kept.cookies[DRAFT]
    again, other = await house.guest(guest.session.name, *guest.session.groups), await house.person("reader")
    for who, name in ((other, ""), (again, "new")):
        who.http.cookies.set(DRAFT, draft)
        page = await who.get(path)
        assert f'name="name" value="{name}"' in page.text
        assert CANARY not in page.text
    assert await house.secret("new") is None


async def test_rights_that_are_withdrawn_are_gone_at_the_next_request(house: House) -> None:
    await house.make_secret()
    guest, app = await house.person("reader"), house.world.mine
    assert (await guest.get(f"/apps/{app.name}/secrets")).status_code == 200
    for binding in await house.world.root.list(ROLE_BINDINGS, app.home):
        if binding["roleRef"]["name"] == "app-platform-home-reader":
            await house.world.root.delete(ROLE_BINDINGS, binding["metadata"]["name"], app.home)

    async def refused() -> bool:
        return (await guest.get(f"/apps/{app.name}/secrets")).status_code == 403

    # The authorizer follows in a moment.
    await until(refused, "the right is gone")


async def test_a_group_of_kubernetes_or_of_others_gives_nothing(house: House) -> None:
    await house.make_secret()
    theirs = house.world.theirs.name
    for group in (
        "system:masters",
        f"{theirs}-admins\r\nImpersonate-Group: {house.world.mine.name}-admins",
        "cluster-admins",
    ):
        guest = await house.guest("mallory", group)
        assert (await guest.get(f"/apps/{house.world.mine.name}/secrets")).status_code == 404
        assert (await guest.get("/registrations")).status_code == 403


async def test_script_in_names_and_messages_is_text(house: House) -> None:
    script = "<script>alert(1)</script>"
    await house.make_secret(
        **{names.SECRET_MESSAGE: script, names.SECRET_STATUS: "Failed", names.CHANGED_BY: script}
    )
    patch = {"spec": {"displayName": script, "description": f'"><img src=x onerror=alert(1)>{script}'}}
    await house.world.root.merge_patch(REGISTRATIONS, house.world.mine.name, None, patch)
    guest = await house.guest("<b>eve</b>", "platform-admins", f"{house.world.mine.name}-admins", script)
    mine = house.world.mine.name
    for path in (
        "/me", f"/me?app={script}", f"/apps?q={script}", "/registrations", f"/registrations/{mine}", f"/registrations/{mine}/edit",
        f"/apps/{mine}/secrets", f"/apps/{mine}/secrets?q={script}", f"/apps/{mine}/secrets/database", f"/apps/{script}/secrets",
    ):  # fmt: skip
        answer = await guest.get(path)
        assert "<script>alert" not in answer.text, path
        assert "<img src=x" not in answer.text, path
        assert "<b>eve" not in answer.text, path
    answer = await guest.post(f"/apps/{mine}/namespaces/_new", {"name": script})
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


async def test_every_answer_tells_the_browser_what_it_may_not_do(house: House) -> None:
    guest = await house.person("admin")
    for path in (
        "/me",
        "/none-such",
        "/static/none-such",
        "/registrations",
        "/static/app.css",
        "/auth/callback?state=x",
    ):
        headers = (await guest.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store" or path == "/static/app.css"
    set_cookies = (await guest.get("/me")).headers.get_list("set-cookie")
    assert all("HttpOnly" in each and "SameSite=lax" in each for each in set_cookies)
    assert not [each for each in set_cookies if each.startswith(SESSION)]


async def test_another_host_is_not_answered(house: House) -> None:
    guest = await house.person("admin")
    assert (await guest.http.get("/me", headers={"Host": "evil.example"})).status_code == 400


async def test_two_people_who_add_a_namespace_both_get_theirs(house: House) -> None:
    app = house.world.mine.name
    people: list[Guest] = [await house.person("admin") for _ in range(4)]
    posts = (each.post(f"/apps/{app}/namespaces/_new", {"name": f"n{i}"}) for i, each in enumerate(people))
    answers: list[httpx2.Response] = await asyncio.gather(*posts)
    assert [answer.status_code for answer in answers] == [303] * 4
    spec = (await house.world.root.get(REGISTRATIONS, app))["spec"]
    assert set(spec["namespaces"]) == {f"{app}-dev", *(f"{app}-n{i}" for i in range(4))}


async def test_the_dashboard_itself_may_little(house: House) -> None:
    own, app = house.site.own, house.world.mine
    with pytest.raises(Forbidden):
        await own.list(SECRETS, app.dev, metadata_only=True)
    with pytest.raises(Forbidden):
        await own.list(ROLE_BINDINGS, app.home)
    with pytest.raises(Forbidden):
        await own.list(NAMESPACES)
    with pytest.raises(Forbidden):
        await own.merge_patch(REGISTRATIONS, app.name, None, {"spec": {"namespaces": []}})
