"""``app-platform rotate-key``: another AGE key for an app."""

from typing import Annotated, Final

import typer

from app_platform.cli import connect, rotate
from app_platform.cli.options import RequiredApp
from app_platform.kube import KubeClient

HELP = (
    "Replace the AGE key of an app: every file is encrypted anew, and the old key goes when Flux has applied that. "
    "Reaches the cluster by KUBECONFIG.\n\nExample: app-platform rotate-key --app my-app --wait"
)
command: Final = typer.Typer(add_completion=False)


@command.command(help=HELP)
def rotate_key(
    app_name: RequiredApp,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show the progress until the old key has gone.")
    ] = False,
) -> None:
    async def ask(client: KubeClient) -> None:
        request = await rotate.ask(client, app_name)
        typer.echo(f"{app_name}: a new key is asked for ({request})")
        if wait:
            await rotate.follow(client, app_name, request, typer.echo)

    connect.run_on_cluster(ask)
