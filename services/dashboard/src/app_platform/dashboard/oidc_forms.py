"""The forms by which an OIDC client is asked for and changed. Pure.

Guarantees: a fault says what to change; only what differs from the default is written. Leaves out: what oidc-registrar alone can decide,
such as which hosts the platform serves and who has a host name already; it says so on the client.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from app_platform.contracts import names, oidc
from app_platform.dashboard.web.forms import Form

KEEP: Final = "keep"
"""Chosen where something is to stay as it is: the dashboard does not know what that is."""
_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_MAX_NAME: Final = 253
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?")
_HOSTNAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+")


@dataclass(frozen=True)
class Choice:
    """Something with a few answers.

    Attributes:
        key: Of the Secret, and name of the field.
        label: What is asked.
        answers: Value to words; the empty value is the default, for which nothing is written.
    """

    key: str
    label: str
    answers: Mapping[str, str]


CHOICES: Final = (
    Choice(
        oidc.SCOPES,
        "What the app may learn of its users",
        {
            "": "Who they are, their email and their groups (openid profile email groups)",
            "openid profile email groups offline_access": "The same, and they may stay signed in (with offline_access)",
            "openid profile email": "Who they are and their email (openid profile email)",
            "openid": "Only that it is somebody (openid)",
        },
    ),
    Choice(
        oidc.PUBLIC,
        "Where the app runs",
        {
            "": "On a server that can keep a client secret",
            "true": "In browsers or on devices: a public client, without a secret, always with PKCE",
        },
    ),
    Choice(
        oidc.CONSENT,
        "Whether users are asked first",
        {
            "": "At each sign-in (explicit)",
            "implicit": "Never (implicit)",
            "pre-configured": "Once, then it is remembered (pre-configured)",
        },
    ),
    Choice(
        oidc.REQUIRE_PKCE,
        "Proof Key for Code Exchange",
        {"": "Taken when the app uses it", "true": "Demanded: a sign-in without it is refused"},
    ),
    Choice(
        oidc.AUTH_METHOD,
        "How the app shows its client secret",
        {
            "": "In a header (client_secret_basic)",
            "client_secret_post": "In the body of the request (client_secret_post)",
        },
    ),
)


class FormFaultError(Exception):
    """The form cannot be taken.

    Attributes:
        faults: Field to what to change.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults.values()))


@dataclass(frozen=True)
class Wanted:
    """What a client should be.

    Attributes:
        data: Keys to set; none of them is secret.
        removed: Keys to take away, so that the default counts.
    """

    name: str
    client_id: str
    data: Mapping[str, str] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


def new_client(form: Form) -> Wanted:
    """A client that does not exist yet.

    Args:
        form: Fields ``name``, ``clientId``, ``hostname``, ``callbackPath``, ``extraCallbackPaths`` and those of ``CHOICES``.

    Raises:
        FormFaultError: Something is missing or wrong.
    """
    checks = ((key, _FAULTS[key](form.text(key))) for key in _FAULTS)
    faults = {key: fault for key, fault in checks if fault}
    faults |= dict(_choice_faults(form))
    if faults:
        raise FormFaultError(faults)
    return Wanted(form.text("name"), form.text("clientId"), _given(form))


def changed_client(form: Form, name: str, client_id: str) -> Wanted:
    """What to change of a client; an empty host name stays as it is, as does what is left at ``KEEP``.

    Raises:
        FormFaultError: Something is wrong.
    """
    faults = dict(_choice_faults(form))
    for key in (oidc.HOSTNAME, oidc.CALLBACK_PATH, oidc.EXTRA_CALLBACK_PATHS):
        fault = _FAULTS[key](form.text(key)) if form.text(key) else ""
        faults |= {key: fault} if fault else {}
    if faults:
        raise FormFaultError(faults)
    data = _given(form)
    texts = {key for key in (oidc.CALLBACK_PATH, oidc.EXTRA_CALLBACK_PATHS) if not form.text(key)}
    defaults = {choice.key for choice in CHOICES if form.texts.get(choice.key) and not form.text(choice.key)}
    return Wanted(name, client_id, data, frozenset((texts if form.text("pathsKnown") else set()) | defaults))


def _given(form: Form) -> dict[str, str]:
    """What differs from the default."""
    fields = (
        oidc.HOSTNAME,
        oidc.CALLBACK_PATH,
        oidc.EXTRA_CALLBACK_PATHS,
        *(choice.key for choice in CHOICES),
    )
    texts = {key: " ".join(form.text(key).split()) for key in fields}
    texts[oidc.HOSTNAME] = texts[oidc.HOSTNAME].lower()
    return {key: text for key, text in texts.items() if text and text != KEEP}


def _choice_faults(form: Form) -> Iterator[tuple[str, str]]:
    for choice in CHOICES:
        if form.text(choice.key) not in (*choice.answers, KEEP):
            yield choice.key, "Choose one of the answers."
    if form.text(oidc.CONSENT) == "implicit" and "offline_access" in form.text(oidc.SCOPES).split():
        yield (
            oidc.CONSENT,
            "Users who may stay signed in have to be asked: choose another answer here or above.",
        )
    if form.text(oidc.PUBLIC) == "true" and form.text(oidc.AUTH_METHOD) not in ("", KEEP):
        yield oidc.AUTH_METHOD, "A public client has no secret to show: leave this at its default."


def _name_fault(text: str) -> str:
    fits = len(text) <= _MAX_NAME and _NAME.fullmatch(text)
    return (
        ""
        if fits
        else "Use lower-case letters, digits, dashes and dots, and begin and end with a letter or digit."
    )


def _client_id_fault(text: str) -> str:
    fits = len(text) <= names.MAX_DNS_LABEL and _CLIENT_ID.fullmatch(text)
    return (
        ""
        if fits
        else (
            f"Use at most {names.MAX_DNS_LABEL} letters, digits, dots, dashes and underscores, "
            "and begin and end with a letter or digit."
        )
    )


def _hostname_fault(text: str) -> str:
    if not text:
        return "Enter the host name at which the app is reached."
    return (
        ""
        if _HOSTNAME.fullmatch(text.lower())
        else "Enter a host name alone: no https://, no port, no path, no wildcard."
    )


def _path_fault(text: str) -> str:
    return "" if not text or text.startswith("/") else "A path begins with a slash."


def _paths_fault(text: str) -> str:
    return next((fault for word in text.split() if (fault := _path_fault(word))), "")


_FAULTS: Final = {
    "name": _name_fault,
    "clientId": _client_id_fault,
    oidc.HOSTNAME: _hostname_fault,
    oidc.CALLBACK_PATH: _path_fault,
    oidc.EXTRA_CALLBACK_PATHS: _paths_fault,
}
"""Field to what is wrong with its text; empty when nothing is."""
