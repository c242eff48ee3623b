"""What GitRepositories and Kustomizations have in common, as pages show it. Pure.

Guarantees: no message shows a value that an error quotes, and no URL a password. Sources: fluxcd/pkg ``apis/meta`` (conditions, the
annotation that asks for a reconciliation), source-controller and kustomize-controller ``api/v1``.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app_platform.contracts import names
from app_platform.contracts.flux_text import without_values

REQUESTED_AT: Final = "reconcile.fluxcd.io/requestedAt"
"""A new value asks Flux to reconcile at once; it answers in ``status.lastHandledReconcileAt``."""
_WAITING: Final = frozenset({"DependencyNotReady"})
_AT_IT: Final = frozenset({"Reconciling", "ArtifactOutdated"})
_BAD_WHEN_TRUE: Final = frozenset({"Stalled", "FetchFailed", "IncludeUnavailable", "StorageOperationFailed"})
"""Types that are there only while something is not as it should be (kstatus, "abnormal-true"; source-controller ``api/v1``)."""
_REVISION: Final = re.compile(r"^(?:(?P<ref>.+)@)?(?:sha1|sha256):(?P<commit>[0-9a-f]+)$")
_PASSWORD: Final = re.compile(r"^(?P<scheme>[a-z+]+://)(?P<user>[^/@:]*):[^/@]*@")
_SHORT: Final = 8


class State(StrEnum):
    """How an object stands, in one word."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    WAITING = "Waiting"
    """For another Kustomization."""
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    PENDING = "Pending"
    """Flux has not looked at it yet."""
    DELETING = "Deleting"


@dataclass(frozen=True)
class Condition:
    """One of Flux's conditions; its message is fit to be shown."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: str
    observed_generation: int

    @property
    def tone(self) -> str:
        """How it is coloured: of some types, True is what nobody wants."""
        if self.status == "Unknown" or self.type in _AT_IT:
            return "busy"
        return "good" if (self.status == "True") != (self.type in _BAD_WHEN_TRUE) else "bad"


@dataclass(frozen=True)
class Revision:
    """A commit, as Flux names it: ``main@sha1:<commit>``.

    Attributes:
        text: As Flux writes it.
        ref: The branch or tag; empty when the text does not tell.
        commit: Hex digits; empty for what is no commit.
    """

    text: str
    ref: str
    commit: str

    @property
    def short(self) -> str:
        """To be recognised by."""
        return self.commit[:_SHORT] or self.text


@dataclass(frozen=True)
class FluxObject:
    """What pages show of either kind.

    Attributes:
        generation: Rises with each change of the spec.
        managed: Made by the platform; nobody else changes it.
        message: Of the Ready condition.
    """

    name: str
    uid: str
    generation: int
    managed: bool
    suspended: bool
    state: State
    message: str
    conditions: Sequence[Condition]
    created: str
    interval: str

    @property
    def changeable(self) -> bool:
        """Whether somebody with the right may change it."""
        return not self.managed and self.state is not State.DELETING

    @property
    def changed(self) -> str:
        """When its state changed last."""
        ready = next((each for each in self.conditions if each.type == "Ready"), None)
        return ready.last_transition_time if ready else self.created


def common(obj: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ``FluxObject``."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    found = conditions(obj)
    ready = next((each for each in found if each.type == "Ready"), None)
    return {
        "name": meta["name"],
        "uid": meta.get("uid", ""),
        "generation": meta.get("generation", 0),
        "managed": (meta.get("labels") or {}).get(names.MANAGED_BY_LABEL) == names.MANAGED_BY,
        "suspended": bool(spec.get("suspend")),
        "state": _state(obj, ready),
        "message": ready.message if ready else "",
        "conditions": found,
        "created": meta.get("creationTimestamp", ""),
        "interval": str(spec.get("interval", "")),
    }


def conditions(obj: Mapping[str, Any]) -> list[Condition]:
    """All conditions, Ready first."""
    listed = (obj.get("status") or {}).get("conditions") or ()
    return sorted((_condition(each) for each in listed), key=lambda each: each.type != "Ready")


def revision(text: str) -> Revision | None:
    """A revision; ``None`` when there is none yet."""
    if not text:
        return None
    parts = _REVISION.match(text)
    return Revision(text, (parts["ref"] or "") if parts else "", parts["commit"] if parts else "")


def shown_url(url: str) -> str:
    """A URL without a password."""
    return _PASSWORD.sub(r"\g<scheme>\g<user>@", url)


def _condition(each: Mapping[str, Any]) -> Condition:
    return Condition(
        type=str(each.get("type", "")),
        status=str(each.get("status", "Unknown")),
        reason=str(each.get("reason", "")),
        message=without_values(str(each.get("message", ""))),
        last_transition_time=str(each.get("lastTransitionTime", "")),
        observed_generation=int(each.get("observedGeneration") or 0),
    )


def _state(obj: Mapping[str, Any], ready: Condition | None) -> State:
    meta = obj["metadata"]
    if "deletionTimestamp" in meta:
        return State.DELETING
    if (obj.get("spec") or {}).get("suspend"):
        return State.SUSPENDED
    if ready is None:
        return State.PENDING
    if _is_asked(obj) or ready.status == "Unknown" or ready.observed_generation < meta.get("generation", 0):
        return State.RECONCILING
    if ready.status == "True":
        return State.READY
    return State.WAITING if ready.reason in _WAITING else State.FAILED


def _is_asked(obj: Mapping[str, Any]) -> bool:
    """Whether somebody asked for a reconciliation that Flux has not finished."""
    asked = (obj["metadata"].get("annotations") or {}).get(REQUESTED_AT, "")
    return bool(asked) and asked != (obj.get("status") or {}).get("lastHandledReconcileAt")
