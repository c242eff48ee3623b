"""The command line: `python -m app_platform.local up|down|reset|demo|status|logs|start|stop|restart|kill|repository|tool`.

Errors of the platform are printed as they are, and end with code 1.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app_platform.local.demo import Report, demonstrate
from app_platform.local.errors import LocalError
from app_platform.local.git.administer import AppRepository
from app_platform.local.options import SERVICES, Options
from app_platform.local.platform import Platform
from app_platform.local.programs import SAMPLE_USERS
from app_platform.local.tools import find_tool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except LocalError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def up(arguments: argparse.Namespace) -> None:
    """Start the platform."""
    options = Options(
        services=() if arguments.no_services else SERVICES,
        replicas=arguments.replicas,
        cluster=arguments.cluster,
        fsync=not arguments.unsafe_no_fsync,
        tls=arguments.tls,
        prometheus=arguments.prometheus,
        otlp=arguments.otlp,
    )
    platform = Platform(arguments.state_dir, options, report=_reporter())
    platform.up()
    url = platform.env.get("DASHBOARD_URL")
    if url and not arguments.no_services:
        _print(f"Dashboard: {url}" + ("" if arguments.cluster else f"\n{SAMPLE_USERS}"))
    if arguments.prometheus:
        _print(f"Prometheus: {platform.env['PROMETHEUS_URL']}/api/v1/alerts")


def demo(arguments: argparse.Namespace) -> None:
    """Start the platform, then do the main job on it, checking every step."""
    platform = Platform(arguments.state_dir, Options(replicas=arguments.replicas), report=_reporter())
    platform.up()
    demonstrate(platform, Report(sys.stdout))


def down(arguments: argparse.Namespace) -> None:
    """End the platform, keep its data."""
    Platform(arguments.state_dir).down()


def reset(arguments: argparse.Namespace) -> None:
    """End the platform and forget its data."""
    Platform(arguments.state_dir).reset()


def status(arguments: argparse.Namespace) -> None:
    """Print a line per process."""
    for child in Platform(arguments.state_dir).control.status().values():
        _print(f"{child.name:<24}{child.state:<10}pid {child.pid or '-':<9}restarts {child.restarts}")


def logs(arguments: argparse.Namespace) -> None:
    """Print the end of one log, or of all, and follow if asked to."""
    folder = Platform(arguments.state_dir).state.logs
    names = [arguments.name] if arguments.name else sorted(file.stem for file in folder.glob("*.log"))
    files = [str(folder / f"{name}.log") for name in names]
    if missing := [file for file in files if not Path(file).exists()]:
        raise LocalError(f"no log {', '.join(missing)}")
    follow = ["-F"] if arguments.follow else []
    # `tail` knows how to follow several growing files; S603, S607: its arguments are ours.
    subprocess.run(["tail", "-n", str(arguments.lines), *follow, *files], check=False)  # noqa: S603, S607


def command(arguments: argparse.Namespace) -> None:
    """One of `start`, `stop`, `restart`, `kill` on one process."""
    control = Platform(arguments.state_dir).control
    actions: dict[str, Callable[[str], None]] = {
        "start": control.start,
        "stop": control.stop,
        "restart": control.restart,
        "kill": control.kill,
    }
    actions[arguments.command](arguments.name)


def repository(arguments: argparse.Namespace) -> None:
    """Make an app repository on the local Git server, and add a deploy key if one is given."""
    found = AppRepository(Platform(arguments.state_dir).env, arguments.name)
    found.make()
    if arguments.deploy_key:
        found.add_deploy_key(arguments.deploy_key)
    _print(f"clone and push   {found.push_url}")
    _print(f"for Flux         {found.ssh_url}")


def show_tool(arguments: argparse.Namespace) -> None:
    """Print where a program is; find, fetch or build it first."""
    _print(str(find_tool(arguments.name, os.environ, _reporter())))


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state-dir", type=Path, default=Path(".local"), help="where everything lies (default .local)"
    )
    parser = argparse.ArgumentParser(
        prog="python -m app_platform.local", description="The local App Platform."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, parents=[common], help=about, description=about)
        sub.set_defaults(run=run)
        return sub

    _add_up_options(add("up", up, "start what does not run yet; returns when all is ready"))
    add("down", down, "end everything, keep the data")
    add("reset", reset, "end everything and forget the data")
    demo_parser = add("demo", demo, "start the platform and do the main job on it, checking every step")
    demo_parser.add_argument("--replicas", type=int, default=1, help="processes per service")
    add("status", status, "one line per process")
    logs_parser = add("logs", logs, "print the end of the logs")
    logs_parser.add_argument("name", nargs="?", help="a process, or `supervisor`; all if left out")
    logs_parser.add_argument("-f", "--follow", action="store_true")
    logs_parser.add_argument("-n", "--lines", type=int, default=20)
    for name in ("start", "stop", "restart", "kill"):
        add(name, command, f"{name} one process").add_argument("name")
    repository_parser = add("repository", repository, "make an app repository on the local Git server")
    repository_parser.add_argument("name", help="of the repository, for instance apps.my-app")
    repository_parser.add_argument("--deploy-key", metavar="KEY", help="let this public key read it")
    add("tool", show_tool, "print the path of a program").add_argument("name")
    return parser


def _add_up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster", default="", metavar="CONTEXT", help="use the existing cluster of a context"
    )
    parser.add_argument("--no-services", action="store_true", help="only the infrastructure")
    parser.add_argument("--replicas", type=int, default=1, help="processes per service")
    parser.add_argument(
        "--prometheus", action="store_true", help="scrape the services and evaluate the alerts"
    )
    parser.add_argument("--otlp", default="", metavar="URL", help="send spans there, by OTLP over HTTP")
    parser.add_argument("--tls", action="store_true", help="NATS over TLS, both sides with certificates")
    parser.add_argument(
        "--unsafe-no-fsync",
        action="store_true",
        help="etcd does not wait for the disk: faster, loses data on power cuts",
    )


def _reporter() -> Callable[[str], None]:
    started = time.monotonic()

    def report(line: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - started:5.1f} s] {line}\n")
        sys.stderr.flush()

    return report


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
