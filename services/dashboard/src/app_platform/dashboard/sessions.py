"""Who is signed in: records that the server keeps, found by a random id in the browser's cookie.

    SignIn   from the first step of signing in to the second; ten minutes, used once
    Session  from signing in to signing out, or until it ends by age or idleness
    Draft    what somebody had filled in when their session had ended; offered once more after they signed in

Guarantees: records survive a restart and are the same for all replicas (they lie in a NATS bucket); the store cannot open them
(``sealing``). An ended session can still tell whose it was, so that a draft goes back to nobody else.
Leaves out: cookies and redirects, which are ``web``.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app_platform.dashboard import sealing
from app_platform.dashboard.people import Person
from app_platform.runtime import Entry, KeyChangedError, KeyValue

SIGN_IN_SECONDS: Final = 600.0
DRAFT_SECONDS: Final = 3600.0
_UNDER_WAY_SECONDS: Final = 1800.0
_SEEN_EVERY: Final = 60.0
"""Seconds between two writes of when a session was last used."""
_ASKED_AGAIN: Final = (0.05, 0.2)
"""Seconds after which to ask again for what is not there: of several NATS servers, the one that answers may be a moment behind."""
_R = TypeVar("_R", bound=BaseModel)
Clock = Callable[[], float]


class Record(BaseModel):
    """What all records have in common: frozen, and no value of theirs shows in a ``repr``."""

    model_config = ConfigDict(frozen=True)

    until: float = Field(description="When it ends at the latest, in seconds since 1970.")


class SignIn(Record):
    """A sign-in that has begun.

    Attributes:
        state: What the provider must send back.
        nonce: What must be in the ID token.
        verifier: Of PKCE (RFC 7636).
        back_to: Path and query to return to.
    """

    state: str = Field(repr=False)
    nonce: str = Field(repr=False)
    verifier: str = Field(repr=False)
    back_to: str = "/"


class Token(BaseModel):
    """By which the provider is asked again who somebody is. No refresh token is asked for: nothing kept here outlives an hour or so.

    Attributes:
        until: When it stops being good, in seconds since 1970.
    """

    model_config = ConfigDict(frozen=True)

    access: str = Field(default="", repr=False)
    until: float = 0.0


class Session(Record):
    """Somebody who is signed in.

    Attributes:
        subject: ``sub`` of the provider: another answer later means another person.
        csrf: What every form must carry.
        checked: When the provider last said who they are.
        seen: When the session was last used, to a minute.
    """

    name: str
    groups: tuple[str, ...] = ()
    display_name: str = ""
    subject: str = ""
    csrf: str = Field(repr=False)
    token: Token = Token()
    started: float
    checked: float
    seen: float

    @property
    def person(self) -> Person:
        """Who it is."""
        return Person(self.name, self.groups, self.display_name)


class Draft(Record):
    """A form that could not be taken because the session had ended. Holds no secret value: forms say which fields are.

    Attributes:
        name: Whose it is.
        path: Of the form's page.
        fields: Name to values.
    """

    name: str
    path: str
    fields: dict[str, list[str]] = Field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Found:
    """What a session's cookie leads to.

    Attributes:
        record_id: The cookie's value.
        session: Who it is, or was.
        live: Whether it still counts.
        revision: Of the record in the store: it is changed only as it was read.
    """

    record_id: str = field(repr=False)
    session: Session
    live: bool
    revision: int


@dataclass(frozen=True)
class Lifetime:
    """How long sessions last, in seconds."""

    longest: float
    idle: float
    recheck: float


class Sessions:
    """The records, in a store.

    Args:
        store: Where they lie. Each method may raise ``StoreError``.
        lifetime: Of sessions.
        clock: Seconds since 1970.
    """

    def __init__(self, store: KeyValue, lifetime: Lifetime, clock: Clock = time.time) -> None:
        self._store, self._lifetime, self._clock = store, lifetime, clock

    async def begin(self, back_to: str) -> tuple[str, SignIn]:
        """Begin to sign in; returns the id for the browser, too."""
        begun = SignIn(
            until=self._clock() + SIGN_IN_SECONDS,
            state=sealing.new_id(),
            nonce=sealing.new_id(),
            verifier=sealing.new_id(),
            back_to=back_to,
        )
        return await self._keep("signin", begun), begun

    async def finish(self, record_id: str) -> SignIn | None:
        """The sign-in that this browser began, once."""
        found = await self._find("signin", record_id, SignIn)
        if found is None:
            return None
        await self._store.delete(sealing.store_key("signin", record_id))
        return found if found.until > self._clock() else None

    async def start(self, who: Person, subject: str, token: Token) -> tuple[str, Session]:
        """Sign somebody in, under an id that did not exist before."""
        now = self._clock()
        session = Session(
            until=now + self._lifetime.longest, name=who.name, groups=who.groups, display_name=who.display_name,
            subject=subject, csrf=sealing.new_id(), token=token, started=now, checked=now, seen=now,
        )  # fmt: skip
        return await self._keep("session", session), session

    async def find(self, record_id: str) -> Found | None:
        """What a cookie leads to, live or ended; ``None`` when nothing is known of it."""
        read = await self._read("session", record_id, Session)
        if read is None:
            return None
        session, revision = read
        now = self._clock()
        live = session.until > now and session.seen + self._lifetime.idle > now
        return Found(record_id, session, live, revision)

    def needs_check(self, session: Session) -> bool:
        """Whether it is time to ask the provider again."""
        return session.checked + self._lifetime.recheck <= self._clock()

    def can_check(self, session: Session) -> bool:
        """Whether the provider can be asked: the token is still good."""
        return session.token.until > self._clock()

    def may_wait(self, session: Session) -> bool:
        """Whether what is under way may be finished before the person is sent to the provider again."""
        return session.token.until + _UNDER_WAY_SECONDS > self._clock()

    async def checked(self, found: Found, who: Person, token: Token) -> Session:
        """Take in what the provider says now."""
        now = self._clock()
        change = {
            "groups": who.groups,
            "display_name": who.display_name,
            "token": token,
            "checked": now,
            "seen": now,
        }
        return await self._rewrite(found, found.session.model_copy(update=change))

    async def touch(self, found: Found) -> Session:
        """Note that it is in use; written at most once a minute."""
        now = self._clock()
        if found.session.seen + _SEEN_EVERY > now:
            return found.session
        return await self._rewrite(found, found.session.model_copy(update={"seen": now}))

    async def expire(self, found: Found) -> None:
        """End a session whose person has to sign in again; it is still known whose it was."""
        await self._rewrite(
            found, found.session.model_copy(update={"until": self._clock(), "token": Token()})
        )

    async def end(self, record_id: str) -> None:
        """Sign out: forget it."""
        await self._store.delete(sealing.store_key("session", record_id))

    async def keep_draft(self, name: str, path: str, fields: dict[str, list[str]]) -> str:
        """Keep a form for its author; returns the id for the browser."""
        return await self._keep(
            "draft", Draft(until=self._clock() + DRAFT_SECONDS, name=name, path=path, fields=fields)
        )

    async def take_draft(self, record_id: str, name: str, path: str) -> Draft | None:
        """The form that this person had filled in on this page, once; ``None`` for anybody else."""
        draft = await self._find("draft", record_id, Draft)
        if draft is None or (draft.name, draft.path) != (name, path) or draft.until < self._clock():
            return None
        await self._store.delete(sealing.store_key("draft", record_id))
        return draft

    async def _keep(self, purpose: str, record: Record) -> str:
        record_id = sealing.new_id()
        await self._store.create(sealing.store_key(purpose, record_id), _sealed(purpose, record_id, record))
        return record_id

    async def _rewrite(self, found: Found, session: Session) -> Session:
        key = sealing.store_key("session", found.record_id)
        # Another request of this person may have written a moment ago, or ended the session, which must not come back.
        with contextlib.suppress(KeyChangedError):
            await self._store.update(key, _sealed("session", found.record_id, session), found.revision)
        return session

    async def _find(self, purpose: str, record_id: str, kind: type[_R]) -> _R | None:
        read = await self._read(purpose, record_id, kind)
        return read[0] if read else None

    async def _read(self, purpose: str, record_id: str, kind: type[_R]) -> tuple[_R, int] | None:
        if not sealing.is_id(record_id):
            return None
        entry = await self._entry(sealing.store_key(purpose, record_id))
        content = sealing.open_sealed(purpose, record_id, entry.value) if entry else None
        try:
            return (
                None
                if entry is None or content is None
                else (kind.model_validate_json(content), entry.revision)
            )
        except ValidationError:  # of another version of the dashboard
            return None

    async def _entry(self, key: str) -> Entry | None:
        entry = await self._store.get(key)
        for seconds in _ASKED_AGAIN:
            if entry is not None:
                break
            await asyncio.sleep(seconds)
            entry = await self._store.get(key)
        return entry


def _sealed(purpose: str, record_id: str, record: Record) -> bytes:
    return sealing.seal(purpose, record_id, record.model_dump_json().encode())
