"""``app-platform events``: what happened."""

from collections import deque
from collections.abc import Iterable
from typing import Annotated, Final

import typer

from app_platform.cli import connect, render, times
from app_platform.cli.options import (
    AppOption,
    JsonOption,
    KindOption,
    LimitOption,
    LineOption,
    NameOption,
    Output,
    OutputOption,
    SinceOption,
    UntilOption,
    wants_json,
)
from app_platform.runtime.history import History, Query, Recorded

command: Final = typer.Typer(add_completion=False, no_args_is_help=True, help="What happened.")
_PAGE: Final = 1000


@command.command(
    "list",
    help="The newest events, oldest first; what --limit left out is told on standard error. Times are UTC.\n\nExample: app-platform events list --app my-app --name database --since 1h",
)
def list_events(
    app_name: AppOption = None,
    kind: KindOption = None,
    name: NameOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 200,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    wanted = wants_json(output, as_json=as_json)
    query = Query(app_name, kind, name, times.since(since), until=times.since(until))

    async def show(history: History) -> None:
        if limit:
            await _show_newest(history, query, limit, as_json=wanted)
        else:
            await _show_all(history, query, as_json=wanted)

    connect.run(show)


async def _show_newest(history: History, query: Query, limit: int, *, as_json: bool) -> None:
    kept: deque[Recorded] = deque(maxlen=limit)
    count = 0
    async for recorded in history.events(query):
        kept.append(recorded)
        count += 1
    _print(kept, as_json=as_json)
    if count > limit:
        typer.echo(f"app-platform: {count - limit} older events are not shown: --limit 0 shows all", err=True)


async def _show_all(history: History, query: Query, *, as_json: bool) -> None:
    """In tables of so many rows, so that memory holds no more of them."""
    page: list[Recorded] = []
    shown = False
    async for recorded in history.events(query):
        page.append(recorded)
        if len(page) == _PAGE:
            _print(page, as_json=as_json)
            page, shown = [], True
    if page or not shown:
        _print(page, as_json=as_json)


def _print(found: Iterable[Recorded], *, as_json: bool) -> None:
    if as_json:
        for recorded in found:
            typer.echo(render.line(render.event_json(recorded)))
    else:
        render.table(render.console(), render.EVENT_COLUMNS, map(render.event_row, found))


@command.command(
    "show", help="One event in full, by its number from the list.\n\nExample: app-platform events show 42"
)
def show_event(
    sequence: Annotated[int, typer.Argument(help="SEQ of the event.")], as_json: LineOption = False
) -> None:
    recorded = connect.run(lambda history: history.event_at(sequence))
    render.show(render.event_json(recorded), as_json=as_json)


@command.command(
    "tail", help="Events as they happen, until Ctrl-C.\n\nExample: app-platform events tail --app my-app"
)
def tail_events(
    app_name: AppOption = None,
    kind: KindOption = None,
    name: NameOption = None,
    since: SinceOption = "0s",
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    wanted = wants_json(output, as_json=as_json)
    query = Query(app_name, kind, name, times.since(since))

    async def follow(history: History) -> None:
        async for recorded in history.events(query, follow=True):
            if wanted:
                typer.echo(render.line(render.event_json(recorded)))
            else:
                typer.echo("  ".join(render.event_row(recorded)))

    connect.run(follow)
