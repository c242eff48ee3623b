"""What the steps of the demo act through: the cluster, the report, and waiting for things to become so.

Guarantees: acts as a user with the administrator's kubeconfig; waits are bounded and say what did not happen.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from app_platform.contracts import names
from app_platform.kube import NAMESPACES, SECRETS, KubeClient, Object
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local.demo.report import DemoError, Report
from app_platform.local.demo.repository import Repository

APP: Final = "my-app"
HOME: Final = names.platform_namespace(APP)
DEV, PROD, TEST = f"{APP}-dev", f"{APP}-prod", f"{APP}-test"
ACCESS: Final = (("my-app-admins", "admin"), ("my-app-developers", "developer"), ("auditors", "reader"))


_PATIENCE: Final = 60.0
_PAUSE: Final = 0.05

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Everything a step needs.

    Attributes:
        client: of the cluster, as administrator.
        report: where to print.
        repository: a working copy of the platform repository; cloned in step 2.
        patience: seconds to wait for one thing.
    """

    client: KubeClient
    report: Report
    repository: Repository
    patience: float = _PATIENCE

    async def until(
        self, read: Callable[[], Awaitable[T]], is_so: Callable[[T], object], what: str, *, explain: str = ""
    ) -> T:
        """Read until it is so; returns what was read last.

        Args:
            read: reads the present state.
            is_so: whether that is as it should be.
            what: what is waited for.
            explain: where to look when it does not come.

        Raises:
            DemoError: it did not become so in time.
        """
        deadline = time.monotonic() + self.patience
        while not is_so(found := await read()):
            if time.monotonic() > deadline:
                raise DemoError(f"not within {self.patience:.0f} s: {what}{explain}")
            await asyncio.sleep(_PAUSE)
        return found

    async def registration(self) -> Object | None:
        """The registration now."""
        return await self.client.find(REGISTRATIONS, APP)

    async def namespace(self, name: str) -> Object | None:
        """A namespace now."""
        return await self.client.find(NAMESPACES, name)

    async def until_delivered(self, namespace: str, name: str, values: Mapping[str, str]) -> None:
        """Wait until the Secret in an app namespace holds exactly these values."""
        await self.until(
            lambda: self.values(namespace, name),
            lambda live: live == values,
            f"Secret {name} in {namespace} holds the values of the intent",
            explain=f"; see Kustomization {HOME} in namespace {HOME}",
        )

    async def until_withdrawn(self, namespace: str, name: str) -> None:
        """Wait until there is no such Secret."""
        await self.until(
            lambda: self.values(namespace, name),
            lambda live: live is None,
            f"no Secret {name} in {namespace}",
        )

    async def values(self, namespace: str, name: str) -> dict[str, str] | None:
        """The decoded values of a Secret; none when there is no such Secret."""
        secret = await self.client.find(SECRETS, name, namespace)
        return decoded(secret) if secret else None


def decoded(secret: Object) -> dict[str, str]:
    """The values of a Secret as text."""
    return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}


def conditions(obj: Object | None) -> dict[str, Mapping[str, str]]:
    """The conditions of an object by their type."""
    return {each["type"]: each for each in ((obj or {}).get("status") or {}).get("conditions", [])}


def check(*, holds: object, otherwise: str) -> None:
    """Refuse to go on.

    Raises:
        DemoError: what is not as it should be.
    """
    if not holds:
        raise DemoError(otherwise)
