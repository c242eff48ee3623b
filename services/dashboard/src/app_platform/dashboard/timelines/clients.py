"""The life of an OIDC client as stories: asked for, then registered with the identity provider, or refused and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app_platform.contracts import OidcClientRegistered, OidcClientRejected, OidcClientRemoved, oidc
from app_platform.dashboard.oidc_clients import OidcClient
from app_platform.dashboard.timelines.stories import Stage, State, Story, Told, moment

_FIX = "Change what the message says; it is looked at again at once."
_WAIT = "Verify that oidc-registrar runs and that the identity provider is healthy."
_REGISTERED = "Registered with the identity provider"


@dataclass(frozen=True)
class _End:
    """How a story ended."""

    title: str
    stage: Stage
    uid: str


def stories(name: str, past: Sequence[Told], now: OidcClient | None) -> list[Story]:
    """The stories of a client, the latest first.

    Args:
        name: Of its Secret.
        past: Events in the order told.
        now: The client as it is; ``None`` when there is none.
    """
    ends = [end for told in past if told.event.name == name and (end := _end(told)) is not None]
    told = [Story(end.title, "", (end.stage,)) for end in ends]
    if now is None:
        return told[::-1]
    latest = ends[-1] if ends and ends[-1].uid == now.uid and _is_end_of(ends[-1], now) else None
    before = told[:-1] if latest else told
    return [_standing(now, latest), *before[::-1]]


def _end(told: Told) -> _End | None:
    match told.event:
        case OidcClientRegistered(uid=uid, redirect_uris=uris):
            text = f"users are sent back to {', '.join(uris)}"
            return _End("Registered", Stage(_REGISTERED, State.DONE, told.at, text), uid)
        case OidcClientRejected(uid=uid, reason=reason):
            return _End("Refused", Stage(_REGISTERED, State.FAILED, told.at, reason, _FIX), uid)
        case OidcClientRemoved(uid=uid):
            return _End("Removed", Stage("Removed from the identity provider", State.DONE, told.at), uid)
        case _:
            return None


def _is_end_of(end: _End, now: OidcClient) -> bool:
    """Whether what was told last is how the client stands now."""
    changed = moment(now.changed)
    is_later = end.stage.at is not None and (changed is None or end.stage.at >= changed)
    wanted = {oidc.REGISTERED: State.DONE, "Failed": State.FAILED}
    return is_later and wanted.get(now.status) is end.stage.state


def _standing(now: OidcClient, end: _End | None) -> Story:
    received = Stage("Received", State.DONE, moment(now.changed))
    if now.status == "Deleting":
        leaving = Stage("Removed from the identity provider", State.BUSY, advice=_WAIT)
        return Story("Deleted", now.changed_by, (received, leaving))
    if end is not None:
        return Story("Asked for", now.changed_by, (received, end.stage))
    stages = {
        oidc.REGISTERED: Stage(_REGISTERED, State.DONE),
        "Failed": Stage(_REGISTERED, State.FAILED, None, now.message, _FIX),
    }
    waiting = Stage(_REGISTERED, State.BUSY, None, now.message, _WAIT)
    return Story("Asked for", now.changed_by, (received, stages.get(now.status, waiting)))
