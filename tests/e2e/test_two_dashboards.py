"""Two dashboard processes on one store: whatever began at one goes on at the other, and what ended at one has ended at both.

Each test says which replica it asks, by the replica's own port; browsers come by way of the balancer, which takes turns.
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from html import unescape
from uuid import uuid4

import httpx2
import pytest

from app_platform.dashboard.settings import Settings
from app_platform.dashboard.web.cookies import SESSION
from support.apps import PATIENCE, App
from support.dashboard import PASSWORD, Dashboard
from support.identity import Browser, location
from support.platform import eventually

REPLICAS = ("dashboard-0", "dashboard-1")
ATTEMPTS: int = Settings.model_fields["sign_ins_per_minute"].default


class Somebody:
    """A person with a cookie jar, who may choose the replica.

    Args:
        dashboard: Of which there are two.
        name: As they sign in.
    """

    def __init__(self, dashboard: Dashboard, name: str = "ada") -> None:
        self.dashboard, self.name = dashboard, name
        ports = json.loads(dashboard.platform.state.ports_file.read_text())
        self.replicas = [f"http://127.0.0.1:{ports[f'{each}-pages']}" for each in REPLICAS]
        self.http = httpx2.Client(headers={"Origin": dashboard.url}, trust_env=False, timeout=30)

    def get(self, path: str, at: int) -> httpx2.Response:
        """Ask one replica."""
        return self.http.get(self.replicas[at] + path)

    def post(self, path: str, at: int, **fields: str) -> httpx2.Response:
        """Send the form that one replica shows to that replica."""
        return self.send(path, self.token(path, at), at, **fields)

    def send(self, path: str, token: str, at: int, **fields: str) -> httpx2.Response:
        """Send a form to one replica."""
        return self.http.post(self.replicas[at] + path, data={"csrf": token, **fields})

    def token(self, path: str, at: int) -> str:
        """What the form on a page carries."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(path, at).text)
        assert found
        return unescape(found[1])

    def sign_in(self, *, begin: int, end: int) -> httpx2.Response:
        """Begin at one replica and come back to another."""
        begun = self.get("/auth/sign-in?back=/me", begin)
        callback = location(Browser(self.dashboard.issuer).sign_in(location(begun), self.name, PASSWORD))
        return self.get(callback.removeprefix(self.dashboard.url), end)

    def sees(self, text: str, at: int) -> bool:
        """Whether their own page, as one replica makes it, holds this."""
        return text in self.get("/me", at).text

    def is_in(self, at: int) -> bool:
        """Whether a replica knows them."""
        return self.sees("Who am I", at)


@pytest.fixture
def ada(dashboard: Dashboard) -> Iterator[Somebody]:
    """Ada, who began to sign in at the first and ended at the second."""
    somebody = Somebody(dashboard)
    with somebody.http:
        assert location(somebody.sign_in(begin=0, end=1)) == "/me"
        yield somebody


def test_one_signs_in_at_both_and_is_known_to_both(ada: Somebody) -> None:
    assert ada.is_in(0)
    assert ada.is_in(1)


def test_a_sign_in_counts_once_wherever_it_comes_back(dashboard: Dashboard) -> None:
    somebody = Somebody(dashboard)
    with somebody.http:
        begun = somebody.get("/auth/sign-in?back=/me", 0)
        callback = location(Browser(dashboard.issuer).sign_in(location(begun), "ada", PASSWORD))
        kept = dict(somebody.http.cookies)
        assert somebody.get(callback.removeprefix(dashboard.url), 1).status_code == 303
        somebody.http.cookies.update(kept)
        again = somebody.get(callback.removeprefix(dashboard.url), 0)
    assert again.status_code == 400
    assert "not begun in this browser" in again.text


