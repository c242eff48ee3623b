"""Which events a replay is about."""

import pytest

from app_platform.cli.commands.replay import choice
from app_platform.cli.render import dry_run_lines
from app_platform.contracts import SecretIntentChanged
from app_platform.contracts.dry_run import DryRun, Step
from app_platform.runtime.history import Query, Recorded
from support.samples import ENVELOPE

EVENT = SecretIntentChanged(app="my-app", name="database", uid="u", resource_version="7")


@pytest.mark.parametrize(
    ("given", "query", "wanted"),
    [
        (None, Query(), ""),
        ("42", Query(first=42, last=42), ""),
        ("40-60", Query(first=40, last=60), ""),
        (EVENT.id, Query(app="my-app"), EVENT.id),
        ("nonsense", Query(), "nonsense"),
    ],
)
def test_an_event_is_named_by_position_range_or_id(given: str | None, query: Query, wanted: str) -> None:
    assert choice(Query(), given) == (query, wanted)


def test_a_dry_run_is_told_step_by_step() -> None:
    recorded = Recorded(EVENT, ENVELOPE, 42, "")
    answer = DryRun("Done", (Step("annotate", "Secret a/b", "secret-status=Pending"), Step("tell", "x")), 3)
    assert dry_run_lines(recorded, answer) == [
        "42 secret-intent changed my-app/database",
        "  would annotate Secret a/b: secret-status=Pending",
        "  would tell x",
        "  and 3 more",
        "  outcome: Done",
    ]
    assert "  would change nothing" in dry_run_lines(recorded, DryRun("Done"))
