"""What the platform refuses or cannot do, as a sentence for the person in front of the page. Pure.

Guarantees: says what to change where that is known; holds nothing of our inside: no paths, no names of programs, no traceback.
"""

import re
from typing import Final

from app_platform.dashboard.access import RefusedError
from app_platform.kube import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unavailable,
)

_DENIED: Final = re.compile(r"denied request: (?P<why>.+)", re.DOTALL)
_RBAC: Final = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[\w/]+)"')
_SENTENCES: Final[dict[type[KubeError], str]] = {
    NotFound: "It is not there any more: somebody may have deleted it.",
    AlreadyExists: "There is one of that name already. Choose another name, or edit the one that is there.",
    Conflict: "Somebody else changed it at the same moment. Look at it again, then try once more.",
    TooManyRequests: "The cluster is very busy. Please try again in a moment.",
    Unavailable: "The cluster does not answer. Nothing was changed as far as we know; please try again in a moment.",
}
_THINGS: Final = {
    "appplatformregistrations": "app registrations",
    "secretintents": "secrets",
    "secrets": "secrets",
    "oidcclients": "OIDC clients",
    "gitrepositories": "Git repositories",
    "kustomizations": "kustomizations",
}
_DOINGS: Final = {"get": "see", "list": "see", "watch": "see", "update": "change", "patch": "change"}


def sentence(error: KubeError | RefusedError) -> str:
    """One sentence, or a few."""
    if isinstance(error, RefusedError):
        return _may_not(error.action.verb, error.action.resource.plural)
    if denied := _DENIED.search(error.message):
        return _sentence(denied["why"])
    if isinstance(error, Invalid | BadRequest):
        return _invalid(error)
    if isinstance(error, Forbidden):
        refused = _RBAC.search(error.message)
        return (
            _may_not(refused["verb"], refused["resource"])
            if refused
            else "Kubernetes does not allow you that."
        )
    return next(
        (text for kind, text in _SENTENCES.items() if isinstance(error, kind)), "The cluster refused that."
    )


def _may_not(verb: str, resource: str) -> str:
    return (
        f"You may not {_doing(verb, resource)} here. Your groups decide that: "
        "see “Who am I” for what they give you, and ask a platform admin for another one."
    )


def _doing(verb: str, resource: str) -> str:
    return f"{_DOINGS.get(verb, verb)} {_THINGS.get(resource.partition('/')[0], resource)}"


def _invalid(error: KubeError) -> str:
    told = [_cause(cause.field, cause.message) for cause in error.causes if cause.message]
    if told:
        return " ".join(dict.fromkeys(told))
    fields = ", ".join(cause.field for cause in error.causes if cause.field)
    return f"Kubernetes does not take {fields or 'this'}: check what you entered."


def _cause(field: str, message: str) -> str:
    """A cause of the API server, such as `Invalid value: "x": must be …`, without the value."""
    text = message.rpartition('": ')[2] or message
    text = text.removeprefix("Invalid value: ")
    return _sentence(text if field in ("", "<nil>", "spec", "metadata") else f"{field}: {text}")


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "!", "?")) else line + "."
