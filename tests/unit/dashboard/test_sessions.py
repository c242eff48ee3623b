"""Sessions: who may open them, when they end, and what comes back to whom."""

from dataclasses import dataclass, field

import pytest

from app_platform.dashboard.people import Person
from app_platform.dashboard.sealing import open_sealed, seal, store_key
from app_platform.dashboard.sessions import DRAFT_SECONDS, SIGN_IN_SECONDS, Lifetime, Sessions, Token
from app_platform.runtime import Entry
from support.fakes.store import MemoryStore

ADA = Person("ada", ("my-app-admins",), "Ada")
TOKEN = Token(access="c4n4ry-access", until=1_000_500.0)


@dataclass
class Hands:
    """A clock and what it is for."""

    now: float = 1_000_000.0
    store: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.store, Lifetime(longest=3600, idle=600, recheck=60), lambda: self.now)

    def later(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


async def test_a_session_is_found_by_its_id_and_by_nothing_else(hands: Hands) -> None:
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    found = await hands.sessions.find(record_id)
    assert found is not None
    assert found.live
    assert found.session.person == ADA
    for other in (
        "",
        "x",
        record_id[:-1] + ("A" if record_id[-1] != "A" else "B"),
        "../" + record_id,
        "é" * 43,
    ):
        assert await hands.sessions.find(other) is None


class Behind(MemoryStore):
    """A copy that learns of a value after it was first asked for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    async def get(self, key: str) -> Entry | None:
        known = key in self.asked
        self.asked.add(key)
        return await super().get(key) if known else None


async def test_a_session_is_found_where_it_arrives_a_moment_later() -> None:
    hands = Hands(store=Behind())
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    assert await hands.sessions.find(record_id) is not None


async def test_the_store_can_neither_use_nor_read_a_session(hands: Hands) -> None:
    record_id, session = await hands.sessions.start(ADA, "sub", TOKEN)
    kept = b"".join(key.encode() + entry.value for key, entry in hands.store.entries.items())
    for hidden in (record_id, session.csrf, '"ada"', "my-app-admins", "c4n4ry"):
        assert hidden.encode() not in kept
    key, entry = next(iter(hands.store.entries.items()))
    hands.store.entries = {"session." + "0" * 64: entry, key: entry}
    assert await hands.sessions.find(key.removeprefix("session.")) is None


async def test_nothing_secret_shows_in_a_repr(hands: Hands) -> None:
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    found = await hands.sessions.find(record_id)
    assert found is not None
    text = repr(found) + repr(await hands.sessions.begin("/"))
    assert "c4n4ry" not in text
    assert found.session.csrf not in text
    assert record_id not in text


async def test_a_session_ends_when_it_is_idle_and_lives_while_it_is_used(hands: Hands) -> None:
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    for _ in range(5):
        hands.later(500)
        found = await hands.sessions.find(record_id)
        assert found is not None
        assert found.live
        await hands.sessions.touch(found)
    hands.later(601)
    found = await hands.sessions.find(record_id)
    assert found is not None
    assert not found.live
    assert found.session.name == "ada"


async def test_a_session_ends_by_its_age_however_much_it_is_used(hands: Hands) -> None:
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    for _ in range(8):
        hands.later(500)
        found = await hands.sessions.find(record_id)
        assert found is not None
        await hands.sessions.touch(found)
    found = await hands.sessions.find(record_id)
    assert found is not None
    assert not found.live


async def test_what_is_signed_out_does_not_come_back_with_a_late_write(hands: Hands) -> None:
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    found = await hands.sessions.find(record_id)
    assert found is not None
    await hands.sessions.end(record_id)
    hands.later(120)
    await hands.sessions.touch(found)
    assert await hands.sessions.find(record_id) is None


async def test_what_was_ended_does_not_come_back_with_a_late_write(hands: Hands) -> None:
    record_id, _ = await hands.sessions.start(ADA, "sub", TOKEN)
    hands.later(120)
    found = await hands.sessions.find(record_id)
    assert found is not None
    await hands.sessions.expire(found)
    await hands.sessions.checked(found, ADA, TOKEN)
    again = await hands.sessions.find(record_id)
    assert again is not None
    assert not again.live
    assert again.session.token == Token()


async def test_groups_are_asked_for_again_and_taken_over(hands: Hands) -> None:
    record_id, session = await hands.sessions.start(ADA, "sub", TOKEN)
    assert not hands.sessions.needs_check(session)
    hands.later(61)
    assert hands.sessions.needs_check(session)
    found = await hands.sessions.find(record_id)
    assert found is not None
    await hands.sessions.checked(found, Person("ada", ("other",)), TOKEN)
    after = await hands.sessions.find(record_id)
    assert after is not None
    assert after.session.groups == ("other",)
    assert not hands.sessions.needs_check(after.session)


async def test_a_token_that_is_no_good_any_more_cannot_be_asked_with_and_what_is_under_way_is_finished(
    hands: Hands,
) -> None:
    _, session = await hands.sessions.start(ADA, "sub", TOKEN)
    told = []
    for seconds in (0, 501, 1000, 1000):
        hands.later(seconds)
        told.append((hands.sessions.can_check(session), hands.sessions.may_wait(session)))
    assert told == [(True, True), (False, True), (False, True), (False, False)]


async def test_a_sign_in_is_finished_once_and_in_time(hands: Hands) -> None:
    record_id, begun = await hands.sessions.begin("/apps/my-app/secrets")
    assert await hands.sessions.finish(record_id) == begun
    assert await hands.sessions.finish(record_id) is None
    late, _ = await hands.sessions.begin("/")
    hands.later(SIGN_IN_SECONDS + 1)
    assert await hands.sessions.finish(late) is None


async def test_no_two_sign_ins_share_anything(hands: Hands) -> None:
    (one, first), (other, second) = await hands.sessions.begin("/"), await hands.sessions.begin("/")
    assert (
        len(
            {
                one,
                other,
                first.state,
                second.state,
                first.nonce,
                second.nonce,
                first.verifier,
                second.verifier,
            }
        )
        == 8
    )


async def test_a_draft_comes_back_to_its_author_on_its_page_once(hands: Hands) -> None:
    path, fields = "/apps/my-app/secrets/_new", {"name": ["database"]}
    kept = await hands.sessions.keep_draft("ada", path, fields)
    assert await hands.sessions.take_draft(kept, "eve", path) is None
    assert await hands.sessions.take_draft(kept, "ada", "/other") is None
    draft = await hands.sessions.take_draft(kept, "ada", path)
    assert draft is not None
    assert draft.fields == fields
    assert await hands.sessions.take_draft(kept, "ada", path) is None


async def test_an_old_draft_is_forgotten(hands: Hands) -> None:
    kept = await hands.sessions.keep_draft("ada", "/", {})
    hands.later(DRAFT_SECONDS + 1)
    assert await hands.sessions.take_draft(kept, "ada", "/") is None


async def test_a_record_cannot_be_taken_for_another_kind(hands: Hands) -> None:
    record_id, _ = await hands.sessions.begin("/")
    entry = hands.store.entries[store_key("signin", record_id)]
    hands.store.entries[store_key("session", record_id)] = entry
    assert await hands.sessions.find(record_id) is None


def test_what_is_sealed_opens_with_its_id_and_purpose_only() -> None:
    sealed = seal("session", "id-1", b"content")
    assert open_sealed("session", "id-1", sealed) == b"content"
    assert open_sealed("session", "id-2", sealed) is None
    assert open_sealed("draft", "id-1", sealed) is None
    assert open_sealed("session", "id-1", sealed[:-1] + bytes([sealed[-1] ^ 1])) is None
    assert open_sealed("session", "id-1", b"") is None
    assert seal("session", "id-1", b"content") != sealed
