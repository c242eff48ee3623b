"""In which order programs are looked for, and what is said when none is found."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from app_platform.local import ToolError, find_tool
from app_platform.local.tools import lookup, pinned_tools, tool
from app_platform.local.tools.fetch import download
from app_platform.local.tools.lookup import Search, from_download, program_version
from app_platform.local.tools.pins import Archive


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


class Machine:
    """A machine on which some steps can succeed; `etcd` is what is looked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"XDG_CACHE_HOME": str(root / "cache"), "PATH": str(root / "path"), "HOME": str(root)}
        self.said: list[str] = []

    def on_path(self, version: str) -> Path:
        return program(self.root / "path" / "etcd", f"etcd Version: {version}")

    def in_cache(self, version: str = tool("etcd").version) -> Path:
        return program(self.root / "cache" / "app-platform" / "tools" / "etcd" / version / "etcd", version)

    def in_assets(self) -> Path:
        self.env["KUBEBUILDER_ASSETS"] = str(self.root / "assets")
        return program(self.root / "assets" / "etcd", "any")

    def explicit(self) -> Path:
        self.env["APP_PLATFORM_TOOL_ETCD"] = str(self.root / "mine")
        return program(self.root / "mine", "any")

    def find(self, name: str = "etcd") -> Path:
        return find_tool(name, self.env, self.said.append)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_each_place_beats_the_later_ones(machine: Machine) -> None:
    cached = machine.in_cache()
    assert machine.find() == cached
    on_path = machine.on_path("3.6.0")
    assert machine.find() == on_path
    assets = machine.in_assets()
    assert machine.find() == assets
    explicit = machine.explicit()
    assert machine.find() == explicit
    assert machine.said == []


def test_a_program_on_path_that_is_too_old_is_passed_over(machine: Machine) -> None:
    machine.on_path("3.4.27")
    cached = machine.in_cache()
    assert machine.find() == cached


def test_a_program_on_path_that_says_no_version_is_passed_over(machine: Machine) -> None:
    machine.on_path("unknown")
    cached = machine.in_cache()
    assert machine.find() == cached


def test_an_explicit_path_that_is_wrong_is_an_error_and_not_passed_over(machine: Machine) -> None:
    machine.in_cache()
    machine.env["APP_PLATFORM_TOOL_ETCD"] = "/nowhere/etcd"
    with pytest.raises(ToolError, match="APP_PLATFORM_TOOL_ETCD=/nowhere/etcd is not an executable file"):
        machine.find()


def test_an_assets_folder_without_the_program_is_passed_over(machine: Machine) -> None:
    machine.env["KUBEBUILDER_ASSETS"] = str(machine.root)
    cached = machine.in_cache()
    assert machine.find() == cached


def test_what_was_downloaded_before_counts_as_cached(machine: Machine) -> None:
    archive = Archive("v9.9.9", "https://localhost/none", "0", "etcd")
    wanted = replace(tool("etcd"), archive=archive)
    path = machine.in_cache("v9.9.9")
    assert lookup.in_cache(wanted, Search(machine.env, machine.said.append)) == path


def test_when_nothing_works_all_choices_are_listed(machine: Machine) -> None:
    with pytest.raises(ToolError) as caught:
        machine.find("sops")
    message = str(caught.value)
    for part in ("APP_PLATFORM_TOOL_SOPS", "3.9.0 or later on PATH", "put it at", "Go is not on PATH"):
        assert part in message
    assert any(line.startswith("building sops v3.13.3 (once, about ") for line in machine.said)


def test_an_unknown_tool_is_answered_with_the_known_ones(machine: Machine) -> None:
    with pytest.raises(ToolError, match="there are: etcd, kube-apiserver"):
        machine.find("docker")


def test_every_tool_can_be_had_without_any_preparation() -> None:
    for each in pinned_tools().values():
        assert each.package or each.wheel, each.name
        assert not each.minimum or each.version_arguments, each.name


def packed(folder: Path, member: str) -> tuple[str, str]:
    """A tar.gz with one member; its URL and checksum."""
    path = folder / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(member)
        entry.size = 7
        archive.addfile(entry, io.BytesIO(b"program"))
    return path.as_uri(), hashlib.sha512(path.read_bytes()).hexdigest()


def test_a_download_is_unpacked_and_executable(tmp_path: Path) -> None:
    url, digest = packed(tmp_path, "bin/etcd")
    target = tmp_path / "cache" / "etcd"
    download(Archive("v1.0.0", url, digest, "bin/etcd"), target)
    assert target.read_bytes() == b"program"
    assert target.stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("digest", "member", "reason"),
    [("0" * 128, "bin/etcd", "checksum"), (None, "bin/other", "holds no file bin/other")],
)
def test_a_download_that_is_not_what_was_pinned_leaves_nothing(
    tmp_path: Path, digest: str | None, member: str, reason: str
) -> None:
    url, right = packed(tmp_path, "bin/etcd")
    target = tmp_path / "cache" / "etcd"
    with pytest.raises(ToolError, match=reason):
        download(Archive("v1.0.0", url, digest or right, member), target)
    assert list(target.parent.iterdir()) == []


def test_a_download_that_cannot_be_had_is_a_reason_and_not_an_error(machine: Machine) -> None:
    archive = Archive("v1.0.0", (machine.root / "none").as_uri(), "0", "etcd")
    found = from_download(replace(tool("etcd"), archive=archive), Search(machine.env, machine.said.append))
    assert isinstance(found, str)
    assert "No such file" in found


def test_a_program_that_fails_has_no_version(tmp_path: Path) -> None:
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\necho 9.9.9\nexit 1\n")
    failing.chmod(0o755)
    assert program_version([str(failing)]) is None
    assert program_version([str(tmp_path / "absent")]) is None
