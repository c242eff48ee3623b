"""``app-platform status``: the apps, their secrets, and how far the services are."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import typer

from app_platform.cli import apps, connect, overview, render
from app_platform.cli.errors import CommandError, EventStoreError
from app_platform.cli.options import AppOption, Exit, JsonOption, Output, OutputOption, wants_json
from app_platform.cli.overview import AppState, SecretState
from app_platform.contracts import names
from app_platform.kube import SECRETS, Forbidden, KubeClient
from app_platform.runtime.consumers import ConsumerState

HELP = (
    "How the apps are, which of their secrets wait and for how long, and how far the services are. With --app: each secret of "
    "that app. With -o json: one object, whose fields stay.\n\n"
    "Exit status: 0 all was read, 4 the apps were, and the services could not be asked.\n\nExamples:\n\napp-platform status\n\n"
    "app-platform status --app my-app -o json"
)
command: Final = typer.Typer(add_completion=False)
_APPS: Final = ("APP", "READY", "PART", "NAMESPACES", "SECRETS", "PENDING", "OLDEST", "FAILED", "MESSAGE")
_SECRETS: Final = ("SECRET", "STATUS", "AGE", "LIVE", "KEYS", "COMMIT", "MESSAGE")
_SERVICES: Final = ("SERVICE", "WAITING", "IN-HAND", "REDELIVERED", "ASKING")


@dataclass(frozen=True)
class Services:
    """How far they are.

    Attributes:
        letters: How many dead letters there are.
        error: Why they could not be asked; empty when they were.
    """

    consumers: Sequence[ConsumerState] = ()
    letters: int = 0
    error: str = ""


@command.command(help=HELP)
def status(
    app_name: AppOption = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    piped = wants_json(output, as_json=as_json)
    if app_name:
        _show_app(app_name, as_json=piped)
    else:
        _show_all(as_json=piped)


def _show_app(app_name: str, *, as_json: bool) -> None:
    async def look(client: KubeClient) -> tuple[AppState, list[SecretState]]:
        registration = await apps.registration(client, app_name)
        secrets = await _secrets(client, app_name, datetime.now(UTC))
        if secrets is None:
            raise CommandError(
                f"this needs the right to list secrets in {names.platform_namespace(app_name)}"
            )
        return overview.app_state(registration, secrets), secrets

    app, secrets = connect.run_on_cluster(look)
    if as_json:
        found = {"app": overview.as_json(app), "secrets": [overview.as_json(secret) for secret in secrets]}
        typer.echo(render.line(found))
        return
    render.table(render.console(), _APPS, [_app_row(app)])
    typer.echo("")
    render.table(render.console(), _SECRETS, map(_secret_row, secrets))


def _show_all(*, as_json: bool) -> None:
    states = connect.run_on_cluster(_apps)
    services = connect.execute(_services)
    if as_json:
        found = {"apps": [overview.as_json(app) for app in states], **_services_json(services)}
        typer.echo(render.line(found))
    else:
        render.table(render.console(), _APPS, map(_app_row, states))
        _show_services(services)
    raise typer.Exit(Exit.UNKNOWN if services.error else Exit.DONE)


def _services_json(found: Services) -> dict[str, Any]:
    if found.error:
        return {"services": None, "dead_letters": None, "error": found.error}
    told = [render.consumer_json(state) for state in found.consumers]
    return {"services": told, "dead_letters": found.letters, "error": ""}


def _show_services(found: Services) -> None:
    if found.error:
        typer.echo(f"app-platform: the services could not be asked: {found.error}", err=True)
        return
    typer.echo("")
    render.table(render.console(), _SERVICES, map(_service_row, found.consumers))
    typer.echo(f"\n{found.letters} dead letters")


async def _apps(client: KubeClient) -> list[AppState]:
    now = datetime.now(UTC)
    found, unparsed = await apps.registrations(client)
    secrets = await asyncio.gather(*(_secrets(client, each.name, now) for each in found))
    states = [overview.app_state(*pair) for pair in zip(found, secrets, strict=True)]
    states += [overview.unknown_app(error.app, str(error)) for error in unparsed]
    return sorted(states, key=lambda state: state.name)


async def _secrets(client: KubeClient, app: str, now: datetime) -> list[SecretState] | None:
    try:
        intents = await client.list(SECRETS, names.platform_namespace(app), apps.INTENTS, metadata_only=True)
    except Forbidden:
        return None
    return [overview.secret_state(intent, now) for intent in intents]


async def _services() -> Services:
    """What NATS knows of them; that it cannot be asked must not hide the apps."""
    try:
        async with connect.history() as history:
            return Services(await history.consumers(), sum([1 async for _ in history.dead_letters()]))
    except EventStoreError as error:
        return Services(error=str(error))


def _app_row(app: AppState) -> Sequence[str]:
    secrets = "?" if app.secrets is None else str(app.secrets)
    oldest = overview.duration(app.oldest) if app.pending else "-"
    counts = (str(app.namespaces), secrets, str(app.pending), oldest, str(app.failed))
    return (app.name, app.ready, app.part or "-", *counts, "" if app.ready == "True" else app.message)


def _secret_row(secret: SecretState) -> Sequence[str]:
    live = f"{len(secret.live)}/{len(secret.targets)}"
    age = overview.duration(secret.age)
    return (secret.name, secret.status, age, live, ",".join(secret.keys), secret.commit[:12], secret.message)


def _service_row(state: ConsumerState) -> Sequence[str]:
    return (state.name, *(str(n) for n in (state.waiting, state.in_hand, state.redelivered, state.asking)))
