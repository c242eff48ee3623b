"""The store of sessions, in memory: `app_platform.runtime.KeyValue`."""

from app_platform.runtime import Entry, KeyChangedError


class MemoryStore:
    """Keeps entries in a dict that tests may look into."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._revision = 0

    async def get(self, key: str) -> Entry | None:
        """See ``KeyValue.get``."""
        return self.entries.get(key)

    async def put(self, key: str, value: bytes) -> int:
        """See ``KeyValue.put``."""
        self._revision += 1
        self.entries[key] = Entry(value, self._revision)
        return self._revision

    async def create(self, key: str, value: bytes) -> int:
        """See ``KeyValue.create``."""
        if key in self.entries:
            raise KeyChangedError(key)
        return await self.put(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """See ``KeyValue.update``."""
        if key not in self.entries or self.entries[key].revision != revision:
            raise KeyChangedError(key)
        return await self.put(key, value)

    async def delete(self, key: str) -> None:
        """See ``KeyValue.delete``."""
        self.entries.pop(key, None)
