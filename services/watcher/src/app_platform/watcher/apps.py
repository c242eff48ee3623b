"""Which apps this replica looks after: registrations known, shared out over the living replicas.

Guarantees: every app belongs to exactly one living replica as soon as all see the same membership; until then to more
than one rather than to none, which costs only duplicates that JetStream drops.
Leaves out: watching; ``watching`` does that for the apps that are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from app_platform.watcher.ports import Seen

Share = Callable[[tuple[str, ...], str], str]


@dataclass
class Apps:
    """The registrations and who looks after them.

    Attributes:
        replica: Our own name.
        share: Chooses a replica for an app.
    """

    replica: str
    share: Share
    _known: dict[str, Seen] = field(default_factory=dict)
    _replicas: tuple[str, ...] = ()

    @property
    def ours(self) -> Mapping[str, Seen]:
        """The registrations that this replica looks after, by app."""
        return {app: seen for app, seen in self._known.items() if self.is_ours(app)}

    def is_ours(self, app: str) -> bool:
        """Whether this replica looks after the app."""
        if app not in self._known:
            return False
        # Before membership is known, or if we were wrongly taken for dead, everything is ours.
        return self.replica not in self._replicas or self.share(self._replicas, app) == self.replica

    def see(self, seen: Seen, *, gone: bool) -> None:
        """Take in a registration."""
        if gone:
            self._known.pop(seen.name, None)
        else:
            self._known[seen.name] = seen

    def set_replicas(self, replicas: tuple[str, ...]) -> None:
        """Take in who is alive."""
        self._replicas = replicas
