"""NATS subjects of events, replays and dead letters: ``app-platform.events.<app>.<kind>.<name>.<verb>``.

Guarantees: a subject and the names in it can be turned into each other without loss. Kubernetes names hold no underscore
(RFC 1123), so a dot in a name is written as one. Leaves out: streams and consumers, which runtime makes.
"""

import re
from dataclasses import dataclass
from typing import Final

from app_platform.contracts.events import Event

ROOT: Final = "app-platform"
EVENTS: Final = f"{ROOT}.events"
REPLAY: Final = f"{ROOT}.replay"
DEAD: Final = f"{ROOT}.dead"
DATA: Final = f"{ROOT}.data"
DRY_RUN: Final = f"{ROOT}.dry-run"

_TOKENS: Final = 4
_SAFE_NAME: Final = re.compile(r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")


class SubjectError(ValueError):
    """A name cannot stand in a subject, or a text is no subject of ours."""


@dataclass(frozen=True)
class Address:
    """What an event's subject tells, apart from its prefix."""

    app: str
    kind: str
    name: str
    verb: str

    def __str__(self) -> str:
        """The four tokens joined by dots."""
        return ".".join((escape(self.app), self.kind, escape(self.name), self.verb))


def escape(name: str) -> str:
    """Write a Kubernetes name (RFC 1123 subdomain) as one subject token.

    Raises:
        SubjectError: It is not such a name; nothing else may shape a subject.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise SubjectError(
            f"{name[:80]!r} is not a Kubernetes name (RFC 1123 subdomain), so it cannot be part of a subject"
        )
    return name.replace(".", "_")


def unescape(token: str) -> str:
    """The name that ``escape`` wrote as ``token``."""
    return token.replace("_", ".")


def address_of(event: Event) -> Address:
    """Where an event belongs."""
    return Address(event.app, event.kind, event.name, event.verb)


def event_subject(event: Event) -> str:
    """The subject an event is published on."""
    return f"{EVENTS}.{address_of(event)}"


def replay_subject(service: str, event: Event) -> str:
    """The subject by which an event of the past reaches one service again."""
    return f"{REPLAY}.{service}.{address_of(event)}"


def dry_run_subject(service: str) -> str:
    """The subject on which a service says what it would do about an event; requests and answers are stored nowhere."""
    return f"{DRY_RUN}.{service}"


def dead_subject(service: str, event: Event) -> str:
    """The subject under which it is kept that a service gave an event up."""
    return f"{DEAD}.{service}.{address_of(event)}"


def dead_unreadable_subject(service: str) -> str:
    """The subject for messages that are no event, of which no app is known."""
    return f"{DEAD}.{service}.unreadable"


def subjects_of(event_class: type[Event]) -> str:
    """The filter that matches every event of a class."""
    return f"{EVENTS}.*.{event_class.kind}.*.{event_class.verb}"


def replays_to(service: str) -> str:
    """The filter that matches every event replayed to a service."""
    return f"{REPLAY}.{service}.>"


def dead_filter(service: str | None = None, app: str | None = None) -> str:
    """The filter for dead letters of a service and an app; ``None`` stands for any."""
    tokens = [DEAD, service or "*", *([escape(app)] if app else []), ">"]
    return ".".join(tokens)


def data_subject(service: str, digest: str, piece: str) -> str:
    """The subject of a piece of event data too large for a message; ``*`` as piece matches all of it."""
    return f"{DATA}.{service}.{digest}.{piece}"


def data_of(service: str) -> str:
    """The filter that matches all event data that a service keeps."""
    return f"{DATA}.{service}.>"


def event_filter(app: str | None = None, kind: str | None = None, name: str | None = None) -> str:
    """The filter for events of an app, kind and name; ``None`` stands for any."""
    tokens = (escape(app) if app else "*", kind or "*", escape(name) if name else "*", "*")
    return ".".join((EVENTS, *tokens))


def parse(subject: str) -> Address:
    """Read the last four tokens of an event, replay or dead-letter subject.

    Raises:
        SubjectError: It has another form.
    """
    tokens = subject.split(".")
    prefix, tail = ".".join(tokens[:-_TOKENS]), tokens[-_TOKENS:]
    if not prefix.startswith((EVENTS, REPLAY, DEAD)) or not all(tail):
        raise SubjectError(f"{subject[:120]!r} is not a subject of the App Platform")
    app, kind, name, verb = tail
    return Address(unescape(app), kind, unescape(name), verb)
