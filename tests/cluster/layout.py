"""Where the node is: its folder, its addresses, its name. Only names are decided here."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app_platform.local.paths import cache_dir, workspace_root

NODE: Final = "app-platform-node"
"""Name of the node, of the cgroup that holds its pods, and of nothing else on the machine."""

HOST_LINK: Final = "app-platform0"
"""The machine's end of the only link to the node."""

# A /16 of the private range that nobody seems to use; the machine gets routes to it for as long as the node runs.
HOST_ADDRESS: Final = "10.213.0.1"
NODE_ADDRESS: Final = "10.213.0.2"
POD_RANGE: Final = "10.213.64.0/18"
POD_SUBNET: Final = "10.213.64.0/24"
"""What kube-controller-manager gives to the first node out of ``POD_RANGE``."""
SERVICE_RANGE: Final = "10.213.128.0/18"
API_SERVICE: Final = "10.213.128.1"
DNS_SERVICE: Final = "10.213.128.10"
API_SERVER: Final = f"https://{NODE_ADDRESS}:6443"


@dataclass(frozen=True)
class Layout:
    """The files of one node, all below ``root`` (absolute, on a file system that overlayfs may lie on)."""

    root: Path

    @property
    def config(self) -> Path:
        """Keys, tokens, kubeconfigs and configuration files."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """One file per program of the node."""
        return self.root / "log"

    @property
    def pid(self) -> Path:
        """Holds the process id of the node's first process, as this machine counts."""
        return self.root / "pid"

    @property
    def plan(self) -> Path:
        """What the first process mounts and starts, as JSON."""
        return self.root / "plan.json"

    @property
    def volumes(self) -> Path:
        """The disks of the node's local PersistentVolumes."""
        return self.root / "volumes"

    def private(self) -> dict[str, Path]:
        """What lies at a path within the node, instead of what this machine has there."""
        paths = (
            "/run",
            "/var/log",
            "/var/lib/kubelet",
            "/var/lib/containerd",
            "/var/lib/cni",
            "/etc/cni",
        )
        return {path: self.root / "node" / path.strip("/") for path in paths}

    def kubeconfig(self, name: str) -> Path:
        """How one identity reaches the API server."""
        return self.config / f"{name}.kubeconfig"


def layout() -> Layout:
    """The node of this checkout."""
    return Layout(workspace_root() / "build" / "cluster")


def image_store() -> Path:
    """Where built images are kept, beside the tools."""
    return cache_dir(os.environ).parent / "images"
