"""The Secrets of one app's platform namespace in memory, as the encryptor and the committer see them."""

# ruff: noqa: ARG002 - a fake has the signature of its port

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from app_platform.contracts import names
from app_platform.git_committer.ports import IntentState
from app_platform.secrets_encryptor.ports import (
    ConflictError,
    FluxObjects,
    Intent,
    IntentMetadata,
    KeyFile,
    Mark,
)


class FakeSecrets:
    """The encryptor's ``Intents`` port, with what users do to intents.

    Args:
        on_change: Called with each intent that changed or went, and whether its deletion was asked for.
    """

    def __init__(self, on_change: Callable[[Intent, bool], None] | None = None) -> None:
        self.intents: dict[str, Intent] = {}
        self.marks: list[Mark] = []
        self._on_change = on_change
        self._version = 100

    def put(self, name: str, data: Mapping[str, bytes], targets: str, kind: str = "Opaque") -> Intent:
        """Create an intent, or replace its content and targets, as a user does; not while it is being deleted."""
        there = self.intents.get(name)
        if there is None:
            version = self._next()
            there = Intent(name, f"uid-{name}-{version}", version, kind, data)
        annotations = {**there.annotations, names.TARGET_NAMESPACES: targets}
        return self._write(replace(there, data=dict(data), annotations=annotations))

    def annotate(self, name: str, **annotations: str) -> Intent:
        """Write annotations by their names in ``contracts.names``, as anybody with rights may."""
        there = self.intents[name]
        named = {getattr(names, key): value for key, value in annotations.items()}
        return self._write(replace(there, annotations={**there.annotations, **named}))

    def delete(self, name: str) -> None:
        """Ask for deletion."""
        there = self.intents.get(name)
        if there is not None and not there.deleting:
            self._write(replace(there, deleting=True))

    def status(self, name: str) -> str:
        """The status annotation; empty when there is none."""
        return self.intents[name].annotations.get(names.SECRET_STATUS, "")

    def message(self, name: str) -> str:
        """The message annotation; empty when there is none."""
        return self.intents[name].annotations.get(names.SECRET_MESSAGE, "")

    async def read(self, app: str, only: Collection[str] | None = None) -> Sequence[Intent]:
        """See ``Intents.read``."""
        await asyncio.sleep(0)
        return [i for i in self.intents.values() if only is None or i.name in only]

    async def metadata(self, app: str) -> Sequence[IntentMetadata]:
        """See ``Intents.metadata``."""
        await asyncio.sleep(0)
        return [
            IntentMetadata(i.name, i.uid, i.resource_version, i.annotations, i.deleting)
            for i in self.intents.values()
        ]

    async def mark(self, app: str, mark: Mark) -> str:
        """See ``Intents.mark``."""
        await asyncio.sleep(0)
        there = self.intents.get(mark.name)
        if there is None or (there.uid, there.resource_version) != (mark.uid, mark.resource_version):
            raise ConflictError(f"intent {mark.name!r} changed meanwhile")
        self.marks.append(mark)
        annotations = {**there.annotations, **mark.annotations}
        kept = {key: value for key, value in annotations.items() if value is not None}
        finalizers = there.finalizers if mark.finalizers is None else mark.finalizers
        if (kept, finalizers) == (dict(there.annotations), there.finalizers):
            # As the API server: a write that changes nothing makes no new version.
            return there.resource_version
        return self._write(replace(there, annotations=kept, finalizers=finalizers)).resource_version

    async def states(self) -> Mapping[str, IntentState]:
        """What the committer's ``Cluster.intents`` tells."""
        await asyncio.sleep(0)
        return {
            i.name: IntentState(
                i.uid,
                i.annotations.get(names.SECRET_FINGERPRINT, ""),
                i.deleting,
                committed=self.status(i.name) == "Committed",
                targets=frozenset(names.listed(i.annotations.get(names.TARGET_NAMESPACES, ""))),
            )
            for i in self.intents.values()
        }

    def _write(self, intent: Intent) -> Intent:
        written = replace(intent, resource_version=self._next())
        if written.deleting and not written.finalizers:
            self.intents.pop(written.name, None)
        else:
            self.intents[written.name] = written
        if self._on_change:
            self._on_change(written, written.deleting)
        return written

    def _next(self) -> str:
        self._version += 1
        return str(self._version)


class FakeKeys:
    """The encryptor's ``Keys`` port."""

    def __init__(self, content: str | None = None) -> None:
        self.stored = None if content is None else KeyFile(content, version="1")
        self.taken = False

    @property
    def content(self) -> str | None:
        """The text of the key file."""
        return self.stored.content if self.stored else None

    @content.setter
    def content(self, text: str | None) -> None:
        """Write it as somebody with rights may, or take it away."""
        self.stored = None if text is None else KeyFile(text, version="by hand")

    async def load(self, app: str) -> KeyFile | None:
        """See ``Keys.load``."""
        await asyncio.sleep(0)
        return self.stored

    async def create(self, app: str, content: KeyFile) -> None:
        """See ``Keys.create``."""
        if self.taken or self.stored is not None:
            raise ConflictError("another replica has just made the key")
        self.stored = replace(content, version="1")

    async def replace(self, app: str, content: KeyFile) -> None:
        """See ``Keys.replace``."""
        await asyncio.sleep(0)
        if self.stored is None or self.stored.version != content.version:
            raise ConflictError("the key was changed meanwhile")
        self.stored = replace(content, version=f"{content.version}+")


class FakeFlux:
    """The encryptor's ``Flux`` port."""

    def __init__(self) -> None:
        self.objects = FluxObjects()

    def applied(self, commit: str) -> None:
        """Flux fetched and applied a commit."""
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        revision = f"main@sha1:{commit}"
        self.objects = FluxObjects(
            {"status": {**ready, "artifact": {"revision": revision}}},
            {"status": {**ready, "lastAppliedRevision": revision}},
        )

    async def read(self, app: str) -> FluxObjects:
        """See ``Flux.read``."""
        await asyncio.sleep(0)
        return self.objects
