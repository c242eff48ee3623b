"""Builds of the pinned Go modules in deploy/local, into the cache.

The build runs on a copy of go.mod and go.sum, so that it never writes to the checkout; go.sum still decides what code is
accepted. One build of a program runs at a time on a machine: a second caller waits and finds the result.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from app_platform.local.errors import ToolError
from app_platform.local.paths import workspace_root
from app_platform.local.tools.pins import Definition, Tool

_SMALL = "-s -w"  # no symbol tables: a third of the size


def build(tool: Tool, target: Path, environment: Mapping[str, str]) -> None:
    """Build `tool` and put it at `target`. Takes up to minutes.

    Raises:
        ToolError: Go is missing or the build failed, with the last lines of what it said.
    """
    go = _go(environment)
    with _locked(target), _module_copy() as folder:
        if target.exists():
            return
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        flags = ["-buildvcs=false", "-trimpath", "-tags", tool.tags, "-ldflags", f"{_SMALL} {tool.ldflags}"]
        settings = {**environment, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
        if tool.own_module:
            # Outside of any module; the checksum database vouches for it.
            _run(
                [go, "install", *flags, f"{tool.package}@{tool.version}"],
                folder,
                settings | {"GOBIN": str(folder)},
            )
            shutil.move(folder / tool.package.rpartition("/")[2], partial)
        else:
            _run([go, "build", "-mod=mod", *flags, "-o", str(partial), tool.package], folder, settings)
        partial.replace(target)


def fetch_definition(definition: Definition, target: Path, environment: Mapping[str, str]) -> None:
    """Copy a file of a Go module to `target`; the checksum database vouches for the module.

    Raises:
        ToolError: Go is missing, the module cannot be had, or holds no such file.
    """
    go = _go(environment)
    with tempfile.TemporaryDirectory() as folder:
        answer = _run([go, "mod", "download", "-json", definition.module], Path(folder), dict(environment))
    source = Path(json.loads(answer)["Dir"]) / definition.file
    if not source.is_file():
        raise ToolError(f"{definition.module} holds no {definition.file}")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, partial)
    partial.replace(target)


def _go(environment: Mapping[str, str]) -> str:
    found = shutil.which("go", path=environment.get("PATH", ""))
    if not found:
        raise ToolError("Go is not on PATH")
    return found


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _module_copy() -> Iterator[Path]:
    pins = workspace_root() / "deploy" / "local"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(pins / name, Path(folder) / name)
        yield Path(folder)


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    # S603: the command is put together from constants and pins.toml.
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise ToolError(f"`{' '.join(Path(part).name for part in command[:3])} …` failed:\n{tail}")
    return done.stdout
