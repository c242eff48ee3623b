"""Finds each program, in an order that lets users decide and everybody else not care.

1. the variable APP_PLATFORM_TOOL_<NAME>, and then KUBEBUILDER_ASSETS: taken as they are, somebody chose them;
2. PATH, if the version is recent enough;
3. what is here already: the wheel in this Python environment, the cache;
4. the pinned official download, where there is one for this machine;
5. a build of the pinned Go module.

Each step gives a path or the reason why not; when none works the reasons become one message. Slow steps say so before
they begin.
"""

import os
import re
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app_platform.local.errors import ToolError
from app_platform.local.paths import cache_dir
from app_platform.local.tools.build import build, fetch_definition
from app_platform.local.tools.fetch import download
from app_platform.local.tools.pins import Definition, Tool, pinned_definitions, tool

Report = Callable[[str], None]
Found = Path | str  # a path, or the reason why there is none

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Search:
    """What a lookup may look at: the environment, the cache, and where progress goes."""

    environment: Mapping[str, str]
    report: Report

    @property
    def cache(self) -> Path:
        """The tool cache."""
        return cache_dir(self.environment)


def find_tool(name: str, environment: Mapping[str, str], report: Report) -> Path:
    """The program `name`, fetched or built if need be.

    Args:
        name: as in pins.toml.
        environment: of the user; `os.environ` but in tests.
        report: gets a line when something slow begins or ends.

    Raises:
        ToolError: no way worked; the message lists them all and what each would need.
    """
    wanted = tool(name)
    search = Search(environment, report)
    reasons = []
    for step in STEPS:
        found = step(wanted, search)
        if isinstance(found, Path):
            return found
        reasons.append(found)
    choices = "\n".join(f"  - {reason}" for reason in reasons if reason)
    raise ToolError(
        f"{name} {wanted.version} is needed. Each way to get it, and why it did not work:\n{choices}"
    )


def find_definitions(environment: Mapping[str, str], report: Report) -> list[Path]:
    """The files of Flux's custom resource definitions.

    Raises:
        ToolError: see `find_definition`.
    """
    return [find_definition(each, environment, report) for each in pinned_definitions()]


def find_definition(definition: Definition, environment: Mapping[str, str], report: Report) -> Path:
    """A file of custom resource definitions: from the cache, or else from its Go module.

    Raises:
        ToolError: the module cannot be had; the message names the place to put the file instead.
    """
    path = cache_dir(environment) / "definitions" / definition.module / Path(definition.file).name
    if not path.exists():
        report(f"fetching {path.name} from {definition.module} …")
        try:
            fetch_definition(definition, path, environment)
        except ToolError as error:
            raise ToolError(f"{error}\nInstall Go, or put that file at {path}") from error
    return path


def explicit(wanted: Tool, search: Search) -> Found:
    """The program that APP_PLATFORM_TOOL_<NAME> names; a wrong path is an error, since somebody meant it."""
    value = search.environment.get(wanted.variable)
    if not value:
        return f"set {wanted.variable} to its path"
    if not _is_program(Path(value)):
        raise ToolError(f"{wanted.variable}={value} is not an executable file")
    return Path(value).resolve()


def kubebuilder_assets(wanted: Tool, search: Search) -> Found:
    """The program in the folder KUBEBUILDER_ASSETS, as Kubernetes test tools use it."""
    if not wanted.kubebuilder:
        return ""
    folder = search.environment.get("KUBEBUILDER_ASSETS")
    path = Path(folder or ".").resolve() / wanted.name
    if folder and _is_program(path):
        return path
    return "set KUBEBUILDER_ASSETS to a folder that holds it" + (f" ({path} is not there)" if folder else "")


def on_path(wanted: Tool, search: Search) -> Found:
    """The program on PATH, if it says a version that is recent enough."""
    if not wanted.minimum:
        return ""
    advice = f"put version {wanted.minimum} or later on PATH"
    found = shutil.which(wanted.name, path=search.environment.get("PATH", ""))
    if not found:
        return advice
    version = program_version([found, *wanted.version_arguments])
    minimum = parse_version(wanted.minimum)
    if version and minimum and version >= minimum:
        return Path(found)
    said = ".".join(map(str, version)) if version else "no version that could be understood"
    return f"{advice} ({found} says {said})"


def in_wheel(wanted: Tool, _search: Search) -> Found:
    """The program that a Python package of this environment installed."""
    if not wanted.wheel:
        return ""
    path = Path(sysconfig.get_path("scripts")) / wanted.name
    return path if _is_program(path) else f"install the Python package {wanted.wheel} into this environment"


def in_cache(wanted: Tool, search: Search) -> Found:
    """What an earlier build or download left."""
    versions = [wanted.version] + ([wanted.archive.version] if wanted.archive else [])
    paths = [_cached(wanted, version, search) for version in versions]
    return next((path for path in paths if _is_program(path)), f"put it at {paths[0]}")


def from_download(wanted: Tool, search: Search) -> Found:
    """The pinned official download."""
    archive = wanted.archive
    if archive is None:
        return ""
    target = _cached(wanted, archive.version, search)
    what = f"downloading {wanted.name} {archive.version}"
    return _attempt(what, lambda: download(archive, target), target, search.report)


def from_build(wanted: Tool, search: Search) -> Found:
    """A build of the pinned Go module."""
    if not wanted.package:
        return ""
    target = _cached(wanted, wanted.version, search)
    what = f"building {wanted.name} {wanted.version} (once, about {wanted.seconds} s)"
    return _attempt(what, lambda: build(wanted, target, search.environment), target, search.report)


STEPS: tuple[Callable[[Tool, Search], Found], ...] = (
    explicit,
    kubebuilder_assets,
    on_path,
    in_wheel,
    in_cache,
    from_download,
    from_build,
)


def program_version(command: list[str]) -> tuple[int, ...] | None:
    """The first version in what `command` prints; none if it prints none, fails or hangs."""
    try:
        # S603: the command is a program on the user's own PATH with arguments from pins.toml.
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(done.stdout + done.stderr)


def parse_version(text: str) -> tuple[int, ...] | None:
    """The first `1.2.3` in a text, as numbers.

    >>> parse_version("etcd Version: 3.6.8")
    (3, 6, 8)
    """
    match = _VERSION.search(text)
    return tuple(int(part) for part in match.groups()) if match else None


def _attempt(what: str, work: Callable[[], None], target: Path, report: Report) -> Found:
    report(f"{what} …")
    started = time.monotonic()
    try:
        work()
    except ToolError as error:
        report(f"{what}: did not work")
        return f"{what}: {error}"
    report(f"{what}: done in {time.monotonic() - started:.0f} s")
    return target


def _cached(wanted: Tool, version: str, search: Search) -> Path:
    return search.cache / wanted.name / version / wanted.name


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
