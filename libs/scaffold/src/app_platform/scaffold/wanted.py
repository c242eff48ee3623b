"""What is to be scaffolded, and whether it can be."""

import re
from dataclasses import dataclass
from typing import Final

from app_platform.contracts import names

_TAG: Final = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+([-+.].*)?")
"""As the policy ``app-platform-best-practices`` wants it."""
_IMAGE: Final = re.compile(r"[a-z0-9][a-z0-9._:/-]*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DOMAIN: Final = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PORTS: Final = range(1024, 65536)
_LONG_NAMES: Final = {"prod": "production"}


class ScaffoldError(ValueError):
    """It cannot be made as asked for; the text says what to change."""


@dataclass(frozen=True)
class Wanted:
    """An app repository.

    Attributes:
        image: With a semantic version as tag.
        namespaces: One overlay is made for each; by default ``<app>-dev`` and ``<app>-prod``.
        port: That the app listens on; above 1023, as it runs without privileges.
        domain: Under which it is reached: ``<app>.<domain>`` in production, ``<namespace>.<domain>`` elsewhere.

    Raises:
        ScaffoldError: Something cannot be as it is.
    """

    app: str
    image: str
    namespaces: tuple[str, ...] = ()
    port: int = 8080
    domain: str = "hcl.labrats.work"

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ScaffoldError(problem)

    @property
    def targets(self) -> tuple[str, ...]:
        """The namespaces, the default ones if none are given."""
        return self.namespaces or (f"{self.app}-dev", f"{self.app}-prod")

    def environment(self, namespace: str) -> str:
        """The overlay for a namespace: ``dev``, or ``production`` for the one that ends in ``-prod``."""
        suffix = namespace.removeprefix(f"{self.app}-")
        return _LONG_NAMES.get(suffix, suffix)

    def host(self, namespace: str) -> str:
        """Where the app is reached in a namespace."""
        name = self.app if self.environment(namespace) == "production" else namespace
        return f"{name}.{self.domain}"


def _problem(wanted: Wanted) -> str:
    if not names.is_app_name(wanted.app):
        return f"app {wanted.app!r}: use lower-case letters, digits and dashes, as the app is registered"
    if not _IMAGE.fullmatch(wanted.image) or not _TAG.fullmatch(wanted.image.rpartition(":")[2]):
        return f"image {wanted.image!r}: name it with a semantic version, for instance ghcr.io/labrats-work/{wanted.app}:1.2.3"
    if wanted.port not in _PORTS:
        return f"port {wanted.port}: choose one from {_PORTS.start} to {_PORTS.stop - 1}, as the app runs as uid 1001"
    if not _DOMAIN.fullmatch(wanted.domain):
        return f"domain {wanted.domain!r}: write it as hcl.labrats.work"
    foreign = [name for name in wanted.targets if not _is_namespace(wanted.app, name)]
    if foreign:
        return f"namespace {foreign[0]!r}: it must start with {wanted.app}- and not end in {names.PLATFORM_SUFFIX}"
    return ""


def _is_namespace(app: str, name: str) -> bool:
    return (
        names.is_dns_label(name) and name.startswith(f"{app}-") and not name.endswith(names.PLATFORM_SUFFIX)
    )
