"""How the list of events is printed."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from app_platform.cli.commands import events
from app_platform.contracts import SecretIntentChanged
from app_platform.runtime.history import History, Query, Recorded
from support.samples import ENVELOPE


class Past:
    """A history with so many events."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def events(self, _query: Query) -> AsyncIterator[Recorded]:
        """Each with its position."""
        for sequence in range(1, self._count + 1):
            event = SecretIntentChanged(app="my-app", name="database", uid="u", resource_version="1")
            yield Recorded(event, ENVELOPE, sequence, "")


@pytest.mark.parametrize(
    ("count", "printed"),
    [(0, ["SEQ"]), (1, ["SEQ", "1"]), (2, ["SEQ", "1", "2"]), (3, ["SEQ", "1", "2", "SEQ", "3"])],
)
async def test_without_a_limit_a_table_is_printed_in_parts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int, printed: list[str]
) -> None:
    monkeypatch.setattr(events, "_PAGE", 2)
    await events._show_all(cast("History", Past(count)), Query(), as_json=False)  # noqa: SLF001 - what prints
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == printed
