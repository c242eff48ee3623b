"""What somebody wants of a secret, read from a form. Pure.

Values come as rows of key and value, as files, and as the text of a ``.env`` file; one key may come only once. Guarantees: a fault names
keys and lines, never a value; a value is in ``Wanted.values`` alone, which shows in no ``repr``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app_platform.contracts import names
from app_platform.dashboard import dotenv
from app_platform.dashboard.web.forms import Form

MAX_BYTES: Final = 1024 * 1024
"""What Kubernetes allows for all values of a Secret (core/v1 ``MaxSecretSize``)."""
TYPES: Final = {
    "Opaque": "any keys",
    "kubernetes.io/tls": "tls.crt and tls.key",
    "kubernetes.io/basic-auth": "username and password",
    "kubernetes.io/ssh-auth": "ssh-privatekey",
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
}
_KEY: Final = re.compile(names.SECRET_KEY_PATTERN)
_MAX_KEY: Final = 253
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""RFC 1123 subdomain, as Kubernetes checks names of Secrets (apimachinery ``IsDNS1123Subdomain``)."""
_MAX_NAME: Final = 253
Pair = tuple[str, bytes]


class FormFaultError(ValueError):
    """The form cannot be taken as it is.

    Attributes:
        faults: A sentence for each thing to change.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(faults))


@dataclass(frozen=True)
class Wanted:
    """What a secret should be.

    Attributes:
        values: Keys to set, with their new values.
        removed: Keys to take away.
        kind: Type of the Secret; empty when it is not to be chosen.
    """

    name: str
    targets: tuple[str, ...]
    values: Mapping[str, bytes] = field(repr=False)
    removed: frozenset[str] = frozenset()
    kind: str = ""


def new_secret(form: Form, namespaces: Sequence[str]) -> Wanted:
    """A secret that does not exist yet.

    Args:
        form: Fields ``name``, ``target``, ``type``, ``key`` with ``secret.value``, ``secret.file`` and ``secret.env``.
        namespaces: Of the app.

    Raises:
        FormFaultError: Something is missing or wrong.
    """
    faults = [*_name_faults(form.text("name")), *_target_faults(form, namespaces)]
    kind = form.text("type") or "Opaque"
    if kind not in TYPES:
        faults.append("Choose one of the types.")
    values = _values(_pairs(form, known=(), faults=faults), faults)
    if not values and not faults:
        faults.append("Add at least one key: a secret without keys is not delivered.")
    _raise(faults)
    return Wanted(form.text("name"), _targets(form), values, kind=kind)


def changed_secret(form: Form, name: str, known: Sequence[str], namespaces: Sequence[str]) -> Wanted:
    """What to change of a secret: an empty value means that it stays as it is.

    Args:
        form: As above; ``key`` holds the known keys too, ``remove`` those to take away.
        name: Of the secret.
        known: Its keys.
        namespaces: Of the app.

    Raises:
        FormFaultError: Something is missing or wrong.
    """
    removed = frozenset(form.all("remove")) & frozenset(known)
    faults = _target_faults(form, namespaces)
    values = _values(_pairs(form, known=known, faults=faults), faults)
    both = sorted(removed & values.keys())
    faults.extend(f"The key {key} is to be removed and has a new value: choose one of both." for key in both)
    if not (frozenset(known) | values.keys()) - removed:
        faults.append("Keep at least one key, or delete the secret.")
    _raise(faults)
    return Wanted(name, _targets(form), values, removed)


def _pairs(form: Form, known: Sequence[str], faults: list[str]) -> Iterator[Pair]:
    """Every key with its value, from wherever in the form."""
    yield from _rows(form, known, faults)
    for upload in form.files.get("secret.file", ()):
        yield _basename(upload.name), upload.content
    try:
        yield from (
            (key, value.encode()) for key, value in dotenv.parse("\n".join(form.all("secret.env"))).items()
        )
    except dotenv.DotenvError as error:
        faults.append(f".env: {error}")


def _rows(form: Form, known: Sequence[str], faults: list[str]) -> Iterator[Pair]:
    values = form.all("secret.value")
    for index, entered in enumerate(form.all("key")):
        key, value = entered.strip(), values[index] if index < len(values) else ""
        if value and not key:
            faults.append(f"Row {index + 1} has a value and no key: enter the key.")
        elif value:
            yield key, value.encode()
        elif key and key not in known:
            faults.append(f"The key {_shown(key)} has no value: enter one, or leave the row empty.")


def _values(pairs: Iterable[Pair], faults: list[str]) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    for key, value in pairs:
        if len(key) > _MAX_KEY or not _KEY.fullmatch(key) or key in (".", ".."):
            faults.append(
                f"The key {_shown(key)} cannot be: letters, digits, dash, underscore and dot are allowed."
            )
        elif key in values:
            faults.append(f"The key {key} comes twice: keep one.")
        values[key] = value
    if sum(map(len, values.values())) > MAX_BYTES:
        faults.append("Make it smaller: a secret holds at most 1 MiB in all.")
    return values


def _name_faults(name: str) -> list[str]:
    if not name:
        return ["Enter a name."]
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        return [
            "The name cannot be: use lower-case letters, digits, dashes and dots, and begin and end with a letter or digit."
        ]
    if name == "kustomization":
        return ["Choose another name than kustomization: Flux would take its file for instructions."]
    return []


def _target_faults(form: Form, namespaces: Sequence[str]) -> list[str]:
    targets = _targets(form)
    if not targets:
        return ["Choose at least one target namespace."]
    unknown = [target for target in targets if target not in namespaces]
    return [f"{_shown(target)} is not one of the app's namespaces." for target in unknown]


def _targets(form: Form) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form.all("target")))


def _basename(name: str) -> str:
    """The name of a file without folders, which some browsers send."""
    return re.split(r"[/\\]", name)[-1]


def _shown(text: str) -> str:
    """What was entered for a name, short enough to be shown; the page escapes it."""
    return f"“{text[:60]}…”" if len(text) > 60 else f"“{text}”"  # noqa: PLR2004 - a line


def _raise(faults: Sequence[str]) -> None:
    if faults:
        raise FormFaultError(list(dict.fromkeys(faults)))
