"""``app-platform replay``: recorded events to one service again, or what it would do about them."""

import re
from dataclasses import dataclass, replace
from typing import Annotated, Final

import typer

from app_platform.cli import connect, render, times
from app_platform.cli.errors import CommandError
from app_platform.cli.options import (
    AppOption,
    JsonOption,
    Output,
    OutputOption,
    RequiredService,
    SinceOption,
    UntilOption,
    wants_json,
)
from app_platform.contracts.dry_run import DryRun
from app_platform.runtime.dry_run import NOT_MINE
from app_platform.runtime.history import History, Query, Recorded
from app_platform.runtime.permissions import OPERATOR

HELP = (
    "Deliver recorded events to one service again. Handlers look at the present state, so when nothing is amiss "
    "nothing changes. With --dry-run the service says what it would do with the event and the state of today, and does nothing.\n\n"
    "Examples:\n\napp-platform replay --service git-committer --app my-app --since 1d\n\n"
    "app-platform replay --service secrets-encryptor --event 162 --dry-run\n\n"
    "app-platform replay --service git-committer --event 100-180 --app my-app\n\n"
    "app-platform replay --service git-committer --since 2h --until 1h --dry-run --json"
)
command: Final = typer.Typer(add_completion=False)
_RANGE: Final = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?")


EventOption = Annotated[
    str | None,
    typer.Option("--event", help="Only the event with this SEQ, a range of them (100-180), or with this id."),
]
EverythingOption = Annotated[
    bool, typer.Option("--all", help="Every event that is kept, instead of --app, --since and --event.")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what the service would do about each event.")
]


@dataclass(frozen=True)
class Wanted:
    """Which events are to be replayed.

    Attributes:
        event_id: Only the one with this id; empty for all that the query finds.
        event: What was given to name single events; empty when that was not asked for.
    """

    query: Query
    event_id: str = ""
    event: str = ""


@command.command(help=HELP)
def replay(
    service: RequiredService,
    app_name: AppOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    event: EventOption = None,
    everything: EverythingOption = False,
    dry_run: DryRunOption = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    if bool(app_name or since or event) == everything:
        raise typer.BadParameter("say which events, by --app, --since or --event; or say --all")
    query = Query(app=app_name, since=times.since(since), until=times.since(until))
    wanted = Wanted(*choice(query, event), event or "")
    (_rehearse if dry_run else _replay)(service, wanted, as_json=wants_json(output, as_json=as_json))


def _replay(service: str, wanted: Wanted, *, as_json: bool) -> None:
    async def again(history: History) -> int:
        events = await _chosen(history, wanted)
        for recorded in events:
            await history.replay(service, recorded)
        return len(events)

    count = connect.run(again, OPERATOR)
    told = render.line({"service": service, "replayed": count})
    typer.echo(told if as_json else f"{count} events replayed to {service}")


def _rehearse(service: str, wanted: Wanted, *, as_json: bool) -> None:
    async def ask(history: History) -> list[tuple[Recorded, DryRun]]:
        return [(each, await history.rehearse(service, each)) for each in await _chosen(history, wanted)]

    told = connect.run(ask, OPERATOR)
    _show([pair for pair in told if pair[1].outcome != NOT_MINE], service, as_json=as_json)


async def _chosen(history: History, wanted: Wanted) -> list[Recorded]:
    """Collected first: what is replayed is told to the same stream that is being read."""
    found = [each async for each in history.events(wanted.query) if wanted.event_id in {"", each.event.id}]
    if wanted.event and not found:
        raise CommandError(f"event {wanted.event} is not, or no longer, in the history")
    return found


def choice(query: Query, event: str | None) -> tuple[Query, str]:
    """What ``--event`` adds to a query: positions, or the id that is looked for."""
    if event is None:
        return query, ""
    if found := _RANGE.fullmatch(event):
        return replace(query, first=int(found["first"]), last=int(found["last"] or found["first"])), ""
    parts = event.split("/")
    # An id begins with the type, the app and the name.
    return (replace(query, app=parts[1]) if len(parts) > 2 else query), event  # noqa: PLR2004 - these three


def _show(told: list[tuple[Recorded, DryRun]], service: str, *, as_json: bool) -> None:
    for recorded, answer in told:
        if as_json:
            typer.echo(render.line({"event": render.event_json(recorded), **answer.to_json()}))
        else:
            typer.echo("\n".join(render.dry_run_lines(recorded, answer)))
    if not as_json:
        typer.echo(f"{len(told)} events that {service} acts on; nothing was done")
