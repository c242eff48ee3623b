"""The ``app-platform`` command line: its commands and what they are called. Exit status: see ``options.Exit``."""

from typing import Final

import typer

from app_platform.cli.commands import (
    dead_letters,
    doctor,
    events,
    export,
    replay,
    rotate_key,
    scaffold,
    status,
    verify,
)

app: Final = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,  # they may hold values
    help="See and steer the App Platform. Needs NATS_URL for what happened, KUBECONFIG for what is. NO_COLOR is respected.",
)
app.command("doctor", help=doctor.HELP)(doctor.doctor)
app.command("status", help=status.HELP)(status.status)
app.add_typer(events.app, name="events")
app.add_typer(dead_letters.app, name="dead-letters")
app.command("replay", help=replay.HELP)(replay.replay)
app.command("verify", help=verify.HELP)(verify.verify_files)
app.command("export", help=export.HELP)(export.export)
app.command("scaffold", help=scaffold.HELP)(scaffold.scaffold)
app.command("rotate-key", help=rotate_key.HELP)(rotate_key.rotate_key)


def main() -> None:
    """Entry point of the ``app-platform`` command."""
    app()


if __name__ == "__main__":
    main()
