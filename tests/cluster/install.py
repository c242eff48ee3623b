"""Installs the platform on the node as docs/install.md says: the commands of that page, as they stand there.

What the page presupposes is made first: names and disks of the cluster, Flux, a Git server, Authelia with its Secret. Taken out of the page
are its shell blocks below "On a cluster"; changed in them is only the overlay, since its settings are the reader's to make.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app_platform.local import compose, find_tool
from app_platform.local.identities import write_private
from app_platform.local.paths import workspace_root
from app_platform.local.tools import find_definitions
from app_platform.local.tools.build import fetch_definition
from app_platform.local.tools.pins import Definition
from cluster.layout import Layout
from cluster.programs import ADMIN

ROOT: Final = workspace_root()
MANIFESTS: Final = Path(__file__).parent / "manifests"
SYSTEM: Final = "app-platform-system"
SINGLE_NODE: Final = "single-node"
PAGES_OVERLAY: Final = "deploy/overlays/single-node"
OTHER_OVERLAY: Final = "deploy/overlays/high-availability"
NAMESPACES: Final = ("kube-system", "forge", "flux-system", SYSTEM, "authelia")
DISKS: Final = 4
PATIENCE: Final = 240.0
_RELEASE: Final = re.compile(
    r"  - https://(?P<module>github\.com/fluxcd/(?P<name>[a-z-]+))/releases/download/(?P<version>v[0-9.]+)/[a-z-]+"
    r"\.(?P<what>crds|deployment)\.yaml\n"
)
_BLOCK: Final = re.compile(r"^(?P<indent> *)```sh\n(?P<text>.*?)^ *```", re.MULTILINE | re.DOTALL)


class Installation:
    """The platform on one node.

    Args:
        at: the node.
        overlay: name of the folder in deploy/overlays.
    """

    def __init__(self, at: Layout, overlay: str = SINGLE_NODE) -> None:
        self.at, self.overlay = at, overlay
        self.work = at.root / "install"
        self.env = {
            "HOME": os.environ["HOME"],
            "KUBECONFIG": str(at.kubeconfig(ADMIN)),
            "PATH": os.pathsep.join(
                [
                    str(Path(sys.executable).parent),
                    str(find_tool("kubectl", os.environ, print).parent),
                    os.environ["PATH"],
                ]
            ),
        }

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl as administrator; returns what it printed."""
        return self.run("kubectl", *arguments)

    def ready(self, *namespaces: str) -> None:
        """Wait until every Deployment and StatefulSet of some namespaces is rolled out; of all that are installed, if none is named."""
        for namespace in namespaces or NAMESPACES:
            for each in self.kubectl(
                "-n", namespace, "get", "deployments,statefulsets", "-o", "name"
            ).split():
                self.kubectl("-n", namespace, "rollout", "status", each, f"--timeout={PATIENCE:.0f}s")

    def prepare(self) -> None:
        """What docs/install.md presupposes."""
        self.work.mkdir(exist_ok=True)
        self._until_served("/readyz")
        for number in range(DISKS):
            (self.at.volumes / f"disk-{number}").mkdir(exist_ok=True)
        self._apply("node", {"%VOLUMES%": str(self.at.volumes)})
        self._definitions()
        self._flux()
        self._forge()
        self._authelia()

    def install(self) -> None:
        """Run the page's commands."""
        (self.work / "deploy").unlink(missing_ok=True)
        (self.work / "deploy").symlink_to(ROOT / "deploy")
        write_private(self.work / "private-key.pem", _private_key())
        *credentials, apply = commands()
        for each in credentials:
            self._shell(each)
        self._committer_token()
        if PAGES_OVERLAY not in apply:
            raise InstallationError(f"docs/install.md ends without applying {PAGES_OVERLAY}")
        self._shell(apply.replace(PAGES_OVERLAY, str(self.choose(self.overlay))))

    def choose(self, overlay: str) -> Path:
        """The folder to apply for an overlay of deploy/overlays, with the settings of this cluster."""
        below = os.path.relpath(ROOT / "deploy/overlays" / overlay, self._made("platform"))
        return self.filled("platform", {"%OVERLAY%": below})

    def become_highly_available(self) -> None:
        """Install that overlay over the one that is there, by the page's commands for it."""
        (change,) = (each for each in other_commands() if OTHER_OVERLAY in each)
        self._shell(change.replace(OTHER_OVERLAY, str(self.choose("high-availability"))))
        self.overlay = "high-availability"

    def filled(self, name: str, values: dict[str, str]) -> Path:
        """A folder of manifests with its placeholders filled in."""
        made = self._made(name)
        shutil.copytree(MANIFESTS / name, made, dirs_exist_ok=True)
        for file in made.iterdir():
            text = file.read_text()
            for mark, value in values.items():
                text = text.replace(mark, value)
            file.write_text(text)
        return made

    def _made(self, name: str) -> Path:
        return self.work / "manifests" / name

    def _definitions(self) -> None:
        for file in find_definitions(os.environ, print):
            self.kubectl("apply", "--server-side", "-f", str(file))

    def _flux(self) -> None:
        """deploy/compose/flux, its release files from the modules that they are made of."""
        folder = self._made("flux-releases")
        shutil.copytree(ROOT / "deploy/compose/flux", folder, dirs_exist_ok=True)
        kustomization = folder / "kustomization.yaml"
        kustomization.write_text(
            _RELEASE.sub(lambda release: _released(release, folder), kustomization.read_text())
        )
        self._apply("flux", {"%FLUX%": "../flux-releases"})

    def _forge(self) -> None:
        self._apply("forge", {})
        self.token = secrets.token_urlsafe(32)
        self.webhook = secrets.token_urlsafe(32)
        self._secret(
            "forge",
            "git",
            f"--from-literal=app_platform_git_token={self.token}",
            f"--from-literal=app_platform_git_webhook_secret={self.webhook}",
        )

    def _authelia(self) -> None:
        made = self.work / "authelia"
        compose.furnish(made)
        self.kubectl("apply", "-f", str(ROOT / "deploy/kubernetes/authelia/namespace.yaml"))
        self._secret(
            "authelia",
            "authelia",
            f"--from-file={made / 'cluster/authelia'}",
            f"--from-file=users.yml={ROOT / 'deploy/local/users.yml'}",
        )
        self.kubectl("apply", "--server-side", "-k", str(ROOT / "deploy/compose/authelia"))

    def _committer_token(self) -> None:
        """The page's Secret, with what the local Git server wants besides."""
        self._secret(
            SYSTEM,
            "git-committer",
            f"--from-file={self.work / 'private-key.pem'}",
            f'--from-literal=webhook-secrets=["{self.webhook}"]',
            f"--from-literal=forge-token={self.token}",
        )

    def _secret(self, namespace: str, name: str, *content: str) -> None:
        made = self.kubectl(
            "-n", namespace, "create", "secret", "generic", name, *content, "--dry-run=client", "-o", "yaml"
        )
        self.run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", "-", text=made)

    def _apply(self, name: str, values: dict[str, str]) -> None:
        self.kubectl("apply", "--server-side", "-k", str(self.filled(name, values)))

    def _until_served(self, path: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.kubectl("get", "--raw", path)
            except InstallationError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return

    def _shell(self, text: str) -> None:
        self.run("bash", "-euo", "pipefail", "-c", text)

    def run(self, *command: str, text: str | None = None) -> str:
        done = subprocess.run(
            command, env=self.env, cwd=self.work, input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise InstallationError(f"{' '.join(command[:4])} …: {done.stderr.strip()}")
        return done.stdout


class InstallationError(Exception):
    """A command of the installation failed; the message is what it said."""


def commands() -> list[str]:
    """The shell blocks in the numbered steps of docs/install.md below "On a cluster"."""
    return [textwrap.dedent(block["text"]) for block in _blocks() if block["indent"]]


def other_commands() -> list[str]:
    """Those after the steps, for what comes later."""
    return [block["text"] for block in _blocks() if not block["indent"]]


def _blocks() -> Iterator[re.Match[str]]:
    _, _, section = (ROOT / "docs/install.md").read_text().partition("\n## On a cluster\n")
    return _BLOCK.finditer(section)


def _released(release: re.Match[str], folder: Path) -> str:
    """The line of a kustomization in the place of one that names a file of a release; definitions are applied by themselves."""
    if release["what"] == "crds":
        return ""
    file = f"{release['name']}.yaml"
    source = Definition(f"{release['module']}@{release['version']}", "config/manager/deployment.yaml")
    fetch_definition(source, folder / file, os.environ)
    return f"  - {file}\n"


def _private_key() -> str:
    """As GitHub makes one for an App; nobody knows it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(pem, form, serialization.NoEncryption()).decode()
