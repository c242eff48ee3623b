"""What a labelled Secret asks for: read, checked, or refused with what to change. Pure.

Guarantees: a ``Request`` holds nothing but what passed a rule below, each of which allows characters rather than forbidding some, so
nothing in it can be more than a part of a URL or one of a few words. A message names keys and rules, and repeats no value: whatever
is in a Secret may be secret, put there by mistake.
Leaves out: what depends on other clients (``core``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from app_platform.contracts import names, oidc
from app_platform.oidc_registrar.ports import ClientSecret, Rules

MAX_CLIENT_ID: Final = 63
"""Of a label's value; Authelia takes 100."""
MAX_PATHS: Final = 10
_MAX_PATH: Final = 256
_MAX_HOSTNAME: Final = 253
_MAX_VALUE: Final = 4096

_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_LABEL: Final = re.compile(names.DNS_LABEL_PATTERN.strip("^$"), re.ASCII)
_PATH: Final = re.compile(r"/|(/[A-Za-z0-9._~@:+-]+)+/?", re.ASCII)


@dataclass(frozen=True)
class Request:
    """A client as an app asks for it, checked."""

    client_id: str
    hostname: str
    paths: tuple[str, ...] = (oidc.DEFAULT_CALLBACK_PATH,)
    scopes: tuple[str, ...] = oidc.DEFAULT_SCOPES
    public: bool = False
    consent: str = oidc.CONSENTS[0]
    pkce: bool = False
    auth_method: str = oidc.AUTH_METHODS[0]

    @property
    def redirect_uris(self) -> tuple[str, ...]:
        """Where users may be sent back to."""
        return tuple(f"https://{self.hostname}{path}" for path in self.paths)


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure
    """What its author has to change, in one line without any value."""


def read(app: str, secret: ClientSecret, rules: Rules) -> Request:
    """What a Secret asks for.

    Args:
        app: Whose platform namespace it is in.
        secret: Not being deleted.
        rules: Of this platform.

    Raises:
        Refused: With the first thing to change.
    """
    client_id = _labelled(app, secret)
    values = {key: _text(key, raw) for key, raw in secret.data.items() if key != oidc.CLIENT_SECRET}
    unknown = sorted(values.keys() - _READERS.keys())
    if unknown:
        known = ", ".join(_READERS)
        raise Refused(f"remove the key {unknown[0]!r}: this Secret may hold {known} and clientSecret")
    if oidc.HOSTNAME not in values:
        raise Refused("add the key 'hostname' with the host name of the app")
    fields = {key: _READERS[key](text) for key, text in values.items()}
    hostname = _allowed(fields[oidc.HOSTNAME], rules)
    return _consistent(_request(client_id, hostname, fields))


def _labelled(app: str, secret: ClientSecret) -> str:
    client_id = secret.labels.get(names.OIDC_CLIENT_LABEL, "")
    if secret.type != "Opaque":
        raise Refused("make it anew as a Secret of type Opaque")
    if secret.immutable:
        raise Refused("make it anew without 'immutable': the client secret is written into it")
    if names.SECRET_INTENT_LABEL in secret.labels:
        raise Refused(f"take off the label {names.SECRET_INTENT_LABEL}: one Secret cannot be both")
    if names.MANAGED_BY_LABEL in secret.labels:
        raise Refused(f"take off the label {names.MANAGED_BY_LABEL}")
    if secret.labels.get(names.APP_LABEL) != app:
        raise Refused(f"set the label {names.APP_LABEL} to {app!r}, the app that this namespace belongs to")
    if len(client_id) > MAX_CLIENT_ID or not _CLIENT_ID.fullmatch(client_id):
        raise Refused(
            f"set the label {names.OIDC_CLIENT_LABEL} to a client id of at most {MAX_CLIENT_ID} letters, digits, "
            "dots, dashes and underscores, beginning and ending with a letter or digit"
        )
    return client_id


