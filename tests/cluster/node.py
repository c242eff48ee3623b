"""A Kubernetes node with its control plane, in namespaces of its own on this machine: ``up`` and ``down``. Needs root on Linux.

Guarantees: when its first process ends, so does every process, mount, link and packet filter rule of the node; what is left
is its cgroup, which ``down`` removes, and its folder. The machine's own packet filter, sysctls and mounts are never written to.
Leaves out: a way out into the internet, for the node and its pods.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from app_platform.local import certificates, find_tool
from app_platform.local.identities import keep_signing_key, keep_tokens, token_file, write_private
from app_platform.local.kubeconfig import local_kubeconfig
from cluster.layout import (
    API_SERVER,
    API_SERVICE,
    HOST_ADDRESS,
    HOST_LINK,
    NODE,
    NODE_ADDRESS,
    POD_RANGE,
    SERVICE_RANGE,
    Layout,
)
from cluster.programs import CNI_PLUGINS, IDENTITIES, SERVER_NAMES, TOOLS, files, programs

_DEBIAN: Final = {
    "buildah": "buildah",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "runc": "runc",
    "unshare": "util-linux",
}
"""Programs of the machine, by the Debian package that has them."""

_NAMESPACES: Final = (
    "--net",
    "--mount",
    "--uts",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)
_CGROUPS: Final = Path("/sys/fs/cgroup")
_LINK: Final = "eth0"
_PATIENCE: Final = 60.0


def missing() -> list[str]:
    """What must be there first and is not, as one line each for whoever reads it."""
    packages = sorted({package for program, package in _DEBIAN.items() if not shutil.which(program)})
    if not Path(CNI_PLUGINS, "bridge").exists():
        packages.append("containernetworking-plugins")
    lines = [] if os.geteuid() == 0 else ["run as root: a node makes namespaces and mounts"]
    return lines + ([f"apt-get install --no-install-recommends {' '.join(packages)}"] if packages else [])


def up(at: Layout) -> None:
    """Start the node, unless it runs."""
    if pid(at):
        return
    tools = {name: find_tool(name, os.environ, print) for name in TOOLS}
    _furnish(at)
    at.plan.write_text(json.dumps(_plan(at, tools)))
    holder = _detached(at, "unshare", *_NAMESPACES, sys.executable, "-m", "cluster.inside", str(at.plan))
    first = _child(holder)
    at.pid.write_text(str(first))
    _link(first)


def down(at: Layout) -> None:
    """End the node and forget all that it stored."""
    running = pid(at)
    if running:
        os.kill(running, signal.SIGKILL)
        _until(lambda: not pid(at), "the node ended")
    _until(_without_cgroups, "the node's cgroups are empty")
    shutil.rmtree(at.root, ignore_errors=True)


def pid(at: Layout) -> int:
    """The first process of the node; 0 when it does not run."""
    if not at.pid.exists():
        return 0
    number = int(at.pid.read_text())
    command = Path(f"/proc/{number}/cmdline")
    return number if command.exists() and b"cluster.inside" in command.read_bytes() else 0


def within(at: Layout, *command: str) -> list[str]:
    """A command as it has to be run to take place on the node."""
    return ["nsenter", f"--target={pid(at)}", "--mount", "--net", "--pid", *command]


def _furnish(at: Layout) -> None:
    folders = (at.config, at.logs, at.volumes, at.root / "sysctls", *at.private().values())
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    at.root.chmod(0o700)
    certificates.keep(at.config / "tls", (API_SERVICE, *SERVER_NAMES))
    keep_signing_key(at.config / "service-account.key")
    tokens = keep_tokens(at.config / "tokens.json", [each.name for each in IDENTITIES])
    write_private(at.config / "tokens.csv", token_file(list(IDENTITIES), tokens))
    for each in IDENTITIES:
        text = local_kubeconfig(API_SERVER, at.config / "tls/ca.crt", each.name, tokens[each.name])
        write_private(at.kubeconfig(each.name), text)
    for name, text in files(at).items():
        (at.config / name).write_text(text)
    network = at.private()["/etc/cni"] / "net.d"
    network.mkdir(exist_ok=True)
    shutil.copy(at.config / "10-bridge.conflist", network)


def _plan(at: Layout, tools: Mapping[str, Path]) -> dict[str, object]:
    found = os.pathsep.join(str(tools[name].parent) for name in ("containerd-shim-runc-v2", "ctr"))
    return {
        "name": NODE,
        "link": _LINK,
        "address": NODE_ADDRESS,
        "gateway": HOST_ADDRESS,
        "logs": str(at.logs),
        "sysctls": str(at.root / "sysctls"),
        "private": {path: str(source) for path, source in at.private().items()},
        "programs": [{"name": each.name, "command": each.command} for each in programs(at, tools)],
        "environment": {"PATH": f"{found}:/usr/sbin:/usr/bin:/sbin:/bin"},
    }


def _detached(at: Layout, *command: str) -> int:
    """Start a command that outlives this process; its process id."""
    log = str(at.logs / "node.log")
    outputs = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, outputs, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return os.posix_spawnp(command[0], command, environment, file_actions=actions, setsid=True)


def _child(holder: int) -> int:
    children = Path(f"/proc/{holder}/task/{holder}/children")
    _until(lambda: bool(children.read_text().strip()), "unshare started the node")
    return int(children.read_text().split()[0])


def _link(first: int) -> None:
    _ip("link", "add", HOST_LINK, "type", "veth", "peer", "name", _LINK, "netns", str(first))
    _ip("address", "add", f"{HOST_ADDRESS}/30", "dev", HOST_LINK)
    _ip("link", "set", HOST_LINK, "up")
    for subnet in (POD_RANGE, SERVICE_RANGE):
        _ip("route", "add", subnet, "via", NODE_ADDRESS)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _without_cgroups() -> bool:
    """Whether no cgroup of the node is left; removes those that are empty."""
    found = [folder for folder in _CGROUPS.glob(f"*/{NODE}") if folder.is_dir()]
    for folder in found:
        for each in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            _remove(each)
        _remove(folder)
    return not any(folder.exists() for folder in found)


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # a process in it has not quite ended


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_PATIENCE:.0f} s: {what}")
        time.sleep(0.1)
