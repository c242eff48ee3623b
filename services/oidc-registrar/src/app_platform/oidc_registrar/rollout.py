"""The loop that makes Authelia run with the list of clients that is asked for; one in each replica.

Guarantees: the registry is read before Authelia's state, and each decision is written under the version that was read; so of two
replicas that decide at once one is refused and looks again, and a replica that fell asleep decides nothing. Changes that come while
Authelia rolls wait for the next list, so many of them cost one roll. It may be killed between any two steps.
Leaves out: what the answers mean (``trials``); which clients are asked for (``handlers``).
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from app_platform.contracts import ConditionType, Registration, names
from app_platform.kube import BadRequest, Forbidden, Invalid, KubeError, NotFound
from app_platform.oidc_registrar import registry, trials
from app_platform.oidc_registrar.dashboard import with_dashboard
from app_platform.oidc_registrar.handlers import settle
from app_platform.oidc_registrar.ports import ConflictError, Ports, Progress, Rollout
from app_platform.oidc_registrar.registry import State
from app_platform.oidc_registrar.rendering import sha256
from app_platform.runtime import PublishError

_LOG: Final = logging.getLogger(__name__)
NO_DEPLOYMENT: Final = "Authelia's Deployment is not there"
_AT_ONCE: Final = 0.0
_OF_ONE_APP: Final = (BadRequest, Forbidden, Invalid, NotFound, ValueError)
"""What is wrong with one app's objects, and must not keep the others waiting; that app's own events tell of it."""


@dataclass(frozen=True)
class Pace:
    """How patient the loop is, in seconds.

    Attributes:
        idle: Between two looks when nothing is to be done.
        rolling: Between two looks at a rollout.
        gather: Between the first change and the list with it, so that those that come together go together.
        healthy: In which Authelia must say that it is well after its rollout.
        after_failure: Before the same is tried again when no client was to blame; doubles with each further time.
        longest: At most.
    """

    idle: float = 10.0
    rolling: float = 1.0
    gather: float = 1.0
    healthy: float = 60.0
    after_failure: float = 5.0
    longest: float = 300.0


@dataclass
class Loop:
    """The loop of one replica.

    Attributes:
        ports: To the world.
        dashboard_url: Of the dashboard, whose client keeps the list from being empty.
        pace: See ``Pace``.
        clock: Seconds that only grow.
        held: Clients in quarantine, as last seen.
    """

    ports: Ports
    dashboard_url: str
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.monotonic
    held: int = field(default=0, init=False)
    _unwell_since: tuple[int, float] = field(default=(-1, 0.0), init=False)
    _failures: int = field(default=0, init=False)
    _not_before: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            try:
                pause = await self.step()
            except ConflictError as error:
                _LOG.info("looking again: %s", error)
                pause = self.pace.rolling
            except (KubeError, PublishError) as error:
                _LOG.warning("trying again: %s", error)
                pause = self.pace.idle
            await self._rest(pause)

    async def _rest(self, pause: float) -> None:
        wake = self.ports.wake
        if pause >= self.pace.idle:
            try:
                await asyncio.wait_for(wake.wait(), pause)
            except TimeoutError:
                return
            wake.clear()
            pause = self.pace.gather
        await asyncio.sleep(pause)

    async def step(self) -> float:
        """Do what is to be done next; returns how long to wait before the one after it."""
        stored = await self.ports.ledger.load()
        if stored is None:
            _LOG.warning("Secret %s is not there: see deploy/kubernetes", names.OIDC_CLIENTS_SECRET)
            return self.pace.idle
        state = registry.read(stored)
        self.held = len(state.registry.held)
        if not state.is_new and not state.registry.complete:
            return await self._look_at_everybody()
        put_right = await self._put_right(state)
        if put_right is not None:
            return await self._store(put_right)
        if state.registry.unsettled:
            return await self._settle_all(state)
        return await (self._idle(state) if state.registry.phase == "idle" else self._follow(state))

    async def _put_right(self, state: State) -> State | None:
        """The state with what has to be in it before anything else; ``None`` when it is."""
        if state.is_new:
            return state
        return await with_dashboard(self.ports, self.dashboard_url, state) or trials.edited(state)

    async def _store(self, state: State) -> float:
        await self.ports.ledger.store(registry.write(state), state.version)
        return _AT_ONCE

    async def _store_named(self, before: State, after: State) -> float:
        """Store, and name in the log who is in quarantine now: clients of others have no Secret to say it on."""
        for client_id in sorted(after.registry.held.keys() - before.registry.held.keys()):
            _LOG.warning("client %s is in quarantine: %s", client_id, after.registry.held[client_id].reason)
        return await self._store(after)

    async def _look_at_everybody(self) -> float:
        """Fill a new registry. Twice, as of two that want the same, the elder may be looked at last."""
        for _ in range(2):
            for app in await self.ports.registrations.apps():
                await self._look_at(app)
        stored = await self.ports.ledger.load()
        if stored is None:
            return self.pace.idle
        state = registry.read(stored)
        complete = state.registry.model_copy(update={"complete": True})
        _LOG.info("all apps were looked at: %d clients", len(complete.records))
        return await self._store(state.model_copy(update={"registry": complete}))

    async def _look_at(self, app: str) -> None:
        try:
            if not await settle(self.ports, app):
                raise ConflictError(f"the clients of {app} changed meanwhile")
        except (Forbidden, NotFound):
            # An app whose namespaces are ready will let us look in a moment; one that has none cannot have clients.
            if _is_served(await self.ports.registrations.get(app)):
                raise
        except _OF_ONE_APP as error:
            _LOG.warning("%s: cannot be looked at: %s", app, type(error).__name__)

    async def _idle(self, state: State) -> float:
        checked = trials.checked(state)
        if checked is not state:
            return await self._store_named(state, checked)
        if self._is_too_soon(state.registry.failures):
            return self.pace.rolling
        following = trials.next_trial(state) or trials.without_leaving(state)
        if following is not None:
            _LOG.info(
                "list %d: %s",
                following.registry.attempt,
                ", ".join(following.registry.trial) or "fewer clients",
            )
            return await self._store(following)
        return await self._keep_rolled(state)

    def _is_too_soon(self, failures: int) -> bool:
        """Whether what failed for no client's fault is to rest a little longer; counted from when this replica heard of it."""
        if failures != self._failures:
            pause = (
                min(self.pace.longest, self.pace.after_failure * 2.0 ** (failures - 1)) if failures else 0.0
            )
            self._failures, self._not_before = failures, self.clock() + pause
        return self.clock() < self._not_before

    async def _keep_rolled(self, state: State) -> float:
        """Nothing is new; but somebody may have taken our mark off the Deployment, so it is not known what runs."""
        rollout = await self.ports.provider.rollout()
        if rollout is not None and state.registry.attempt and not _is_ours(rollout, state):
            await self._roll(rollout, state)
        return self.pace.idle

    async def _settle_all(self, state: State) -> float:
        """Tell the apps whose clients stand otherwise than they were told; one that cannot be told now has its own next event."""
        for app in state.registry.unsettled:
            try:
                await settle(self.ports, app)
            except _OF_ONE_APP as error:
                _LOG.warning("%s: cannot be told how its clients stand: %s", app, type(error).__name__)
        stored = await self.ports.ledger.load()
        if stored is None:
            return self.pace.idle
        return await self._store(trials.settled(registry.read(stored), state.registry.unsettled))

    async def _follow(self, state: State) -> float:
        """A list was published: see that Authelia reads it, and what becomes of that."""
        rollout = await self.ports.provider.rollout()
        if rollout is None:
            return await self._note(state, NO_DEPLOYMENT)
        if not _is_ours(rollout, state):
            await self._roll(rollout, state)
            return self.pace.rolling
        if rollout.progress is Progress.DONE and await self.ports.provider.is_healthy():
            _LOG.info("list %d: Authelia runs with it", state.registry.attempt)
            return await self._store_named(state, trials.runs(state))
        if rollout.progress is Progress.RUNNING or self._has_patience(state, rollout):
            return self.pace.rolling
        return await self._give_up(state)

    def _has_patience(self, state: State, rollout: Rollout) -> bool:
        """Whether Authelia, rolled out and not well, still has time to become so."""
        if rollout.progress is Progress.FAILED:
            return False
        attempt = state.registry.attempt
        if self._unwell_since[0] != attempt:
            self._unwell_since = (attempt, self.clock())
        return self.clock() - self._unwell_since[1] < self.pace.healthy

    async def _give_up(self, state: State) -> float:
        after = trials.fails(state)
        if after is state:
            return self.pace.idle
        _LOG.warning(
            "list %d: Authelia does not run with it: %s", state.registry.attempt, after.registry.phase
        )
        return await self._store(after)

    async def _note(self, state: State, note: str) -> float:
        noted = trials.noted(state, note)
        return self.pace.idle if noted is None else await self._store(noted)

    async def _roll(self, rollout: Rollout, state: State) -> None:
        await self.ports.provider.roll(sha256(state.file), str(state.registry.attempt), rollout.version)


def _is_ours(rollout: Rollout, state: State) -> bool:
    return (rollout.digest, rollout.attempt) == (sha256(state.file), str(state.registry.attempt))


def _is_served(registration: Registration | None) -> bool:
    if registration is None or registration.deleting:
        return False
    condition = registration.status.condition(ConditionType.NAMESPACES)
    return condition is not None and condition.status == "True"
