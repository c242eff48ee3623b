"""Options that several commands share."""

from enum import IntEnum, StrEnum
from typing import Annotated, Final

import typer


class Output(StrEnum):
    """How to print."""

    TABLE = "table"
    JSON = "json"


class Exit(IntEnum):
    """Exit status of every command."""

    DONE = 0
    IMPOSSIBLE = 1
    USAGE = 2
    PROBLEM = 3
    UNKNOWN = 4
    INTERRUPTED = 130


MEANING: Final = {
    Exit.DONE: "Done; `doctor` and `verify` found nothing wrong.",
    Exit.IMPOSSIBLE: "Not possible now, or what was named is not there: one line on standard error says why, and one for each dead letter that "
    "`redrive` could not redrive. Without a word when nobody reads on (`| head`).",
    Exit.USAGE: "Wrong usage.",
    Exit.PROBLEM: "`doctor`, `verify`: something is wrong, and was printed.",
    Exit.UNKNOWN: "`doctor`, `status`, `verify`, `export`: something could not be looked at, and was named; nothing else is known to be wrong.",
    Exit.INTERRUPTED: "Ended by Ctrl-C.",
}
"""For docs/cli.md."""

AppOption = Annotated[str | None, typer.Option("--app", help="Only of this app.")]
RequiredApp = Annotated[str, typer.Option("--app", help="The app.")]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", help="Only of this kind: registration, secret-intent, secret, commit, flux, …"),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Only of the object with this name.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only later: 15m, 2h, 1d, or a time like 2026-01-31T12:00:00Z.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Only until then, told in the same ways as --since.")
]
ServiceOption = Annotated[str | None, typer.Option("--service", help="Only of this service.")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="table, or json: one object a line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as -o json.")]
