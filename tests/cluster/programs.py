"""The programs of the node with their arguments, and the files that they read. Pure: no I/O.

Everything runs in the node's own namespaces (``inside.py``), so that addresses and paths here are the node's. They are what
kubeadm would set up, but for this: identities are static tokens in the place of client certificates, and the node is known to the API server
as ``system:node:…`` from the beginning.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from app_platform.local.identities import Identity, administrator
from cluster.layout import (
    DNS_SERVICE,
    NODE,
    NODE_ADDRESS,
    POD_RANGE,
    POD_SUBNET,
    SERVICE_RANGE,
    Layout,
)

ADMIN: Final = "admin"
PAUSE_IMAGE: Final = "registry.k8s.io/pause:3.10"
CONTAINERD_SOCKET: Final = "/run/containerd/containerd.sock"
CNI_PLUGINS: Final = "/usr/lib/cni"  # Debian's containernetworking-plugins
TOOLS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "kubelet",
    "kube-proxy",
    "kube-router",
)
IDENTITIES: Final = (
    administrator(ADMIN),
    Identity("kube-controller-manager", "system:kube-controller-manager", ()),
    Identity("kube-scheduler", "system:kube-scheduler", ()),
    Identity("kube-proxy", "system:kube-proxy", ()),
    Identity("kubelet", f"system:node:{NODE}", ("system:nodes",)),
    administrator("kube-router"),
)


@dataclass(frozen=True)
class Program:
    """One program of the node; started again when it ends."""

    name: str
    command: tuple[str, ...]


def programs(at: Layout, tools: Mapping[str, Path]) -> list[Program]:
    """All programs, in the order in which they are started. None waits for another: each tries until that is there."""
    arguments = {
        "etcd": _etcd(at),
        "kube-apiserver": _api_server(at),
        "kube-controller-manager": _controller_manager(at),
        "kube-scheduler": [f"--kubeconfig={at.kubeconfig('kube-scheduler')}", "--leader-elect=false"],
        "containerd": [f"--config={at.config / 'containerd.toml'}"],
        "kubelet": _kubelet(at),
        "kube-proxy": [f"--config={at.config / 'kube-proxy.yaml'}", f"--hostname-override={NODE}"],
        "kube-router": _network_policies(at),
    }
    return [Program(name, (str(tools[name]), *given)) for name, given in arguments.items()]


def _etcd(at: Layout) -> list[str]:
    # Without waiting for the disk: what a node of tests has stored need not survive a power cut.
    return [f"--data-dir={at.root / 'etcd'}", "--log-level=warn", "--unsafe-no-fsync"]


def _api_server(at: Layout) -> list[str]:
    config = at.config
    return [
        "--etcd-servers=http://127.0.0.1:2379",
        f"--advertise-address={NODE_ADDRESS}",
        f"--tls-cert-file={config / 'tls/server.crt'}",
        f"--tls-private-key-file={config / 'tls/server.key'}",
        f"--client-ca-file={config / 'tls/ca.crt'}",
        f"--kubelet-client-certificate={config / 'tls/client.crt'}",
        f"--kubelet-client-key={config / 'tls/client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={config / 'service-account.key'}",
        f"--service-account-signing-key-file={config / 'service-account.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--token-auth-file={config / 'tokens.csv'}",
        "--allow-privileged=true",
    ]


def _controller_manager(at: Layout) -> list[str]:
    return [
        f"--kubeconfig={at.kubeconfig('kube-controller-manager')}",
        f"--service-account-private-key-file={at.config / 'service-account.key'}",
        f"--root-ca-file={at.config / 'tls/ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_RANGE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
    ]


def _kubelet(at: Layout) -> list[str]:
    return [
        f"--config={at.config / 'kubelet.yaml'}",
        f"--kubeconfig={at.kubeconfig('kubelet')}",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
    ]


def _network_policies(at: Layout) -> list[str]:
    """kube-router as nothing but the enforcer of NetworkPolicies."""
    return [
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--kubeconfig={at.kubeconfig('kube-router')}",
        f"--hostname-override={NODE}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
    ]


def files(at: Layout) -> dict[str, str]:
    """What the programs read, by name below the folder of the configuration."""
    return {
        "kubelet.yaml": yaml.safe_dump(_kubelet_configuration(at)),
        "kube-proxy.yaml": yaml.safe_dump(_proxy_configuration(at)),
        "containerd.toml": _CONTAINERD,
        "10-bridge.conflist": json.dumps(_NETWORK, indent=2),
        "resolv.conf": "# The node reaches nobody beyond itself.\n",
    }


def _kubelet_configuration(at: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(at.config / "tls/ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{NODE}",
        "failCgroupV1": False,  # many machines, and this project's first one, have no other
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_SERVICE],
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "resolvConf": str(at.config / "resolv.conf"),
        # The disk is the machine's, not the node's: it is not for the node to make room on it.
        "evictionHard": {"memory.available": "100Mi"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }


def _proxy_configuration(at: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(at.kubeconfig("kube-proxy"))},
        "clusterCIDR": POD_RANGE,
        "mode": "iptables",
        "conntrack": {"maxPerCore": 0, "min": 0},  # a limit of the whole machine
    }


_CONTAINERD: Final = f"""version = 3
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE_IMAGE}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true  # root may lack CAP_SYS_RESOURCE, in a virtual machine for instance
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{CNI_PLUGINS}"]
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
"""

_NETWORK: Final = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods0",
            "isGateway": True,
            "ipMasq": False,  # pods reach the node and each other, and nobody else
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": POD_SUBNET}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}

SERVER_NAMES: Final = (
    NODE_ADDRESS,
    "127.0.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
