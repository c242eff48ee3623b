"""The demo as a table of steps, and at its end what is left to see: the event trail and the commits.

Guarantees: stops at the first thing that is not as it should be, and leaves the platform up. May be run again: it begins by
removing what a former run left; the namespaces and the repository of the app stay, as the platform keeps them.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from app_platform.kube import ClusterConfig, KubeClient, KubeError
from app_platform.local.demo import registration
from app_platform.local.demo.report import DemoError, Report
from app_platform.local.demo.repository import Repository, run
from app_platform.local.demo.secret import NAME, SecretSteps
from app_platform.local.demo.world import APP, World
from app_platform.local.platform import Platform

Step = tuple[str, Callable[[World], Awaitable[None]]]


def steps() -> tuple[Step, ...]:
    """The main job, in order: what a step shows, and how it is done."""
    secret = SecretSteps()
    return (
        ("What a former demo left is removed", registration.clean),
        (f"A team registers {APP}", registration.register),
        ("The platform makes what the app needs", registration.serve),
        ("A secret is created", secret.create),
        ("The secret is updated", secret.update),
        ("A target is removed", secret.narrow),
        ("The secret is deleted", secret.delete),
        ("A namespace is added, another removed", registration.change_namespaces),
    )


def demonstrate(platform: Platform, report: Report) -> None:
    """Do the main job on a platform that is up.

    Raises:
        DemoError: naming the step and what was not as it should be.
    """
    started, began = time.monotonic(), datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="app-platform-demo-") as folder:
        repository = Repository(Path(folder) / "clone", platform.state.bin / "sops")
        asyncio.run(_all_steps(platform, report, repository))
        report.block(f"Event trail of secret {NAME}", _trail(platform, began))
        report.block("Commits", _commits(repository, began))
    report.note(
        f"\nAll as it should be, after {time.monotonic() - started:.1f} s. The platform stays up; to look around:"
    )
    report.note(f"   set -a; . {platform.state.env_file}; set +a\n   app-platform events list --app {APP}")


async def _all_steps(platform: Platform, report: Report, repository: Repository) -> None:
    config = ClusterConfig.load({"KUBECONFIG": platform.env["KUBECONFIG"]})
    async with KubeClient(config, user_agent="app-platform-demo") as client:
        world = World(client, report, repository)
        for number, (title, do) in enumerate(steps(), start=0):
            with report.step(number, title):
                try:
                    await do(world)
                except KubeError as error:
                    raise DemoError(f"the API server: {error}") from error


def _trail(platform: Platform, began: datetime) -> str:
    """What the events command tells a user about the secret."""
    command = [sys.executable, "-m", "app_platform.cli", "events", "list", "--app", APP, "--name", NAME]
    env = {**os.environ, **platform.env}
    return run([*command, "--since", began.isoformat()], env=env)


def _commits(repository: Repository, began: datetime) -> str:
    return repository.git(
        "log", "--stat", "--reverse", "--date=iso", "--format=%h %ad %s", f"--since={began.isoformat()}"
    )
