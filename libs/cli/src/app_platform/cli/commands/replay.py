"""``app-platform replay``: recorded events to one service again."""

from typing import Annotated

import typer

from app_platform.cli import connect
from app_platform.cli.options import AppOption, SinceOption
from app_platform.runtime.history import History, Query
from app_platform.runtime.permissions import OPERATOR

HELP = (
    "Deliver recorded events to one service again. Handlers look at the present state, so when nothing is amiss "
    "nothing changes.\n\nExample: app-platform replay --service git-committer --app my-app --since 1d"
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

    typer.echo(f"{connect.run(again, OPERATOR)} events replayed to {service}")
