"""Looks at a target and says what is wrong with it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from app_platform.diagnosis.facts import NotApplicableError
from app_platform.diagnosis.findings import Finding, Said, State
from app_platform.diagnosis.gather import app_facts, platform_facts
from app_platform.diagnosis.ports import Reader, UnreadableError
from app_platform.diagnosis.tables import Check, checks_for
from app_platform.diagnosis.targets import PlatformTarget, Target


async def diagnose(target: Target, reader: Reader, now: datetime | None = None) -> list[Finding]:
    """Everything that the checks of a target say, in the order in which a person would look.

    Args:
        target: What to look at.
        reader: Sees with the rights of whoever asks.
        now: Instead of the present time, in UTC.
    """
    now = now or datetime.now(UTC)
    facts = (
        await platform_facts(reader, now)
        if isinstance(target, PlatformTarget)
        else await app_facts(target, reader, now)
    )
    return judged(checks_for(target), facts)


def judged(checks: Sequence[Check], facts: Any) -> list[Finding]:  # noqa: ANN401 - of the kind that the checks take
    """What these checks say of these facts."""
    return [_finding(check, said) for check in checks for said in _said(check, facts)]


def _said(check: Check, facts: Any) -> Iterator[Said]:  # noqa: ANN401 - as above
    try:
        yield from check.judge(facts)
    except UnreadableError as error:
        yield Said(State.UNKNOWN, str(error))
    except NotApplicableError as error:
        yield Said(State.SKIPPED, str(error))


def _finding(check: Check, said: Said) -> Finding:
    return Finding(check.id, check.title, said.state, said.detail, said.advice, said.about)
