"""Registrations in memory, as every service sees them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from app_platform.contracts import Registration, Verdict, names, stamped
from support.samples import NOW


class FakeRegistrations:
    """The ``Registrations`` port of a service.

    Args:
        service: Whose finalizer it is.
        objects: As the API server would hold them; may be shared between services.
    """

    def __init__(self, service: str, *objects: dict[str, Any]) -> None:
        self.objects = {obj["metadata"]["name"]: obj for obj in objects}
        self.verdicts: list[Verdict] = []
        self._finalizer = names.finalizer(service)

    async def get(self, app: str) -> Registration | None:
        """See the port."""
        await asyncio.sleep(0)
        obj = self.objects.get(app)
        return None if obj is None else Registration.from_object(obj)

    async def report(self, registration: Registration, verdict: Verdict, status: Mapping[str, Any]) -> None:
        """See the port."""
        self.verdicts.append(verdict)
        if registration.name not in self.objects:
            return
        there = self.objects[registration.name].setdefault("status", {})
        condition = stamped(registration, verdict, NOW).model_dump(mode="json", by_alias=True)
        others = [c for c in there.get("conditions", []) if c["type"] != verdict.type]
        there |= {**status, "conditions": [*others, condition]}

    async def hold(self, registration: Registration) -> None:
        """See the port."""
        held = self.objects[registration.name]["metadata"].setdefault("finalizers", [])
        if self._finalizer not in held:
            held.append(self._finalizer)

    async def release(self, registration: Registration) -> None:
        """See the port."""
        meta = self.objects[registration.name]["metadata"]
        meta["finalizers"] = [f for f in meta.get("finalizers", []) if f != self._finalizer]

    def finalizers(self, app: str) -> list[str]:
        """What holds the registration."""
        return list(self.objects[app]["metadata"].get("finalizers", []))

    def last(self) -> tuple[str, str, bool]:
        """Type, reason and truth of the latest verdict."""
        verdict = self.verdicts[-1]
        return verdict.type, verdict.reason, verdict.ok
