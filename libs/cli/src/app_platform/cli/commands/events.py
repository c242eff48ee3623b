"""``app-platform events``: what happened."""

from typing import Annotated, Final

import typer
from rich.console import Console

from app_platform.cli import connect, render
from app_platform.cli.options import AppOption, KindOption, NameOption, Output, OutputOption, SinceOption
from app_platform.runtime.history import History, Query, Recorded

command: Final = typer.Typer(add_completion=False, no_args_is_help=True, help="What happened.")


@command.command(
    "list",
    help="Events, oldest first.\n\nExample: app-platform events list --app my-app --name database --since 1h",
)
def list_events(
    app_name: AppOption = None,
    kind: KindOption = None,
    name: NameOption = None,
    since: SinceOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    query = Query(app_name, kind, name, connect.since(since))

    async def collect(history: History) -> list[Recorded]:
        return [recorded async for recorded in history.events(query)]

    _print(connect.run(collect), output)


def _print(found: list[Recorded], output: Output) -> None:
    if output is Output.JSON:
        for recorded in found:
            typer.echo(render.line(render.event_json(recorded)))
    else:
        render.table(render.console(), render.EVENT_COLUMNS, map(render.event_row, found))


@command.command(
    "show", help="One event in full, by its number from the list.\n\nExample: app-platform events show 42"
)
def show_event(sequence: Annotated[int, typer.Argument(help="SEQ of the event.")]) -> None:
    recorded = connect.run(lambda history: history.event_at(sequence))
    Console(width=None).print_json(render.line(render.event_json(recorded)))


@command.command(
    "tail", help="Events as they happen, until Ctrl-C.\n\nExample: app-platform events tail --app my-app"
)
def tail_events(
    app_name: AppOption = None,
    kind: KindOption = None,
    name: NameOption = None,
    since: SinceOption = "0s",
    output: OutputOption = Output.TABLE,
) -> None:
    query = Query(app_name, kind, name, connect.since(since))

    async def follow(history: History) -> None:
        async for recorded in history.events(query, follow=True):
            if output is Output.JSON:
                typer.echo(render.line(render.event_json(recorded)))
            else:
                typer.echo("  ".join(render.event_row(recorded)))

    connect.run(follow)
