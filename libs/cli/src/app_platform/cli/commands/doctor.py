"""``app-platform doctor``: what is wrong, and what to do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Final

import typer

from app_platform.cli import connect, findings, options
from app_platform.cli.errors import EventStoreError
from app_platform.cli.options import JsonOption, Output, OutputOption, wants_json
from app_platform.diagnosis import (
    AccessTarget,
    AppTarget,
    Bus,
    ClientTarget,
    Finding,
    FluxTarget,
    PlatformTarget,
    Reader,
    SecretTarget,
    Target,
    diagnose,
)
from app_platform.diagnosis.adapters import KubeCluster, NoBus, RecordedBus
from app_platform.kube import PERSON_PREFIX

HELP = (
    "Look for what is wrong, and say what to do. Without --app: the platform. Needs KUBECONFIG, and NATS_URL for what the "
    "event store knows; sees what your rights let it see, and says what it may not see.\n\n"
    "Exit status: 0 nothing is wrong, 3 something is, 4 nothing is known to be wrong and something could not be looked at.\n\n"
    "Examples:\n\napp-platform doctor\n\napp-platform doctor --app my-app --secret database\n\n"
    "app-platform doctor --app my-app --flux Kustomization/web\n\napp-platform doctor --app my-app --as-group my-app-readers"
)
command: Final = typer.Typer(add_completion=False)


def _person(name: str | None) -> str | None:
    if name is None or name.removeprefix(PERSON_PREFIX) not in {"", name}:
        return name
    raise typer.BadParameter(f"{name!r}: Kubernetes knows people as {PERSON_PREFIX}NAME")


GroupsOption = Annotated[
    list[str] | None,
    typer.Option("--as-group", help="Why can people of this group not see the app? May be repeated."),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--as-user",
        help="The same for a user, as Kubernetes knows him: oidc:ada. His groups are not known from that: name them, too.",
        callback=_person,
    ),
]


@command.command(help=HELP)
def doctor(
    app_name: Annotated[
        str | None, typer.Option("--app", help="Look at this app.", callback=options.app_name)
    ] = None,
    secret: Annotated[str | None, typer.Option("--secret", help="Only at this secret of the app.")] = None,
    client: Annotated[
        str | None, typer.Option("--client", help="Only at the OIDC client whose Secret has this name.")
    ] = None,
    flux: Annotated[
        str | None,
        typer.Option("--flux", help="Only at this Flux object: GitRepository/NAME or Kustomization/NAME."),
    ] = None,
    as_group: GroupsOption = None,
    as_user: UserOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Print what is as it should be, too.")] = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    asked = [option for option in (secret, client, flux, as_group or as_user) if option]
    if len(asked) > 1:
        raise typer.BadParameter("choose one of --secret, --client, --flux, and --as-group with --as-user")
    if asked and not app_name:
        raise typer.BadParameter("say of which app: --app")
    target = _target(app_name, secret, client, flux) if not (as_group or as_user) else None
    found = connect.execute(
        lambda: _look(target or AccessTarget(app_name or "", as_user or "", tuple(as_group or ())))
    )
    findings.show(found, as_json=wants_json(output, as_json=as_json), everything=everything)
    raise typer.Exit(findings.status(found))


def _target(app: str | None, secret: str | None, client: str | None, flux: str | None) -> Target:
    if not app:
        return PlatformTarget()
    if secret:
        return SecretTarget(app, secret)
    if client:
        return ClientTarget(app, client)
    return flux_target(app, flux) if flux else AppTarget(app)


def flux_target(app: str, text: str) -> FluxTarget:
    """A Flux object as it is named on the command line.

    Raises:
        typer.BadParameter: It is neither of the two kinds, or has no name.
    """
    kind, _, name = text.partition("/")
    match kind.lower(), name:
        case "gitrepository", str(given) if given:
            return FluxTarget(app, "GitRepository", given)
        case "kustomization", str(given) if given:
            return FluxTarget(app, "Kustomization", given)
    raise typer.BadParameter(f"{text!r}: write GitRepository/NAME or Kustomization/NAME")


async def _look(target: Target) -> list[Finding]:
    async with connect.cluster() as client, _bus() as bus:
        return await diagnose(target, Reader(KubeCluster(client), bus))


@asynccontextmanager
async def _bus() -> AsyncIterator[Bus | None]:
    """The event store, if the environment names one; one that cannot be reached is a finding, not the end."""
    if not connect.knows_nats():
        yield None
        return
    async with AsyncExitStack() as stack:
        bus: Bus
        try:
            bus = RecordedBus(await stack.enter_async_context(connect.history()))
        except EventStoreError as error:
            bus = NoBus(str(error))
        yield bus
