"""How long retries wait, and of which kinds there are."""

import ast
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.runtime import Backoff
from support.documents import ROOT

FRACTIONS = st.floats(0, 1)


@given(st.integers(1, 10_000), FRACTIONS)
def test_a_wait_is_at_least_half_and_at_most_the_whole_bound(attempt: int, fraction: float) -> None:
    backoff = Backoff(first=0.5, cap=60)
    bound = min(60.0, 0.5 * 2.0 ** min(attempt - 1, 30))
    assert bound / 2 <= backoff.delay(attempt, jitter=lambda: fraction) <= bound


@given(st.integers(1, 40), FRACTIONS)
def test_waits_grow_until_the_cap(attempt: int, fraction: float) -> None:
    backoff = Backoff()
    here, there = (backoff.delay(n, jitter=lambda: fraction) for n in (attempt, attempt + 1))
    assert here <= there <= backoff.cap


@given(st.integers(1, 40), st.floats(0, 1000), FRACTIONS)
def test_a_handler_can_ask_for_more_and_never_gets_less(attempt: int, asked: float, fraction: float) -> None:
    assert Backoff().delay(attempt, asked, jitter=lambda: fraction) >= asked


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (8, 60.0), (12, 60.0)])
def test_the_bound_doubles(attempt: int, bound: float) -> None:
    assert Backoff().delay(attempt, jitter=lambda: 1.0) == bound


def test_jitter_is_random_unless_told_otherwise() -> None:
    assert len({Backoff().delay(5) for _ in range(20)}) > 1


KINDS = {"Overtaken", "CommitsComing", "KeyMissing", "NamespaceTerminating", "HeadMoved"}
"""What services say of a batch that was not done; the forge's own reasons come besides, by ``error.reason``."""
PASSED_ON = {
    "error.reason",
    "mend.reason",
    "reason",
    "kind",
    "IN_USE if 'in use' in text else REFUSED",
    "'CredentialRejected' if status == _UNAUTHORIZED else ''",
}
"""Reasons of the forge that are not written out where the error is made: from another error, a table, or the present condition."""


def said(folder: str, names: str, argument: str) -> Iterator[tuple[str, str]]:
    """Where something of those names is called below a folder, and the argument as it is written there."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and re.fullmatch(names, call.func.id):
                found = [ast.unparse(word.value) for word in call.keywords if word.arg == argument]
                yield f"{path.name}:{call.lineno}", "".join(found)


def test_metrics_name_few_kinds_of_failures_all_of_which_the_code_names() -> None:
    found = dict(said("services", "Retry|Reject", "kind"))
    of_the_forge = {where for where, kind in found.items() if kind == "error.reason"}
    assert {where.partition(":")[0] for where in of_the_forge} == {"verdicts.py"}
    assert {found[where].strip("'") for where in found.keys() - of_the_forge} == KINDS


def test_a_reason_of_the_forge_is_one_that_the_code_names() -> None:
    """None holds what GitHub or a person wrote; those that are not written out come from tables and from other errors."""
    given = {reason for _, reason in said("services/git-committer", "Forge[A-Z][a-z]+", "reason")}
    named = {each for each in given if re.fullmatch(r"'([A-Z][a-z]+)+'|", each)}
    assert len(named) > 10
    assert given - named == PASSED_ON


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_is_in_the_runbook(kind: str) -> None:
    assert f"`{kind}`" in (ROOT / "docs" / "runbook.md").read_text()
