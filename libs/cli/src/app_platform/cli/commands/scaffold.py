"""``app-platform scaffold``: an app repository to start with."""

from pathlib import Path
from typing import Annotated, Final

import typer

from app_platform.cli import connect
from app_platform.cli.errors import CommandError
from app_platform.cli.options import RequiredApp
from app_platform.scaffold import ScaffoldError, Wanted, deploy_key_of, files, flux_manifests, yaml_text

HELP = (
    "Write the repository of an app as the guide lays it out: source, Dockerfile, kustomize base and one overlay per namespace. Nothing "
    "that is there is overwritten. Needs no cluster.\n\n"
    "Example: app-platform scaffold --app my-app --image ghcr.io/labrats-work/my-app:1.2.3 --to apps.my-app"
)
command: Final = typer.Typer(add_completion=False)


@command.command(help=HELP)
def scaffold(
    app_name: RequiredApp,
    image: Annotated[str, typer.Option("--image", help="Its image, with a semantic version as tag.")],
    folder: Annotated[
        Path | None, typer.Option("--to", help="Where to write; by default apps.<app>.")
    ] = None,
    namespaces: Annotated[
        list[str] | None,
        typer.Option("--namespace", help="May be repeated; by default <app>-dev and <app>-prod."),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="That the app listens on.")] = 8080,
    domain: Annotated[str, typer.Option("--domain", help="The app is <app>.<domain>.")] = "hcl.labrats.work",
    repository: Annotated[
        str | None,
        typer.Option(
            "--repository",
            help="Its URL: then flux.yaml is written too, to be applied once. For an SSH URL it names the deploy key that the dashboard makes.",
        ),
    ] = None,
) -> None:
    async def write() -> None:
        try:
            wanted = Wanted(app_name, image, tuple(namespaces or ()), port, domain)
            made = files(wanted) | ({"flux.yaml": _flux(wanted, repository)} if repository else {})
        except ScaffoldError as error:
            raise CommandError(str(error)) from None
        there = folder or Path(f"apps.{app_name}")
        _write(there, made)
        if repository:
            typer.echo(next_steps(wanted, repository, there))

    connect.execute(write)


def _flux(wanted: Wanted, repository: str) -> str:
    return yaml_text(*flux_manifests(wanted, repository))


def next_steps(wanted: Wanted, repository: str, folder: Path) -> str:
    """What is left to be done with ``flux.yaml``."""
    apply = f"Next: kubectl apply -f {folder / 'flux.yaml'}"
    key = deploy_key_of(wanted, repository)
    if not key:
        return apply
    return (
        f"{apply}, then open {wanted.app} under Git Repositories in the dashboard and choose Make a deploy key: that makes the Secret "
        f"{key}, and shows the key to add to the repository. Or create {wanted.app} there yourself, which makes the key at once."
    )


def _write(folder: Path, made: dict[str, str]) -> None:
    there = [path for path in made if (folder / path).exists()]
    if there:
        raise CommandError(
            f"{folder} already has {', '.join(there)}: choose another folder, or move them away"
        )
    for path, content in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
        typer.echo(folder / path)
