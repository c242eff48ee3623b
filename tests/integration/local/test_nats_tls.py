"""NATS over TLS on the local platform: both sides show certificates, and nobody gets in without one, or under another's name."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nats.errors
import pytest

from app_platform.local import Options, Platform, Service
from app_platform.local.certificates import keep
from app_platform.runtime import RuntimeSettings, accounts
from app_platform.runtime.connection import connected, jetstream
from app_platform.runtime.permissions import READER
from support.nats import until
from support.platform import PlatformFactory, eventually

NAMESPACE_RBAC = Service("namespace-rbac", "app_platform.namespace_rbac")


@pytest.fixture(scope="module")
def encrypted(new_platform: PlatformFactory) -> Iterator[Platform]:
    """A platform on TLS with one of the services, which is ready only when its consumer answers."""
    running: Platform = new_platform("tls", Options(services=(NAMESPACE_RBAC,), tls=True, with_caller=True))
    running.up()
    yield running
    running.reset()


def settings(platform: Platform, **changes: object) -> RuntimeSettings:
    files = platform.state.certificates
    known = {
        "nats_url": platform.env["NATS_URL"],
        "nats_nkey": accounts.key_file(platform.state.nats_keys, READER),
        "nats_ca": files / "ca.crt",
        "nats_certificate": files / "client.crt",
        "nats_certificate_key": files / "client.key",
    }
    return RuntimeSettings.model_validate({**known, **changes})


async def events_are_there(with_settings: RuntimeSettings) -> bool:
    async with connected(with_settings, READER, wait=False) as client:
        return (await jetstream(client).stream_info("EVENTS")).config.name == "EVENTS"


async def test_services_and_commands_speak_tls(encrypted: Platform) -> None:
    assert encrypted.env["NATS_URL"].startswith("tls://")
    assert await events_are_there(settings(encrypted))
    assert encrypted.control.status()["namespace-rbac-0"].state == "ready"
    command = [sys.executable, "-m", "app_platform.cli", "events", "list"]
    env = {"PATH": os.environ["PATH"], **encrypted.env}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - the platform is not in this loop
    assert done.returncode == 0, done.stderr


def test_the_nats_program_finds_all_in_the_environment(encrypted: Platform) -> None:
    program = encrypted.state.bin / "nats"
    env = {"PATH": os.environ["PATH"], "HOME": str(encrypted.state.root), **encrypted.env}
    done = subprocess.run(
        [str(program), "stream", "ls", "--names"], env=env, capture_output=True, text=True, check=False
    )
    assert "EVENTS" in done.stdout.split(), done.stderr


@pytest.mark.parametrize(
    "changes", [{"nats_ca": None}, {"nats_certificate": None, "nats_certificate_key": None}]
)
async def test_without_tls_or_certificate_nobody_gets_in(
    encrypted: Platform, changes: dict[str, object]
) -> None:
    url = encrypted.env["NATS_URL"].replace("tls://", "nats://")
    with pytest.raises((nats.errors.Error, OSError)):
        await events_are_there(settings(encrypted, nats_url=url, **changes))


async def test_a_server_that_another_authority_vouches_for_is_not_believed(
    encrypted: Platform, tmp_path: Path
) -> None:
    keep(tmp_path / "others")
    with pytest.raises((nats.errors.Error, ssl.SSLError, OSError)):
        await events_are_there(settings(encrypted, nats_ca=tmp_path / "others" / "ca.crt"))


async def test_certificates_that_were_replaced_are_used_at_the_next_connection(encrypted: Platform) -> None:
    files = encrypted.state.certificates
    async with connected(settings(encrypted), READER) as client:
        for file in files.iterdir():
            file.unlink()
        keep(files)
        encrypted.control.restart("nats")

        async def answers() -> bool:
            try:
                return client.is_connected and bool((await jetstream(client).stream_info("EVENTS")).config)
            except (nats.errors.Error, TimeoutError):
                return False

        await until(answers, "it has connected again, with the new certificates")


def test_going_to_tls_and_back_restarts_what_has_changed(new_platform: PlatformFactory) -> None:
    platform: Platform = new_platform("to-tls")
    platform.up()
    before = {name: child.pid for name, child in platform.control.status().items()}
    again = Platform(platform.state.root, Options(services=(), tls=True, with_caller=True))
    again.up()
    after = {name: child.pid for name, child in again.control.status().items()}
    assert {name for name in before if before[name] != after[name]} == {"nats", "nats-bootstrap"}
    eventually(lambda: again.control.status()["nats-bootstrap"].state == "ready", "it speaks TLS")
