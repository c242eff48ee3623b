"""``app-platform verify``: whether Git holds what the intents say."""

import asyncio
from typing import Annotated, Final

import typer

from app_platform import sops
from app_platform.cli import apps, connect, findings, options
from app_platform.cli.errors import CommandError
from app_platform.cli.options import JsonOption, Output, OutputOption, wants_json
from app_platform.cli.repository import platform_repository
from app_platform.cli.verifying import Held, Intent, verify
from app_platform.contracts import Registration, names
from app_platform.diagnosis import Finding, Reference, State, worst
from app_platform.kube import SECRETS, Forbidden, KubeClient, NotFound
from app_platform.kube.registrations import REGISTRATIONS

HELP = (
    "Check every file of the platform repositories: in the right place, decrypts, unaltered (MAC), equal to its intent. Needs the "
    "rights of an operator: it reads age keys and intents. Prints names of keys, never a value.\n\n"
    "Exit status: 0 all is right, 3 something is not, 4 an app could not be checked.\n\n"
    "Examples:\n\napp-platform verify --app my-app\n\napp-platform verify --all -o json"
)
command: Final = typer.Typer(add_completion=False)
_AT_ONCE: Final = 4
_SETTLING: Final = 5.0
"""Seconds after which a difference is looked at again: a commit may have been made between reading Git and the intents."""


@command.command(help=HELP)
def verify_files(
    app_name: Annotated[
        str | None, typer.Option("--app", help="Check this app.", callback=options.app_name)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every app.")] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Print files that are right, too.")
    ] = False,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    if bool(app_name) == everything:
        raise typer.BadParameter("name an app with --app, or say --all")
    found = connect.run_on_cluster(lambda client: _verify(client, app_name))
    findings.show(found, as_json=wants_json(output, as_json=as_json), everything=verbose)
    raise typer.Exit(findings.status(found))


async def _verify(client: KubeClient, app_name: str | None) -> list[Finding]:
    if app_name:
        return await _settled(client, app_name)
    found = [obj["metadata"]["name"] for obj in await client.list(REGISTRATIONS)]
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(app: str) -> list[Finding]:
        async with slots:
            try:
                return await _settled(client, app)
            except CommandError as error:
                return [
                    Finding(
                        "app", app, State.UNKNOWN, str(error), about=Reference("AppPlatformRegistration", app)
                    )
                ]

    return [finding for found in await asyncio.gather(*map(one, found)) for finding in found]


async def _settled(client: KubeClient, app: str) -> list[Finding]:
    found = await _once(client, app)
    if worst(found) is State.OK:
        return found
    await asyncio.sleep(_SETTLING)
    return await _once(client, app)


async def _once(client: KubeClient, app: str) -> list[Finding]:
    registration = await apps.registration(client, app)
    async with platform_repository(client, registration) as clone:
        files = await clone.files(await clone.head(), f"{names.SECRETS_FOLDER}/")
    return verify(
        Held(
            registration, files, await _intents(client, registration), await _identities(client, registration)
        )
    )


async def _intents(client: KubeClient, registration: Registration) -> list[Intent]:
    home = registration.platform_namespace
    try:
        return [Intent.from_object(obj) for obj in await client.list(SECRETS, home, apps.INTENTS)]
    except Forbidden:
        raise CommandError(f"this needs the right to list secrets in {home}") from None


async def _identities(client: KubeClient, registration: Registration) -> tuple[sops.Identity, ...]:
    home = registration.platform_namespace
    try:
        secret = await client.get(SECRETS, names.AGE_KEY_SECRET, home)
        return sops.parse_identities(_entry(secret))
    except NotFound:
        raise CommandError(
            f"Secret {names.AGE_KEY_SECRET} is missing in {home}: nothing can be decrypted"
        ) from None
    except sops.InvalidKeyError as error:
        raise CommandError(f"Secret {names.AGE_KEY_SECRET} in {home}: {error}") from None


def _entry(secret: dict[str, dict[str, str]]) -> str:
    return (
        Intent.from_object({**secret, "type": ""}).data.get(names.AGE_KEY_ENTRY, b"").decode(errors="replace")
    )
