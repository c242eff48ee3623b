"""``app-platform export``: who changed which keys of which secrets when."""

import csv
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

import typer

from app_platform.cli import apps, auditing, connect, render, times
from app_platform.cli.errors import CommandError
from app_platform.cli.options import AppOption, Exit, NameOption, SinceOption
from app_platform.cli.repository import platform_repository
from app_platform.contracts import Registration, names
from app_platform.kube import KubeClient

HELP = (
    "An audit of the secrets: who changed which keys when, in which namespace, by which commit. Read from the platform repositories, "
    "which keep it for ever; key names, never values. Needs the rights of an operator.\n\n"
    "Exit status: 0 all is in it, 4 an app could not be read, and is named.\n\n"
    "Examples:\n\napp-platform export --app my-app > audit.csv\n\napp-platform export --since 30d -o jsonl"
)
command: Final = typer.Typer(add_completion=False)


class Format(StrEnum):
    """Of the export."""

    CSV = "csv"
    JSON_LINES = "jsonl"


@command.command(help=HELP)
def export(
    app_name: AppOption = None,
    name: NameOption = None,
    since: SinceOption = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="csv (RFC 4180), or jsonl: one object a line.")
    ] = Format.CSV,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o jsonl.")] = False,
) -> None:
    start = times.since(since)
    found, missing = connect.run_on_cluster(lambda client: _collect(client, app_name))
    chosen = [change for change in found if name in {None, change.secret} and _is_after(change, start)]
    _print(chosen, Format.JSON_LINES if as_json else output)
    for why in missing:
        typer.echo(f"app-platform: not in this export: {why}", err=True)
    raise typer.Exit(Exit.UNKNOWN if missing else Exit.DONE)


def _print(chosen: Sequence[auditing.Change], output: Format) -> None:
    if output is Format.JSON_LINES:
        for change in chosen:
            typer.echo(render.line(auditing.as_json(change)))
        return
    rows = csv.writer(sys.stdout)
    rows.writerow(auditing.COLUMNS)
    rows.writerows(map(auditing.as_row, chosen))


def _is_after(change: auditing.Change, start: datetime | None) -> bool:
    return start is None or datetime.fromisoformat(change.time) >= start


async def _collect(client: KubeClient, app_name: str | None) -> tuple[list[auditing.Change], list[str]]:
    """What was changed, and of which apps that cannot be read."""
    if app_name:
        return await _of_app(client, await apps.registration(client, app_name)), []
    found: list[auditing.Change] = []
    registrations, unparsed = await apps.registrations(client)
    missing = [str(error) for error in unparsed]
    for each in registrations:
        try:
            found += await _of_app(client, each)
        except CommandError as error:
            missing.append(str(error))
    return sorted(found, key=lambda change: (change.time, change.app)), missing


async def _of_app(client: KubeClient, registration: Registration) -> list[auditing.Change]:
    async with platform_repository(client, registration) as clone:
        commits = await clone.commits(f"{names.SECRETS_FOLDER}/")
        wanted = auditing.wanted_contents(commits)
        contents = dict(zip(wanted, await clone.contents(wanted), strict=True))
    return auditing.changes(registration.name, commits, contents)
