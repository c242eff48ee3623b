"""What is wrong with a Flux object and what to do about it, from what its page has read anyway. Pure.

The checks are those of ``app-platform doctor`` and the guide's Troubleshooting (libs/diagnosis).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from app_platform.contracts import Registration
from app_platform.diagnosis import Finding, FluxKind, FluxTarget, State
from app_platform.diagnosis.facts import AppFacts
from app_platform.diagnosis.run import judged
from app_platform.diagnosis.tables import checks_for
from app_platform.kube import Object

_WAITS: Final = "DependencyNotReady"


def advice(
    registration: Registration,
    sources: Sequence[Object],
    kustomizations: Sequence[Object],
    kind: FluxKind,
    name: str,
) -> list[Finding]:
    """The findings that somebody should know of; none when all is well.

    Args:
        registration: Of the app.
        sources: All its GitRepositories.
        kustomizations: All its Kustomizations.
        kind: Of the object in question.
        name: Its name.
    """
    facts = AppFacts(
        datetime.now(UTC),
        name=registration.name,
        maybe_registration=registration,
        all_sources=_by_name(sources),
        all_kustomizations=_by_name(kustomizations),
    )
    findings = judged(checks_for(FluxTarget(registration.name, kind, name)), facts)
    told = [each for each in findings if each.state in (State.PROBLEM, State.WARNING)]
    # Flux says that a dependency is not ready; the check of dependencies says which and why.
    more = any(each.check == "depends-on" for each in told)
    return [each for each in told if not (more and each.detail.startswith(_WAITS))]


def _by_name(objects: Sequence[Object]) -> dict[str, Object]:
    return {obj["metadata"]["name"]: obj for obj in objects}
