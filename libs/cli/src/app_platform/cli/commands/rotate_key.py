"""``app-platform rotate-key``: another AGE key for an app."""

from typing import Annotated, Final

import typer

from app_platform.cli import connect, rotate, times
from app_platform.cli.options import RequiredApp
from app_platform.kube import KubeClient

HELP = (
    "Replace the AGE key of an app: every file is encrypted anew, and the old key goes when Flux has applied that. While a key is on its "
    "way no other is asked for. Reaches the cluster by KUBECONFIG.\n\n"
    "Exit status: 0 it is asked for, and with --wait done; 1 with --wait it is not done when the time is over.\n\n"
    "Example: app-platform rotate-key --app my-app --wait"
)
command: Final = typer.Typer(add_completion=False)


@command.command(help=HELP)
def rotate_key(
    app_name: RequiredApp,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the progress until the old key has gone.")
    ] = False,
    timeout: Annotated[
        str,
        typer.Option("--timeout", help="How long to wait: 90s, 15m, 2h. It goes on by itself afterwards."),
    ] = "10m",
    again: Annotated[
        bool, typer.Option("--again", help="Ask for another key although one is on its way.")
    ] = False,
) -> None:
    patience = times.duration(timeout)

    async def ask(client: KubeClient) -> None:
        asked = await rotate.ask(client, app_name, again=again)
        told = "a new key is asked for" if asked.new else "a new key is on its way, so no other is asked for"
        typer.echo(f"{app_name}: {told} ({asked.request})")
        if wait:
            await rotate.follow(client, app_name, asked.request, typer.echo, patience)

    connect.run_on_cluster(ask)
