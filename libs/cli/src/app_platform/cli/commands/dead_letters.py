"""``app-platform dead-letters``: what was given up, and giving it to its service again."""

from dataclasses import dataclass
from typing import Annotated, Final

import typer

from app_platform.cli import connect, render
from app_platform.cli.options import (
    AppOption,
    Exit,
    JsonOption,
    LineOption,
    Output,
    OutputOption,
    ServiceOption,
    wants_json,
)
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.history import GoneError, History
from app_platform.runtime.permissions import OPERATOR

command: Final = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Events that a service gave up."
)


@dataclass(frozen=True)
class Result:
    """What became of a dead letter that was to be redriven.

    Attributes:
        reason: Why it was not; empty when it was.
    """

    position: int
    reason: str = ""


@command.command(
    "list",
    help="What was given up and why, oldest first.\n\nExample: app-platform dead-letters list --service git-committer",
)
def list_letters(
    service: ServiceOption = None,
    app_name: AppOption = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    async def collect(history: History) -> list[tuple[int, DeadLetter]]:
        return [found async for found in history.dead_letters(service, app_name)]

    found = connect.run(collect)
    if wants_json(output, as_json=as_json):
        for position, letter in found:
            typer.echo(render.line(render.letter_json(position, letter)))
    else:
        render.table(render.console(), render.LETTER_COLUMNS, (render.letter_row(*pair) for pair in found))


@command.command(
    "show",
    help="One dead letter and the event it refers to; null, with a note that says why, when that cannot be read.\n\n"
    "Example: app-platform dead-letters show 7",
)
def show_letter(
    position: Annotated[int, typer.Argument(metavar="ID", help="ID of the dead letter.")],
    as_json: LineOption = False,
) -> None:
    async def look(history: History) -> dict[str, object]:
        letter = await history.dead_letter(position)
        return {**render.letter_json(position, letter), **await _event_of(history, letter)}

    render.show(connect.run(look), as_json=as_json)


async def _event_of(history: History, letter: DeadLetter) -> dict[str, object]:
    try:
        return {"event": render.event_json(await history.event_at(letter.sequence)), "note": ""}
    except GoneError as error:
        return {"event": None, "note": str(error)}


@command.command(
    "redrive",
    help="Give events to their services again and take the letters away. A letter whose event has left the history, or cannot be read, "
    "stays, is told on standard error, and stops no other.\n\n"
    "Exit status: 0 all were redriven, 1 some were not.\n\n"
    "Example: app-platform dead-letters redrive --all --app my-app",
)
def redrive(
    positions: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="IDs of dead letters.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that --service and --app leave.")] = False,
    service: ServiceOption = None,
    app_name: AppOption = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    if bool(positions) == everything:
        raise typer.BadParameter("name dead letters, or say --all")
    if positions and (service or app_name):
        raise typer.BadParameter("--service and --app choose among --all; leave them out where IDs are named")
    piped = wants_json(output, as_json=as_json)

    async def again(history: History) -> list[Result]:
        chosen = positions or [p async for p, _ in history.dead_letters(service, app_name)]
        return [await _redriven(history, position, quiet=piped) for position in chosen]

    results = connect.run(again, OPERATOR)
    left = [{"id": each.position, "reason": each.reason} for each in results if each.reason]
    redriven = len(results) - len(left)
    typer.echo(render.line({"redriven": redriven, "left": left}) if piped else f"{redriven} redriven")
    raise typer.Exit(Exit.IMPOSSIBLE if left else Exit.DONE)


async def _redriven(history: History, position: int, *, quiet: bool) -> Result:
    """Redrive one, and say so, or why not; an interruption must not hide what was done before it."""
    try:
        recorded = await history.redrive(position)
    except GoneError as error:
        typer.echo(f"app-platform: dead letter {position} is not redriven: {error}", err=True)
        return Result(position, str(error))
    if not quiet:
        typer.echo(f"{position}: {recorded.event.id}")
    return Result(position)
