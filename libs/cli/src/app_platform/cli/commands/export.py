"""``app-platform export``: who changed which keys of which secrets when."""

import csv
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from app_platform.cli import auditing, connect, render
from app_platform.cli.errors import CommandError
from app_platform.cli.options import AppOption, NameOption, SinceOption
from app_platform.cli.repository import platform_repository
from app_platform.contracts import Registration, names
from app_platform.kube import KubeClient, NotFound
from app_platform.kube.registrations import REGISTRATIONS

HELP = (
    "An audit of the secrets: who changed which keys when, in which namespace, by which commit. Read from the platform repositories, "
    "which keep it for ever; key names, never values. Needs the rights of an operator.\n\n"
    "Examples:\n\napp-platform export --app my-app > audit.csv\n\napp-platform export --since 30d -o jsonl"
)


class Format(StrEnum):
    """Of the export."""

    CSV = "csv"
    JSON_LINES = "jsonl"


def export(
    app_name: AppOption = None,
    name: NameOption = None,
    since: SinceOption = None,
    output: Annotated[
        Format, typer.Option("-o", "--output", help="csv (RFC 4180), or jsonl: one object a line.")
    ] = Format.CSV,
) -> None:
    start = connect.since(since)
    found = connect.run_on_cluster(lambda client: _collect(client, app_name))
    chosen = [change for change in found if name in {None, change.secret} and _is_after(change, start)]
    if output is Format.JSON_LINES:
        for change in chosen:
            typer.echo(render.line(auditing.as_json(change)))
        return
    rows = csv.writer(sys.stdout)
    rows.writerow(auditing.COLUMNS)
    rows.writerows(map(auditing.as_row, chosen))


def _is_after(change: auditing.Change, start: datetime | None) -> bool:
    return start is None or datetime.fromisoformat(change.time) >= start


async def _collect(client: KubeClient, app_name: str | None) -> list[auditing.Change]:
    try:
        objects = (
            [await client.get(REGISTRATIONS, app_name)] if app_name else await client.list(REGISTRATIONS)
        )
    except NotFound:
        raise CommandError(f"there is no app {app_name!r}: see `app-platform status`") from None
    registrations = [Registration.from_object(obj) for obj in objects]
    found = [change for each in registrations for change in await _of_app(client, each)]
    return sorted(found, key=lambda change: (change.time, change.app))


async def _of_app(client: KubeClient, registration: Registration) -> list[auditing.Change]:
    async with platform_repository(client, registration) as clone:
        commits = await clone.commits(f"{names.SECRETS_FOLDER}/")
        wanted = auditing.wanted_contents(commits)
        contents = dict(zip(wanted, await clone.contents(wanted), strict=True))
    return auditing.changes(registration.name, commits, contents)
