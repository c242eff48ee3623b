"""A forge whose commits are counted, with their files."""

from app_platform.git_committer.ports import Changes, Credential, Forge, Head, Repository
from app_platform.runtime import telemetry


class MeasuredForge:
    """The ``Forge`` port over another one.

    Args:
        real: What does the work.
    """

    def __init__(self, real: Forge) -> None:
        self._real = real
        counted, _ = telemetry.commits()
        counted.add(0)

    async def ensure(self, app: str) -> Repository:
        """See the port."""
        return await self._real.ensure(app)

    def propose(self, app: str) -> Credential:
        """See the port."""
        return self._real.propose(app)

    async def allow(self, app: str, credential: Credential) -> bool:
        """See the port."""
        return await self._real.allow(app, credential)

    async def head(self, app: str, newest: str = "") -> Head:
        """See the port."""
        return await self._real.head(app, newest)

    async def commit(self, app: str, parent: Head, changes: Changes, message: str) -> str:
        """See the port; counted when it is made."""
        sha = await self._real.commit(app, parent, changes, message)
        counted, files = telemetry.commits()
        counted.add(1)
        files.record(len(changes.writes) + len(changes.deletes))
        return sha
