"""The ``app-platform`` command line: its commands and what they are called. Exit status: see ``options.Exit``.

A command is imported when it is run, asked for help, or completed; the list of commands needs none of them. So help and completion
come at once, though most commands know Kubernetes, NATS and the events.
"""

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final = {
    "doctor": "Look for what is wrong, and say what to do.",
    "status": "How the apps are, which of their secrets wait, and how far the services are.",
    "events": "What happened.",
    "dead-letters": "Events that a service gave up.",
    "replay": "Deliver recorded events to one service again, or ask what it would do.",
    "verify": "Check every file of the platform repositories against its intent.",
    "export": "An audit of the secrets: who changed which keys when.",
    "scaffold": "Write the repository of an app as the guide lays it out.",
    "rotate-key": "Replace the AGE key of an app.",
}
"""In the order of the help; each is in ``commands``, in the module of its name, as ``command``."""


def load(name: str) -> Any:  # noqa: ANN401 - a command or group of click, which typer vendors
    """The command itself."""
    module = import_module(f"app_platform.cli.commands.{name.replace('-', '_')}")
    command: Any = typer.main.get_command(module.command)
    command.name = name
    return command


class LazyGroup(TyperGroup):
    """A group that lists placeholders, and runs and completes the commands themselves."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as above
        """See click: the name, the command, and what is left of the arguments."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else placeholder, rest


app: Final = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,  # they may hold values
    help="See and steer the App Platform. Needs NATS_URL for what happened, KUBECONFIG for what is. NO_COLOR is respected.",
)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if asked:
        typer.echo(f"app-platform {version('app-platform-cli')}")
        raise typer.Exit


@app.callback()
def root(
    shown: Annotated[  # noqa: FBT002 - an option
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """What holds for every command; each has its own module."""
    del shown


def _placeholder() -> None:
    """Never run."""


for _name, _what in COMMANDS.items():
    app.command(_name, help=_what)(_placeholder)


def main() -> None:
    """Entry point of the ``app-platform`` command."""
    app()


if __name__ == "__main__":
    main()
