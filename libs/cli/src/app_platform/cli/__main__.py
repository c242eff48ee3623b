"""The ``app-platform`` command line. Exit status: 0 done, 1 not possible now or nothing found, 2 wrong usage."""

from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.console import Console

from app_platform.cli import connect, render, rotate
from app_platform.kube import KubeClient
from app_platform.runtime.dead_letters import DeadLetter
from app_platform.runtime.history import History, Query, Recorded

app: Final = typer.Typer(
    no_args_is_help=True, help="See and steer the events of the App Platform.", add_completion=True
)
events: Final = typer.Typer(no_args_is_help=True, help="What happened.")
dead_letters: Final = typer.Typer(no_args_is_help=True, help="Events that a service gave up.")
app.add_typer(events, name="events")
app.add_typer(dead_letters, name="dead-letters")


class Output(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


AppOption = Annotated[str | None, typer.Option("--app", help="Only of this app.")]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", help="Only of this kind: registration, secret-intent, secret, commit, flux, …"),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Only of the object with this name.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only later: 15m, 2h, 1d, or a time like 2026-01-31T12:00:00Z.")
]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Only of this service.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Show the progress until the old key has gone.")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="table, or json: one object a line.")]


def _console() -> Console:
    # A pipe has no width: wide enough that nothing is folded there.
    console = Console()
    return console if console.is_terminal else Console(width=400)


@events.command(
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

    _print_events(connect.run(collect), output)


def _print_events(found: list[Recorded], output: Output) -> None:
    if output is Output.JSON:
        for recorded in found:
            typer.echo(render.line(render.event_json(recorded)))
    else:
        render.table(_console(), render.EVENT_COLUMNS, map(render.event_row, found))


@events.command(
    "show", help="One event in full, by its number from the list.\n\nExample: app-platform events show 42"
)
def show_event(sequence: Annotated[int, typer.Argument(help="SEQ of the event.")]) -> None:
    recorded = connect.run(lambda history: history.event_at(sequence))
    Console(width=None).print_json(render.line(render.event_json(recorded)))


@events.command(
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


@dead_letters.command("list", help="What was given up and why, oldest first.")
def list_letters(
    service: ServiceOption = None, app_name: AppOption = None, output: OutputOption = Output.TABLE
) -> None:
    async def collect(history: History) -> list[tuple[int, DeadLetter]]:
        return [found async for found in history.dead_letters(service, app_name)]

    found = connect.run(collect)
    if output is Output.JSON:
        for position, letter in found:
            typer.echo(render.line(render.letter_json(position, letter)))
    else:
        render.table(_console(), render.LETTER_COLUMNS, (render.letter_row(*pair) for pair in found))


@dead_letters.command("show", help="One dead letter and the event it refers to.")
def show_letter(
    position: Annotated[int, typer.Argument(metavar="ID", help="ID of the dead letter.")],
) -> None:
    async def look(history: History) -> dict[str, object]:
        letter = await history.dead_letter(position)
        event = await history.event_at(letter.sequence)
        return {**render.letter_json(position, letter), "event": render.event_json(event)}

    Console(width=None).print_json(render.line(connect.run(look)))


@dead_letters.command("redrive", help="Give events to their services again and take the letters away.")
def redrive(
    positions: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="IDs of dead letters.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that --service and --app leave.")] = False,  # noqa: FBT002 - a flag
    service: ServiceOption = None,
    app_name: AppOption = None,
) -> None:
    if bool(positions) == everything:
        raise typer.BadParameter("name dead letters, or say --all")

    async def again(history: History) -> int:
        chosen = positions or [p async for p, _ in history.dead_letters(service, app_name)]
        for position in chosen:
            recorded = await history.redrive(position)
            typer.echo(f"{position}: {recorded.event.id}")
        return len(chosen)

    typer.echo(f"{connect.run(again)} redriven")


@app.command(
    "replay",
    help="Deliver recorded events to one service again. Handlers look at the present state, so when nothing is amiss "
    "nothing changes.\n\nExample: app-platform replay --service git-committer --app my-app --since 1d",
)
def replay(
    service: Annotated[str, typer.Option("--service", help="The service that gets them: git-committer, …")],
    app_name: AppOption = None,
    since: SinceOption = None,
    event: Annotated[int | None, typer.Option("--event", help="Only the event with this SEQ.")] = None,
) -> None:
    query = Query(app=app_name, since=connect.since(since))

    async def again(history: History) -> int:
        # Collected first: what is replayed is told to the same stream that is being read.
        chosen = [await history.event_at(event)] if event else [r async for r in history.events(query)]
        for recorded in chosen:
            await history.replay(service, recorded)
        return len(chosen)

    typer.echo(f"{connect.run(again)} events replayed to {service}")


@app.command(
    "rotate-key",
    help="Replace the AGE key of an app: every file is encrypted anew, and the old key goes when Flux has applied that. "
    "Reaches the cluster by KUBECONFIG.\n\nExample: app-platform rotate-key --app my-app --wait",
)
def rotate_key(
    app_name: Annotated[str, typer.Option("--app", help="The app whose key is replaced.")],
    wait: WaitOption = False,  # noqa: FBT002 - a flag
) -> None:
    async def ask(client: KubeClient) -> None:
        request = await rotate.ask(client, app_name)
        typer.echo(f"{app_name}: a new key is asked for ({request})")
        if wait:
            await rotate.follow(client, app_name, request, typer.echo)

    rotate.run(ask)


def main() -> None:
    """Entry point of the ``app-platform`` command."""
    app()


if __name__ == "__main__":
    main()
