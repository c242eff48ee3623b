"""Running local platforms for tests: real programs, in folders of their own, ended with the test run."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app_platform.local import SERVICES, Options, Platform

INFRASTRUCTURE = Options(services=(), with_caller=True)

# What a killed replica held comes to another after the first, and its apps after the second; 30 and 15 in production. Groups are asked
# for again after the third; 300.
_QUICK_CONSUMERS = {"APP_PLATFORM_ACK_WAIT": "5"}
_QUICK_SERVICES = {"APP_PLATFORM_LEASE_SECONDS": "5", "APP_PLATFORM_RECHECK_SECONDS": "1"}
WITH_SERVICES = Options(
    services=tuple(replace(service, env=_QUICK_SERVICES) for service in SERVICES),
    replicas=2,
    bootstrap_env=_QUICK_CONSUMERS,
    with_caller=True,
)

PlatformFactory = Callable[..., Platform]


@contextmanager
def making(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformFactory]:
    """Makes platforms, not yet up; all are ended in the end."""
    made: list[Platform] = []

    def make(name: str, options: Options = INFRASTRUCTURE) -> Platform:
        made.append(Platform(tmp_path_factory.mktemp(name), options))
        return made[-1]

    try:
        yield make
    finally:
        for platform in made:
            platform.reset()


@pytest.fixture(scope="module")
def new_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformFactory]:
    """Makes further platforms, not yet up: `new_platform("name")`; all are ended with the module, as idle ones take time of others."""
    with making(tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform without services, shared by the whole run: use names of your own in it."""
    with making(tmp_path_factory) as make:
        running = make("platform")
        running.up()
        yield running


@pytest.fixture(scope="session")
def whole_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One platform with two replicas of every service, shared by the whole run: use apps of your own in it."""
    with making(tmp_path_factory) as make:
        running = make("whole", WITH_SERVICES)
        running.up()
        yield running


@pytest.fixture(scope="session")
def kubeconfig(platform: Platform) -> Path:
    """The administrator's kubeconfig of the shared platform."""
    return Path(platform.env["KUBECONFIG"])


def eventually(is_so: Callable[[], object], what: str, *, within: float = 30.0) -> None:
    """Wait until `is_so()` holds; fails, saying what did not happen, after `within` seconds."""
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:.0f} s: {what}")
        time.sleep(0.05)