def test_a_form_of_one_is_taken_by_the_other(ada: Somebody) -> None:
    name = f"my-app-{uuid4().hex[:8]}"
    token = ada.token("/apps/my-app/namespaces/_new", 0)
    assert ada.send("/apps/my-app/namespaces/_new", token, 1, name=name).status_code == 303
    assert name in ada.get("/apps/my-app/namespaces", 0).text
    ada.post(f"/apps/my-app/namespaces/{name}/remove", 1)


def test_signing_out_at_one_signs_out_of_both(ada: Somebody) -> None:
    stolen = ada.http.cookies[SESSION]
    assert ada.is_in(1)
    assert ada.send("/auth/sign-out", ada.token("/me", 0), 0).status_code == 200
    thief = Somebody(ada.dashboard)
    with thief.http:
        thief.http.cookies.set(SESSION, stolen, domain="127.0.0.1")
        assert not thief.is_in(0)
        assert not thief.is_in(1)


def test_groups_that_change_are_seen_by_both(dashboard: Dashboard) -> None:
    name = f"u{uuid4().hex[:8]}"
    dashboard.change_user(name, groups=["my-app-readers"])
    somebody = Somebody(dashboard, name)
    with somebody.http:
        _until_signed_in(somebody)
        dashboard.change_user(name, groups=["other-app-admins"])
        for at in (0, 1):
            eventually(partial(somebody.sees, "other-app-admins", at), "the new group")
            assert not somebody.sees("my-app-readers", at)


def test_a_session_that_the_provider_ended_has_ended_at_both(dashboard: Dashboard) -> None:
    name = f"u{uuid4().hex[:8]}"
    dashboard.change_user(name, groups=["my-app-readers"])
    somebody = Somebody(dashboard, name)
    with somebody.http:
        _until_signed_in(somebody)
        dashboard.change_user(name, disabled=True)
        eventually(lambda: not somebody.is_in(0), "sent away by the first")
        assert not somebody.is_in(1)


def test_both_tell_their_pages_of_a_change(ada: Somebody) -> None:
    name = f"l{uuid4().hex[:8]}"
    app = ada.dashboard.app()
    with ExitStack() as opened:
        streams = [
            opened.enter_context(ada.http.stream("GET", f"{each}/apps/my-app/secrets/_live")).iter_lines()
            for each in ada.replicas
        ]
        for lines in streams:
            _until_told(lines)
        app.create(name, targets=[app.dev])
        for lines in streams:
            _until_told(lines)
    _forget(app, name)


def test_the_limit_of_attempts_is_one_for_both(dashboard: Dashboard) -> None:
    somebody = Somebody(dashboard)
    somebody.http.headers["X-Forwarded-For"] = "192.0.2.77"
    with somebody.http:
        answers = [somebody.get("/auth/sign-in", number % 2).status_code for number in range(2 * ATTEMPTS)]
    # A token comes back every other second, and this takes a few.
    assert 2 * ATTEMPTS > answers.count(303) >= ATTEMPTS
    assert answers[-2:].count(429) >= 1


def test_browsers_notice_nothing_of_a_replica_that_is_away(ada: Somebody) -> None:
    control = ada.dashboard.platform.control
    control.stop(REPLICAS[0])
    try:
        answers = [ada.http.get(f"{ada.dashboard.url}/me") for _ in range(6)]
    finally:
        control.start(REPLICAS[0])
        control.wait_ready([REPLICAS[0]], PATIENCE)
    assert all("Who am I" in answer.text for answer in answers)
    assert ada.is_in(0)


def _until_signed_in(somebody: Somebody) -> None:
    """The provider follows its file of users a moment later."""

    def signed_in() -> bool:
        try:
            somebody.sign_in(begin=1, end=0)
        except AssertionError:
            return False
        return somebody.is_in(0) and somebody.is_in(1)

    eventually(signed_in, f"{somebody.name} signs in")


def _until_told(lines: Iterator[str]) -> None:
    for line in lines:
        if line == "event: changed":
            return
    pytest.fail("the stream ended before it told of a change")


def _forget(app: App, name: str) -> None:
    app.delete(name)
