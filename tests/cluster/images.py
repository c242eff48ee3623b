"""The images of the cluster: ours from deploy/Dockerfile as it is, others' from the programs that this machine has.

No registry is asked. What deploy/Dockerfile stands on is made of Debian's packages, and NATS, CoreDNS and Flux's kustomize-controller are the
programs of the local platform on that base; each is tagged with the name that manifests ask for. Authelia is the local identity provider.
How pip finds its index is the machine's own business: its configuration and certificates are mounted while an image is built, and are
in none.

Built with buildah, kept beside the tool cache, layers that did not change are not built again.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app_platform.local import SERVICES, find_tool
from app_platform.local.paths import workspace_root
from cluster.layout import Layout, image_store
from cluster.node import within
from cluster.programs import PAUSE_IMAGE

ROOT: Final = workspace_root()
HERE: Final = Path(__file__).parent / "dockerfiles"
VERSION: Final = "0.1.0"
SUITE: Final = "bookworm"
WITH_GIT: Final = frozenset(("git-committer", "local", "cli"))
MEMBERS: Final = (*(service.name for service in SERVICES), "local", "cli")
AUTHELIA: Final = "docker.io/authelia/authelia:4.39.19"
PROGRAMS: Final = {
    "docker.io/library/nats:2.15.1-alpine": "nats-server",
    "registry.k8s.io/coredns/coredns:v1.14.6": "coredns",
    "docker.io/fluxcd/kustomize-controller:v1.9.6": "kustomize-controller",
}
_FROM_OUTSIDE: Final = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")


def reference(member: str, version: str = VERSION) -> str:
    """The image of a member of the workspace, as manifests name it."""
    return f"ghcr.io/labrats-work/app-platform-{member}:{version}"


def build_all() -> list[str]:
    """Build every image; returns their names."""
    base()
    ours = [member(name) for name in MEMBERS]
    return [*ours, *(program(image, name) for image, name in PROGRAMS.items()), pause(), authelia()]


def base() -> str:
    """What deploy/Dockerfile stands on, made once."""
    name = base_name()
    if not _has(name):
        with tempfile.TemporaryDirectory() as folder:
            packages = "python3,python3-venv,ca-certificates"
            _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", SUITE,
                 f"{folder}/base.tar")  # fmt: skip
            _build(name, HERE / "base.Dockerfile", Path(folder))
    return name


def base_name() -> str:
    """The image that deploy/Dockerfile names."""
    text = (ROOT / "deploy/Dockerfile").read_text()
    version = re.search(r"^ARG PYTHON=(\S+)$", text, re.MULTILINE)
    if version is None:
        raise ValueError("deploy/Dockerfile names no base")
    return f"docker.io/library/python:{version[1]}"


def member(name: str, version: str = VERSION) -> str:
    """The image of one member of the workspace, from deploy/Dockerfile."""
    image = reference(name, version)
    packages = "git" if name in WITH_GIT else ""
    given = (f"SERVICE={name}", f"PACKAGES={packages}", f"VERSION={version}")
    _build(image, ROOT / "deploy/Dockerfile", ROOT, given)
    return image


def program(image: str, name: str) -> str:
    """The image of one program of the local platform."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(find_tool(name, os.environ, print), Path(folder) / name)
        given = (f"BASE={base_name()}", f"PROGRAM={name}")
        _build(image, HERE / "program.Dockerfile", Path(folder), given)
    return image


def pause() -> str:
    """The image that holds a pod's namespaces."""
    with tempfile.TemporaryDirectory() as folder:
        _run(
            "go",
            "build",
            "-ldflags",
            "-s -w",
            "-o",
            f"{folder}/pause",
            str(HERE / "pause.go"),
            CGO_ENABLED="0",
        )
        _build(PAUSE_IMAGE, HERE / "pause.Dockerfile", Path(folder))
    return PAUSE_IMAGE


def authelia() -> str:
    """The image of the local identity provider under Authelia's name."""
    _build(AUTHELIA, HERE / "authelia.Dockerfile", HERE)
    return AUTHELIA


def load(at: Layout, images: Sequence[str]) -> None:
    """Put images into the node's containerd; layers that several share are written once."""
    folder = at.root / "import"
    shutil.rmtree(folder, ignore_errors=True)
    for image in images:
        _buildah("push", "--quiet", "--disable-compression", image, f"oci:{folder}:{image}")
    archive = at.root / "images.tar"
    _run("tar", "--create", f"--file={archive}", f"--directory={folder}", ".")
    tool = str(find_tool("ctr", os.environ, print))
    _run(*within(at, tool, "--namespace=k8s.io", "images", "import", "--local", str(archive)))
    shutil.rmtree(folder)
    archive.unlink()


def _build(image: str, dockerfile: Path, context: Path, arguments: Sequence[str] = ()) -> None:
    mounts = [f"--volume={file}:{file}:ro" for file in _FROM_OUTSIDE if Path(file).exists()]
    given = [f"--build-arg={each}" for each in arguments]
    # docker: the format that has health checks. chroot: a build that needs no container of its own.
    _buildah("build", "--quiet", "--layers", "--format=docker", "--isolation=chroot", "--network=host",
             "--pull=never", *mounts, *given, f"--tag={image}", f"--file={dockerfile}", str(context))  # fmt: skip


def _has(image: str) -> bool:
    found = subprocess.run([*command(), "images", "--quiet", image], capture_output=True, check=False)
    return found.returncode == 0


def _buildah(*arguments: str) -> None:
    _run(*command(), *arguments)


def command() -> list[str]:
    """Buildah with the place where the images are."""
    store = image_store()
    return ["buildah", f"--root={store / 'root'}", f"--runroot={store / 'run'}", "--storage-driver=overlay"]


def _run(*command: str, **environment: str) -> None:
    subprocess.run(command, check=True, env={**os.environ, **environment})
