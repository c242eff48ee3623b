"""All apps, as the dashboard's own watch sees them: enough to know which of them concern somebody.

Guarantees: follows every registration. Leaves out: the registrations themselves, which pages read as the person who looks.
"""

from collections.abc import Collection

from app_platform.dashboard.apps import App, keep
from app_platform.kube import Change, Informer, Key, KubeClient, Scope
from app_platform.kube.registrations import REGISTRATIONS


class Directory:
    """The apps as of now.

    Args:
        client: The dashboard's own.
    """

    def __init__(self, client: KubeClient) -> None:
        self._informer = Informer(client, Scope(REGISTRATIONS), keep)

    @property
    def synced(self) -> bool:
        """Whether all are known."""
        return self._informer.synced.is_set()

    def apps(self) -> Collection[App]:
        """All of them."""
        return [change.value for change in self._informer.items.values()]

    def app(self, name: str) -> App | None:
        """One of them."""
        change = self._informer.items.get(Key("", name))
        return change.value if change else None

    async def run(self) -> None:
        """Follow them until cancelled."""
        await self._informer.run(_ignore)


async def _ignore(_change: Change[App]) -> None:
    """The informer's picture is all that is wanted."""
