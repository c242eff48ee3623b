"""What people enter in the form of a Kustomization, and what it means to Flux. Pure.

Guarantees: as in ``entries``; and nobody makes Kustomizations wait for each other in a circle, which Flux would not notice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app_platform.contracts import names
from app_platform.dashboard.flux.entries import interval_fault, name_fault
from app_platform.dashboard.flux.refusals import Faults
from app_platform.dashboard.flux.syncs import Sync
from app_platform.dashboard.web.forms import Form
from app_platform.diagnosis.checks.flux import cycle
from app_platform.kube import Object

_TIMING: Final = {"retryInterval": "1m", "timeout": "3m"}
"""Of a new one: without the first, Flux tries again after a whole interval."""


@dataclass(frozen=True)
class Choices:
    """What there is to choose from.

    Attributes:
        sources: Names of the GitRepositories that an app may deploy from.
        targets: The app's namespaces.
        others: The Kustomizations that are there, by name, as the API server sends them.
    """

    sources: Sequence[str]
    targets: Sequence[str]
    others: Mapping[str, Object]

    def dependable(self, name: str) -> list[str]:
        """What one of that name may wait for."""
        return sorted(self.others.keys() - {name})


@dataclass(frozen=True)
class SyncEntry:
    """The form of a Kustomization.

    Attributes:
        target: Empty for the namespaces that the manifests name.
        generation: Of the object when the form was shown; empty for a new one.
    """

    name: str = ""
    source: str = ""
    path: str = ""
    interval: str = "10m"
    target: str = ""
    prune: bool = True
    depends: Sequence[str] = field(default_factory=tuple)
    generation: str = ""

    def spec(self, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What of the object's spec this form decides; ``None`` removes.

        Args:
            before: The spec that is there; of a dependency that stays, what this form does not show stays too.
        """
        kept = {each["name"]: each for each in (before or {}).get("dependsOn") or ()}
        depends = [kept.get(name, {"name": name}) for name in self.depends]
        return {
            "sourceRef": {"kind": "GitRepository", "name": self.source},
            "path": flux_path(self.path),
            "interval": self.interval,
            "prune": self.prune,
            "targetNamespace": self.target or None,
            "dependsOn": depends or None,
            "serviceAccountName": names.FLUX_SERVICE_ACCOUNT,
            **(_TIMING if before is None else {}),
        }


def sync_entry(form: Form, name: str = "") -> SyncEntry:
    """What was entered.

    Args:
        form: The posted form.
        name: Of the object, if there is one already.
    """
    return SyncEntry(
        name=name or form.text("name"),
        source=form.text("source"),
        path=form.text("path"),
        interval=form.text("interval"),
        target=form.text("target"),
        prune=bool(form.text("prune")),
        depends=tuple(dict.fromkeys(form.all("depends"))),
        generation=form.text("generation"),
    )


def entry_of(sync: Sync) -> SyncEntry:
    """The form filled in with what is there."""
    return SyncEntry(
        name=sync.name,
        source=sync.source,
        path=sync.path.removeprefix("./"),
        interval=sync.interval,
        target=sync.target,
        prune=sync.prune,
        depends=sync.depends_on,
        generation=str(sync.generation),
    )


def sync_faults(entry: SyncEntry, choices: Choices) -> Faults:
    """What is wrong, by field; empty when nothing is."""
    found = {
        "name": name_fault(entry.name, names.MAX_DNS_LABEL),
        "source": _source_fault(entry.source, choices.sources),
        "path": _path_fault(entry.path),
        "interval": interval_fault(entry.interval),
        "target": _target_fault(entry.target, choices.targets),
        "depends": _depends_fault(entry, choices),
    }
    return {name: fault for name, fault in found.items() if fault}


def flux_path(path: str) -> str:
    """A path below the root of the repository, as Flux writes it."""
    return "./" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _source_fault(source: str, there: Collection[str]) -> str:
    if not source:
        return "Choose the Git repository to deploy from."
    return "" if source in there else f"There is no Git repository {source} of this app. Choose another one."


def _path_fault(path: str) -> str:
    if ".." in path.split("/"):
        return "Name a folder inside the repository, without “..”."
    return "" if path.isprintable() else "Name a folder inside the repository."


def _target_fault(target: str, there: Collection[str]) -> str:
    return (
        ""
        if not target or target in there
        else f"{target} is not a namespace of this app. Choose another one."
    )


def _depends_fault(entry: SyncEntry, choices: Choices) -> str:
    if missing := [name for name in entry.depends if name not in choices.others and name != entry.name]:
        return f"There is no Kustomization {missing[0]} any more."
    would_be = {"metadata": {"name": entry.name}, "spec": {"dependsOn": [{"name": n} for n in entry.depends]}}
    circle = cycle({**choices.others, entry.name: would_be}, entry.name)
    return f"It would wait for itself: {' → '.join(circle)}." if circle else ""
