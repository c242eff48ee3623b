"""Options that several commands share."""

from collections.abc import Callable, Sequence
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Final

import typer

from app_platform.contracts import EVENT_CLASSES, names
from app_platform.runtime.permissions import HEARING


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

KINDS: Final = tuple(dict.fromkeys(event.kind for event in EVENT_CLASSES))


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


def _one_of(known: Sequence[str], what: str) -> Callable[[str | None], str | None]:
    """For the callback of an option. Not an Enum, as the names are listed elsewhere already."""

    def checked(given: str | None) -> str | None:
        if given is None or given in known:
            return given
        raise typer.BadParameter(f"there is no {what} {given[:80]!r}: {', '.join(known)}")

    return checked


def _beginning(known: Sequence[str]) -> Callable[[str], list[str]]:
    """For the completion of an option."""

    def completed(incomplete: str) -> list[str]:
        return [name for name in known if name.startswith(incomplete)]

    return completed


def _service(whose: str) -> Any:  # noqa: ANN401 - as typer.Option
    return typer.Option(
        "--service",
        help=f"{whose}: {', '.join(HEARING)}.",
        callback=_one_of(HEARING, "service that hears events"),
        autocompletion=_beginning(HEARING),
    )


AppOption = Annotated[str | None, typer.Option("--app", help="Only of this app.", callback=app_name)]
RequiredApp = Annotated[str, typer.Option("--app", help="The app.", callback=app_name)]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind",
        help=f"Only of this kind: {', '.join(KINDS)}.",
        callback=_one_of(KINDS, "kind"),
        autocompletion=_beginning(KINDS),
    ),
]
NameOption = Annotated[str | None, typer.Option("--name", help="Only of the object with this name.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only later: 15m, 2h, 1d, or a time like 2026-01-31T12:00:00Z.")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Only until then, told in the same ways as --since.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="Only the newest so many; 0 for all.")]
ServiceOption = Annotated[str | None, _service("Only of this service")]
RequiredService = Annotated[str, _service("The service that gets them")]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="table, or json: one object a line.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as -o json.")]
LineOption = Annotated[bool, typer.Option("--json", help="As one line of JSON, without colours.")]


def wants_json(output: Output, *, as_json: bool) -> bool:
    """Whether JSON is asked for, in either way."""
    return as_json or output is Output.JSON
