"""Where the local platform keeps things: the state directory, the tool cache, the workspace.

Only names of files are decided here; nothing is created except by `StateDir.create`.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app_platform.local.errors import StateError

_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 bytes on Linux and 104 on macOS


@dataclass(frozen=True)
class StateDir:
    """The files of one platform, all under `root` (absolute)."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "StateDir":
        """The state directory at `path`, made absolute."""
        return cls(path.expanduser().resolve())

    def create(self) -> None:
        """Make the directories. Only the owner may read them: they hold tokens and keys."""
        for folder in (self.root, self.logs, self.data, self.config, self.bin):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def logs(self) -> Path:
        """One file per program, and supervisor.log."""
        return self.root / "log"

    @property
    def data(self) -> Path:
        """What `reset` forgets: etcd, JetStream, repositories, artifacts."""
        return self.root / "data"

    @property
    def config(self) -> Path:
        """Generated configuration, tokens, keys, kubeconfigs."""
        return self.root / "config"

    @property
    def nats_keys(self) -> Path:
        """The key of each NATS identity."""
        return self.config / "nats"

    @property
    def nats_config(self) -> Path:
        """nats-server's configuration."""
        return self.config / "nats.conf"

    @property
    def certificates(self) -> Path:
        """What NATS and its clients show each other over TLS."""
        return self.config / "tls"

    @property
    def bin(self) -> Path:
        """Links to the tools that were found, to be put on a PATH."""
        return self.root / "bin"

    @property
    def scratch(self) -> Path:
        """Temporary files of the programs; emptied when the supervisor starts, as killed ones leave theirs."""
        return self.root / "tmp"

    @property
    def env_file(self) -> Path:
        """What users and tests need to reach the platform."""
        return self.root / "env"

    @property
    def prometheus_config(self) -> Path:
        """What Prometheus scrapes, if it runs."""
        return self.config / "prometheus.yml"

    @property
    def users_file(self) -> Path:
        """Who may sign in, in Authelia's format; the user's own to change."""
        return self.config / "users.yml"

    @property
    def ssh_host_key(self) -> Path:
        """The Git server's own SSH key."""
        return self.config / "git-ssh-host.key"

    @property
    def known_hosts(self) -> Path:
        """By which SSH knows the Git server, and GitHub."""
        return self.config / "known_hosts"

    @property
    def ports_file(self) -> Path:
        """The port of each listener, chosen once."""
        return self.root / "ports.json"

    @property
    def options_file(self) -> Path:
        """The options that must not change while data is kept."""
        return self.root / "options.json"

    @property
    def layout_file(self) -> Path:
        """Which layout this directory has; see ``layout``."""
        return self.root / "layout"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor did and why."""
        return self.logs / "supervisor.log"

    @property
    def control_socket(self) -> Path:
        """The supervisor's Unix socket; elsewhere when the path would be too long for the kernel."""
        socket = self.root / "control.sock"
        if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH:
            return socket
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"app-platform-{os.getuid()}-{digest}.sock"

    def kubeconfig(self, identity: str) -> Path:
        """The kubeconfig of one identity, such as `admin` or `watcher`."""
        return self.config / f"kubeconfig-{identity}.yaml"

    def log(self, child: str) -> Path:
        """The log of one program."""
        return self.logs / f"{child}.log"


def cache_dir(environment: Mapping[str, str]) -> Path:
    """The tool cache: `$XDG_CACHE_HOME/app-platform/tools`, by default under `~/.cache`."""
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME", "~")).expanduser() / ".cache"
    return Path(base) / "app-platform" / "tools"


def workspace_root() -> Path:
    """The checkout that holds `deploy/local/go.mod`.

    Raises:
        StateError: this library runs from outside a checkout.
    """
    for start in (Path(__file__).resolve(), Path.cwd() / "any"):
        for folder in start.parents:
            if (folder / "deploy" / "local" / "go.mod").is_file():
                return folder
    raise StateError(
        "deploy/local/go.mod is nowhere above this library or the current folder: run from a checkout"
    )
