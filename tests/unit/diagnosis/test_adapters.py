"""What the event store says, as the checks understand it."""

import pytest
from nats.aio.client import Client

from app_platform.diagnosis import UnreadableError
from app_platform.diagnosis.adapters import RecordedBus
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.history import History


async def test_a_name_that_no_subject_can_hold_is_unreadable_not_a_defect() -> None:
    history = History(Client(), "reader", RuntimeSettings(nats_url="nats://127.0.0.1:1"))
    with pytest.raises(UnreadableError, match="'My_App' is not a Kubernetes name") as told:
        await RecordedBus(history).dead_letters("My_App")
    assert not told.value.down
