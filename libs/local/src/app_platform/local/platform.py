"""The platform as one object: `up`, `down`, `reset`, its environment and the control of its processes.

`up` finds the programs, writes configuration, starts the supervisor and then tier after tier, and returns when
everything is ready. It can be repeated at any time: what runs is left alone, what has changed is restarted, data is
kept. Several platforms with different state directories do not know of each other.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from app_platform.kube import ClusterConfig, ConfigError, KubeClient, KubeError
from app_platform.local import certificates, observing
from app_platform.local import ports as port_choice
from app_platform.local.bootstrap import (
    authelia_manifests,
    bootstrap,
    read_manifests,
    require_no_flux,
    with_local_settings,
)
from app_platform.local.envfile import read_env, write_env
from app_platform.local.errors import ClusterError, ControlError, StateError
from app_platform.local.identities import (
    administrator,
    keep_host_key,
    keep_signing_key,
    keep_tokens,
    service_account,
    token_file,
    write_private,
)
from app_platform.local.kubeconfig import cut_out, local_kubeconfig
from app_platform.local.layout import keep_layout
from app_platform.local.listeners import listener_names
from app_platform.local.options import SERVICES, Options, require_importable
from app_platform.local.paths import StateDir, workspace_root
from app_platform.local.programs import (
    API,
    CONTROLLERS,
    STORES,
    Site,
    children,
    nats_config,
    tool_names,
    user_env,
)
from app_platform.local.supervise import Child, Control
from app_platform.local.tools import find_definitions, find_tool
from app_platform.runtime import accounts

Report = Callable[[str], None]

_READY_SECONDS = 120.0
_DAEMON_SECONDS = 15.0


def _silence(_line: str) -> None:
    """Report nothing."""


class Platform:
    """One local platform.

    Args:
        state_dir: everything of it lies here.
        options: see `Options`.
        environment: of the user.
        report: gets short lines about progress.
    """

    def __init__(
        self,
        state_dir: Path,
        options: Options | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        report: Report = _silence,
    ) -> None:
        self.state = StateDir.at(state_dir)
        self.options = options or Options()
        self.control = Control(self.state)
        self._environment = environment
        self._report = report
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> Mapping[str, str]:
        """What `.local/env` says; empty before the first `up`."""
        return read_env(self.state.env_file)

    def up(self) -> None:
        """Start whatever does not run yet; returns when all is ready. Must not be called inside an event loop.

        Raises:
            LocalError: with what to change; what has been started keeps running, so that it can be looked at.
        """
        started = time.monotonic()
        require_importable(self.options.services)
        self.state.create()
        self._keep_options()
        needed = [*tool_names(self.options), *observing.names(self.options)]
        tools = {name: find_tool(name, self._environment, self._report) for name in needed}
        definitions = find_definitions(self._environment, self._report)
        site = self._prepare(tools)
        table = [*children(site), *observing.children(site)]
        self._start_daemon(site)
        self.control.load(table)
        for tier in (STORES, API):
            self._start_tier(table, tier)
        with self._step("cluster prepared"):
            asyncio.run(self._bootstrap(definitions))
        self._start_tier(table, CONTROLLERS)
        urls = {f"{name.upper()}_URL": site.url(name) for name in observing.names(self.options)}
        write_env(self.state.env_file, user_env(site) | urls)
        self._report(f"up after {time.monotonic() - started:.1f} s: see {self.state.env_file}")

    def down(self) -> None:
        """End everything; returns when nothing of it is left. Data stays."""
        with contextlib.suppress(ControlError):
            self.control.shutdown()
        self._wait_unlocked()
        if self._daemon:
            self._daemon.wait()
            self._daemon = None

    def reset(self) -> None:
        """`down`, and forget all data, ports and tokens.

        Raises:
            StateError: the directory holds something, but not a platform: it is not ours to remove.
        """
        self.down()
        root = self.state.root
        if root.exists() and any(root.iterdir()) and not self.state.options_file.exists():
            raise StateError(
                f"{root} does not look like the state of a platform: remove it yourself if it is"
            )
        shutil.rmtree(self.state.root, ignore_errors=True)

    def _wait_unlocked(self) -> None:
        """Wait until the supervisor has let go of its lock, which it does last."""
        if self.state.lock_file.exists():
            with self.state.lock_file.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)

    def _keep_options(self) -> None:
        """Refuse to mix the data of a local cluster with that of an existing one, or of another version."""
        keep_layout(self.state)
        file = self.state.options_file
        kept = json.loads(file.read_text())["cluster"] if file.exists() else self.options.cluster
        if kept != self.options.cluster:
            raise StateError(
                f"{self.state.root} belongs to {_cluster(kept)}, not {_cluster(self.options.cluster)}: "
                "run `reset` first, or use another --state-dir"
            )
        file.write_text(json.dumps({"cluster": self.options.cluster}) + "\n")

    def _prepare(self, tools: Mapping[str, Path]) -> Site:
        """Choose ports and write every file that the children read."""
        state = self.state
        kept = port_choice.load(state.ports_file)
        listeners = [*listener_names(self.options), *observing.names(self.options)]
        ports = port_choice.choose(listeners, kept, str(state.root))
        port_choice.save(state.ports_file, ports)
        users = [
            administrator("admin"),
            administrator("flux"),
            administrator("authelia"),
            *(service_account(each.name) for each in SERVICES),
        ]
        tokens = keep_tokens(state.config / "tokens.json", [*(user.name for user in users), "git", "webhook"])
        nats_accounts = accounts.write(state.nats_keys)
        site = Site(state, self.options, tools, ports, tokens, nats_accounts, self._environment)
        keep_signing_key(state.config / "service-account.key")
        write_private(state.config / "tokens.csv", token_file(users, tokens))
        if self.options.tls:
            certificates.keep(state.certificates)
        write_private(state.nats_config, nats_config(site))
        if self.options.prometheus:
            write_private(state.prometheus_config, observing.configuration(site))
        keep_host_key(state, site.ports["git-ssh"])
        self._keep_users()
        for user in users:
            write_private(state.kubeconfig(user.name), self._kubeconfig(site, user.name))
        self._link_tools(tools)
        return site

    def _keep_users(self) -> None:
        """The sample users, unless the file is there: it may have been changed."""
        if not self.state.users_file.exists():
            samples = workspace_root() / "deploy" / "local" / "users.yml"
            write_private(self.state.users_file, samples.read_text())

    def _kubeconfig(self, site: Site, user: str) -> str:
        if self.options.cluster:
            return cut_out(self.options.cluster, self._environment)
        return local_kubeconfig(site.url("kube-apiserver", "https"), site.ca_file, user, site.tokens[user])

    def _link_tools(self, tools: Mapping[str, Path]) -> None:
        for name, path in tools.items():
            link = self.state.bin / name
            link.unlink(missing_ok=True)
            link.symlink_to(path)

    def _start_daemon(self, site: Site) -> None:
        if self.control.is_running():
            return
        if self._daemon:
            self._daemon.poll()  # one that was killed is a zombie until asked about
        port_choice.require_free(site.ports, self.state.ports_file)
        command = [sys.executable, "-m", "app_platform.local.supervise.daemon", str(self.state.root)]
        if self.options.with_caller:
            command += ["--with-parent", str(os.getpid())]
        with self.state.supervisor_log.open("ab") as log:
            # S603: our own module with our own arguments.
            self._daemon = subprocess.Popen(  # noqa: S603
                command,
                env=site.env(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _DAEMON_SECONDS
        while not self.control.is_running():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise StateError(f"the supervisor did not start: see {self.state.supervisor_log}")
            time.sleep(0.02)

    def _start_tier(self, table: list[Child], tier: int) -> None:
        names = [child.name for child in table if child.tier == tier]
        if not names:
            return
        with self._step(", ".join(names)):
            for name in names:
                self.control.start(name)
            self.control.wait_ready(names, _READY_SECONDS)

    async def _bootstrap(self, definitions: list[Path]) -> None:
        ours = workspace_root() / "deploy" / "kubernetes"
        files = [
            *sorted((ours / "crds").glob("*.yaml")),
            *definitions,
            *sorted((ours / "rbac").glob("*.yaml")),
            *sorted((ours / "policies").glob("*.yaml")),
            *([] if self.options.cluster else authelia_manifests(ours)),
        ]
        try:
            config = ClusterConfig.load({"KUBECONFIG": str(self.state.kubeconfig("admin"))})
            async with KubeClient(config, user_agent="app-platform-local") as client:
                if self.options.cluster:
                    await require_no_flux(client)
                await bootstrap(client, with_local_settings(read_manifests(files)))
        except (ConfigError, KubeError) as error:
            raise ClusterError(f"the cluster cannot be prepared: {error}") from error

    @contextlib.contextmanager
    def _step(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._report(f"{what}: {time.monotonic() - started:.1f} s")


def _cluster(context: str) -> str:
    return f"the existing cluster {context!r}" if context else "a cluster of its own"
