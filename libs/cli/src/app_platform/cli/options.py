"""Options that several commands share."""

from enum import IntEnum, StrEnum
from typing import Annotated, Final

import typer

from app_platform.contracts import names


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


def app_name(name: str | None) -> str | None:
    """The name of an app as it is given, for the callback of an option.

    Raises:
        typer.BadParameter: No app can have it.
    """
    if name is None or names.is_app_name(name):
        return name
    raise typer.BadParameter(
        f"no app is named {name[:80]!r}: a name has lower-case letters, digits and dashes, begins and ends with a letter or digit, "
        f"has at most {names.MAX_APP_NAME} characters, and does not end in {names.PLATFORM_SUFFIX}"
    )


AppOption = Annotated[str | None, typer.Option("--app", help="Only of this app.", callback=app_name)]
RequiredApp = Annotated[str, typer.Option("--app", help="The app.", callback=app_name)]
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
