"""The pinned programs, read from pins.toml beside this file."""

import platform
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from app_platform.local.errors import ToolError

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class Archive:
    """An official download: a tar.gz that holds the program as `member`."""

    version: str
    url: str
    sha512: str
    member: str


@dataclass(frozen=True)
class Tool:
    """One program: the version we want and the ways in which it may be had.

    Attributes:
        own_module: Whether it is built with what its own module requires, and not with deploy/local/go.mod.
        tags: Build tags, separated by commas; they leave out what is not needed here.
    """

    name: str
    version: str
    package: str = ""
    ldflags: str = ""
    tags: str = ""
    seconds: int = 0
    wheel: str = ""
    minimum: str = ""
    version_arguments: tuple[str, ...] = ()
    kubebuilder: bool = False
    optional: bool = False
    own_module: bool = False
    archive: Archive | None = None

    @property
    def variable(self) -> str:
        """The environment variable that names the program explicitly."""
        return "APP_PLATFORM_TOOL_" + self.name.upper().replace("-", "_")


@dataclass(frozen=True)
class Definition:
    """A file of custom resource definitions inside a Go module (`path@version`)."""

    module: str
    file: str


def this_platform() -> str:
    """This machine as Go names it, for example `linux/amd64`."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{_MACHINES.get(machine, machine)}"


def tool(name: str) -> Tool:
    """The pinned tool of that name.

    Raises:
        ToolError: there is none.
    """
    tools = pinned_tools()
    if name not in tools:
        raise ToolError(f"no tool is called {name!r}; there are: {', '.join(tools)}")
    return tools[name]


@cache
def pinned_tools() -> Mapping[str, Tool]:
    """All pinned tools by name, with the downloads for this machine."""
    pins = _pins()
    return {name: _tool(name, fields, pins["archives"]) for name, fields in pins["tools"].items()}


@cache
def pinned_definitions() -> tuple[Definition, ...]:
    """The custom resource definitions of Flux."""
    return tuple(Definition(**fields) for fields in _pins()["definitions"])


def _pins() -> dict[str, Any]:
    return tomllib.loads((files(__package__) / "pins.toml").read_text())


def _tool(name: str, fields: dict[str, Any], archives: dict[str, Any]) -> Tool:
    fields = dict(fields)
    archive = _archive(name, archives[fields.pop("archive")]) if "archive" in fields else None
    arguments = tuple(fields.pop("version_arguments", ()))
    return Tool(name=name, archive=archive, version_arguments=arguments, **fields)


def _archive(name: str, fields: dict[str, Any]) -> Archive | None:
    here = fields["platforms"].get(this_platform())
    return here and Archive(version=fields["version"], member=fields["member"].format(tool=name), **here)
