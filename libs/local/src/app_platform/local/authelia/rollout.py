"""A rolling update with two processes at most: the one of the wanted pod template, and the one that serves until that is ready.

turn_to(template) ──► start a process of it; keep an older one that is ready      Progressing=True/ReplicaSetUpdated
  the new one is ready ──► the older one may go                                   …/NewReplicaSetAvailable
  its time is over ──► both stay as they are                                      False/ProgressDeadlineExceeded
  turn_to(the older one's template) ──► the new one may go                        …/NewReplicaSetAvailable
"""

from collections.abc import Callable
from typing import Protocol

from app_platform.local.authelia.status import Situation


class Process(Protocol):
    """A process of the provider."""

    @property
    def template(self) -> str:
        """The hash of the pod template that it is of."""

    @property
    def port(self) -> int:
        """Where it listens; 0 while it is not ready."""


class Rollout:
    """The processes of one Deployment.

    Args:
        start: starts a process of a template.
        now: a clock, in seconds.
    """

    def __init__(self, start: Callable[[str], Process], now: Callable[[], float]) -> None:
        self._start = start
        self._now = now
        self._new: Process | None = None
        self._old: Process | None = None
        self._began = 0.0
        self._completed = False

    @property
    def processes(self) -> list[Process]:
        """All there are."""
        return [each for each in (self._new, self._old) if each]

    @property
    def port(self) -> int:
        """Where requests are served: the new process, until then the old one, or nowhere (0)."""
        return next((each.port for each in self.processes if each.port), 0)

    def turn_to(self, template: str) -> list[Process]:
        """Bring about the processes of this template; empty for none.

        Returns:
            The processes that have to be stopped, once requests go elsewhere.
        """
        before = self.processes
        if self._old and self._old.template == template:
            self._new, self._old = self._old, None
        elif template != (self._new.template if self._new else ""):
            self._replace(template)
        if self._new is None or self._new.port:
            self._old, self._completed = None, True
        return [each for each in before if each not in self.processes]

    def situation(self, template: str, patience: float) -> Situation:
        """How it stands.

        Args:
            template: the wanted one, as given to `turn_to`.
            patience: how many seconds a new process may take to become ready.
        """
        return Situation(
            template,
            new_exists=self._new is not None,
            new_ready=self._new is not None and self._new.port > 0,
            old_exists=self._old is not None,
            old_ready=self._old is not None and self._old.port > 0,
            completed=self._completed,
            overdue=not self._completed and self.remaining(patience) <= 0,
        )

    def remaining(self, patience: float) -> float:
        """Seconds until the new process has had its time; endless when it is ready already."""
        return float("inf") if self._completed else self._began + patience - self._now()

    def _replace(self, template: str) -> None:
        self._old = next((each for each in self.processes if each.port), None)
        self._new = self._start(template) if template else None
        self._began, self._completed = self._now(), False
