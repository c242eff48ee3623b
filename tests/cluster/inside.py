"""The first process of the node, ``python -m cluster.inside PLAN``: mounts, addresses, programs. Needs nothing but Python.

``node.py`` starts it in namespaces of its own (processes, mounts, network, host name), so that when it ends, the kernel ends
every process of the node and takes its mounts, links and packet filter rules away. It starts each program again that ends, and collects
the processes that lost their parents.
"""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# What the kubelet would otherwise write into the kernel of the whole machine, with the values that it wants to see.
_WANTED = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_CGROUPS = Path("/sys/fs/cgroup")
_ROUTING = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")
_PAUSE_SECONDS = 1.0


def main() -> None:
    """Run the node until somebody ends this process."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    socket.sethostname(plan["name"])
    _mount(plan)
    _make_cgroups(plan["name"])
    _connect(plan)
    _run(plan)


def _mount(plan: dict[str, Any]) -> None:
    _do("mount", "--make-rprivate", "/")
    faked = Path(plan["sysctls"])
    for name, value in _WANTED.items():
        file = faked / name.replace("/", ".")
        file.write_text(f"{value}\n")
        _do("mount", "--bind", str(file), f"/proc/sys/{name}")
    for target, source in plan["private"].items():
        Path(target).mkdir(parents=True, exist_ok=True)
        _do("mount", "--bind", source, target)
    _do("mount", "--make-rshared", "/")  # the kubelet hands mounts on to containers


def _make_cgroups(name: str) -> None:
    """The cgroup below which the kubelet keeps its pods, in each hierarchy; a fresh cpuset has neither processors nor memory."""
    for hierarchy in _CGROUPS.iterdir():
        folder = hierarchy / name
        if hierarchy.is_symlink() or not (hierarchy / "cgroup.procs").exists():
            continue
        folder.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (folder / file).exists():
                (folder / file).write_text((hierarchy / file).read_text())


def _connect(plan: dict[str, Any]) -> None:
    while not Path(f"/proc/sys/net/ipv4/conf/{plan['link']}").exists():
        time.sleep(0.05)  # put here by node.py
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "address", "add", f"{plan['address']}/30", "dev", plan["link"])
    _do("ip", "link", "set", plan["link"], "up")
    _do("ip", "route", "add", "default", "via", plan["gateway"])
    for name in _ROUTING:
        Path("/proc/sys", name).write_text("1")


def _run(plan: dict[str, Any]) -> None:
    running = {_start(each, plan).pid: each for each in plan["programs"]}
    while True:
        pid, _ = os.wait()
        program = running.pop(pid, None)
        if program is not None:
            time.sleep(_PAUSE_SECONDS)
            running[_start(program, plan).pid] = program


def _start(program: dict[str, Any], plan: dict[str, Any]) -> "subprocess.Popen[bytes]":
    with Path(plan["logs"], f"{program['name']}.log").open("ab") as log:
        # S603: the command comes from programs.py.
        return subprocess.Popen(program["command"], stdout=log, stderr=log, env=plan["environment"])


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
