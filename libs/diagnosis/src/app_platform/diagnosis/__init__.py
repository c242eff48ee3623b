"""Why does it not work? The checks of the guide's Troubleshooting section and more, for ``app-platform doctor`` and the dashboard.

    findings = await diagnose(SecretTarget("my-app", "database"), Reader(KubeCluster(client), RecordedBus(history)))

Guarantees: nothing is changed; of Secrets only metadata is read; what the caller may not see becomes a finding ``unknown``
that names the missing right, and hides nothing else.
Leaves out: what only a log tells.
"""

from app_platform.diagnosis.findings import Finding, Reference, State, worst
from app_platform.diagnosis.ports import Bus, Cluster, Reader, UnreadableError
from app_platform.diagnosis.run import diagnose
from app_platform.diagnosis.targets import (
    AccessTarget,
    AppTarget,
    ClientTarget,
    FluxKind,
    FluxTarget,
    PlatformTarget,
    SecretTarget,
    Target,
)

__all__ = [
    "AccessTarget",
    "AppTarget",
    "Bus",
    "ClientTarget",
    "Cluster",
    "Finding",
    "FluxKind",
    "FluxTarget",
    "PlatformTarget",
    "Reader",
    "Reference",
    "SecretTarget",
    "State",
    "Target",
    "UnreadableError",
    "diagnose",
    "worst",
]
