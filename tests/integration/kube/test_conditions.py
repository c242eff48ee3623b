"""Several managers on the status of one object."""

import datetime as dt
from typing import Any

import pytest

from app_platform.kube import (
    KubeClient,
    NotFound,
    Resource,
    apply_conditions,
    condition,
    find,
    is_true,
)
from app_platform.kube.conditions import ConditionStatus

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def make(kind: str, status: ConditionStatus, obj: dict[str, Any], now: dt.datetime = NOW) -> dict[str, Any]:
    previous = obj.get("status", {}).get("conditions", [])
    return condition(
        kind, status, "Test", "", generation=obj["metadata"]["generation"], now=now, previous=previous
    )


async def test_managers_leave_each_other_alone(client: KubeClient, namespace: str, widgets: Resource) -> None:
    async def read() -> dict[str, Any]:
        return await client.get(widgets, "w", namespace)

    async def write(manager: str, conditions: list[dict[str, Any]], **fields: Any) -> bool:
        return await apply_conditions(
            client, widgets, await read(), conditions, field_manager=manager, fields=fields
        )

    await client.create(widgets, widgets.manifest("w", namespace, spec={"size": 1}))
    assert await write("one", [make("A", "False", await read()), make("B", "True", await read())], size=1)
    assert await write("two", [make("C", "True", await read())], recipient="r")
    widget = await read()
    assert {one["type"]: one["status"] for one in widget["status"]["conditions"]} == {
        "A": "False",
        "B": "True",
        "C": "True",
    }
    assert (widget["status"]["size"], widget["status"]["recipient"]) == (1, "r")
    assert is_true(widget, "C")

    later = NOW + dt.timedelta(hours=1)
    assert await write("one", [make("A", "True", widget, later)], size=2)
    widget = await read()
    assert {one["type"] for one in widget["status"]["conditions"]} == {"A", "C"}
    changed, untouched = (find(widget["status"]["conditions"], kind) for kind in ("A", "C"))
    assert changed is not None
    assert untouched is not None
    assert changed["lastTransitionTime"] == "2026-01-01T01:00:00Z"
    assert untouched["lastTransitionTime"] == "2026-01-01T00:00:00Z"


async def test_what_is_so_already_is_not_written(
    client: KubeClient, namespace: str, widgets: Resource
) -> None:
    widget = await client.create(widgets, widgets.manifest("w", namespace, spec={"size": 1}))
    await apply_conditions(
        client, widgets, widget, [make("A", "True", widget)], field_manager="one", fields={"size": 1}
    )
    before = await client.get(widgets, "w", namespace)
    later = make("A", "True", before, NOW + dt.timedelta(hours=1))
    assert not await apply_conditions(
        client, widgets, before, [later], field_manager="one", fields={"size": 1}
    )
    assert await client.get(widgets, "w", namespace) == before


async def test_nothing_is_made_where_nothing_is(
    client: KubeClient, namespace: str, widgets: Resource
) -> None:
    widget = await client.create(widgets, widgets.manifest("w", namespace))
    await client.delete(widgets, "w", namespace)
    with pytest.raises(NotFound):
        await apply_conditions(client, widgets, widget, [make("A", "True", widget)], field_manager="one")