def _text(key: str, raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refused(f"{_named(key)} is not text in UTF-8") from None
    if len(text) > _MAX_VALUE:
        raise Refused(f"{_named(key)} is longer than {_MAX_VALUE} characters")
    return text


def _named(key: str) -> str:
    return f"the value of {key!r}"


def _hostname(text: str) -> str:
    if not text:
        raise Refused("hostname is empty: give the host name of the app")
    if "*" in text:
        raise Refused("hostname has a wildcard: name one host, and make another Secret for each further one")
    if set(text) & set("/:@?#\\ \t\r\n"):
        raise Refused(
            "hostname is more than a host name: leave out scheme, port, path, user, spaces and line breaks"
        )
    labels = text.split(".")
    if len(text) > _MAX_HOSTNAME or not all(_is_label(label) for label in labels) or labels[-1].isdigit():
        raise Refused(
            "hostname is not a DNS name: lower-case letters, digits and dashes, in parts separated by dots, "
            f"each at most {names.MAX_DNS_LABEL} characters, {_MAX_HOSTNAME} in all"
        )
    return text


def host_of(url: str) -> str:
    """The host name in a URL; empty when there is none."""
    return urlsplit(url).hostname or ""


def _is_label(text: str) -> bool:
    return len(text) <= names.MAX_DNS_LABEL and _LABEL.fullmatch(text) is not None


def _allowed(hostname: str, rules: Rules) -> str:
    if not any(_lies_in(hostname, domain) for domain in rules.domains):
        raise Refused(
            f"hostname lies outside the domains that this platform serves: {', '.join(rules.domains)}"
        )
    if hostname in rules.reserved_hosts:
        raise Refused("hostname is kept for the platform itself: choose another")
    return hostname


def _lies_in(hostname: str, domain: str) -> bool:
    return hostname.endswith(domain[1:]) if domain.startswith("*.") else hostname == domain


def _path(text: str, key: str = oidc.CALLBACK_PATH) -> str:
    if not text.startswith("/"):
        raise Refused(f"{key} must start with '/'")
    if "?" in text or "#" in text:
        raise Refused(f"{key} has a query or a fragment: leave it out")
    if len(text) > _MAX_PATH or not _PATH.fullmatch(text):
        raise Refused(
            f"{key} may hold letters, digits and . _ ~ @ : + - between single slashes, at most {_MAX_PATH} "
            "characters, and nothing encoded"
        )
    if {".", ".."} & set(text.split("/")):
        raise Refused(f"{key} has a part '.' or '..': write the path out")
    return text


def _paths(text: str) -> tuple[str, ...]:
    paths = tuple(_path(each, oidc.EXTRA_CALLBACK_PATHS) for each in _words(text))
    if len(paths) >= MAX_PATHS:
        raise Refused(f"extraCallbackPaths may hold at most {MAX_PATHS - 1} paths")
    return paths


def _words(text: str) -> list[str]:
    """Words separated by spaces, commas or line breaks."""
    return [word for word in re.split(r"[ ,\n]+", text) if word]


def _scopes(text: str) -> tuple[str, ...]:
    asked = set(_words(text))
    if asked - set(oidc.ALL_SCOPES):
        raise Refused(f"scopes may hold {', '.join(oidc.ALL_SCOPES)}, separated by spaces")
    if "openid" not in asked:
        raise Refused("scopes must hold openid")
    return tuple(scope for scope in oidc.ALL_SCOPES if scope in asked)


def _one_of(key: str, choices: Mapping[str, str | bool]) -> Callable[[str], str | bool]:
    def read_one(text: str) -> str | bool:
        if text not in choices:
            raise Refused(f"{key} is one of {', '.join(choices)}")
        return choices[text]

    return read_one


_YES_NO: Final = {"true": True, "false": False}
_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    oidc.HOSTNAME: _hostname,
    oidc.CALLBACK_PATH: _path,
    oidc.EXTRA_CALLBACK_PATHS: _paths,
    oidc.SCOPES: _scopes,
    oidc.PUBLIC: _one_of(oidc.PUBLIC, _YES_NO),
    oidc.CONSENT: _one_of(oidc.CONSENT, {each: each for each in oidc.CONSENTS}),
    oidc.REQUIRE_PKCE: _one_of(oidc.REQUIRE_PKCE, _YES_NO),
    oidc.AUTH_METHOD: _one_of(oidc.AUTH_METHOD, {each: each for each in oidc.AUTH_METHODS}),
}
"""Key to what reads its value."""


def _request(client_id: str, hostname: str, fields: Mapping[str, Any]) -> Request:
    public = fields.get(oidc.PUBLIC, False)
    if public and oidc.AUTH_METHOD in fields:
        raise Refused("remove tokenEndpointAuthMethod: a public client has no secret to show")
    if public and fields.get(oidc.REQUIRE_PKCE) is False:
        raise Refused("remove requirePkce: a public client must always use PKCE")
    return Request(
        client_id=client_id,
        hostname=hostname,
        paths=(
            fields.get(oidc.CALLBACK_PATH, oidc.DEFAULT_CALLBACK_PATH),
            *fields.get(oidc.EXTRA_CALLBACK_PATHS, ()),
        ),
        scopes=fields.get(oidc.SCOPES, oidc.DEFAULT_SCOPES),
        public=public,
        consent=fields.get(oidc.CONSENT, oidc.CONSENTS[0]),
        pkce=public or fields.get(oidc.REQUIRE_PKCE, False),
        auth_method="none" if public else fields.get(oidc.AUTH_METHOD, oidc.AUTH_METHODS[0]),
    )


def _consistent(request: Request) -> Request:
    if len(set(request.paths)) != len(request.paths):
        raise Refused("a callback path is named twice")
    if request.consent == "implicit" and "offline_access" in request.scopes:
        raise Refused("consent implicit and scope offline_access exclude each other: choose another consent")
    return request
