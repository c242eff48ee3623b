"""Registrations and events to test with, and Hypothesis strategies for them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from app_platform.contracts import (
    EVENT_CLASSES,
    EncryptedFile,
    Envelope,
    Event,
    Registration,
    SecretEncrypted,
    names,
)

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)
ENVELOPE = Envelope("/app-platform/test", NOW)
CANARY = "canary-7f3a9c-do-not-leak"
"""Stands for a secret value; to be searched for wherever it must not be."""

APP_NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", fullmatch=True)
OBJECT_NAMES = st.from_regex(r"[a-z0-9]([-.a-z0-9]{0,60}[a-z0-9])?", fullmatch=True)


def registration_object(
    name: str = "my-app", namespaces: Sequence[str] = ("my-app-dev", "my-app-prod"), **meta: Any
) -> dict[str, Any]:
    """A registration as the API server returns it."""
    return {
        "apiVersion": "labrats.work/v1alpha1",
        "kind": "AppPlatformRegistration",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1, "resourceVersion": "10", **meta},
        "spec": {
            "namespaces": list(namespaces),
            "access": [
                {"group": "team-admins", "role": "admin"},
                {"group": "team-devs", "role": "developer"},
                {"group": "auditors", "role": "reader"},
            ],
        },
    }


def registration(
    name: str = "my-app", namespaces: Sequence[str] = ("my-app-dev", "my-app-prod"), **meta: Any
) -> Registration:
    """The same, as services see it."""
    return Registration.from_object(registration_object(name, namespaces, **meta))


def events_of(event_class: type[Event]) -> SearchStrategy[Event]:
    """Events of one class, with names that Kubernetes would take."""
    return st.builds(event_class, app=APP_NAMES, name=OBJECT_NAMES, resync=st.sampled_from(["", "round-7"]))


EVENTS: SearchStrategy[Event] = st.one_of([events_of(each) for each in EVENT_CLASSES])


def secret_path(namespace: str, name: str = "database") -> str:
    """Where a secret's file lies."""
    return names.secret_path(namespace, name)


def large_event(app: str) -> SecretEncrypted:
    """An event whose data is too large for a message."""
    return SecretEncrypted(
        app=app,
        name="large",
        uid="u",
        resource_version="1",
        fingerprint="f",
        keys=(),
        files=(EncryptedFile(path="p", content="x" * 600_000),),
    )
