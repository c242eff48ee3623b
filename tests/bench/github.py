"""Many secrets of one app over GitHub: our commits of batches, against one commit per file with PyGithub as it comes.

Both go to the emulated API (``tests/support/github``) under GitHub's own limits: 80 content writes a minute, 500 an hour. Ours
is measured whole. The other would take hours, so a sample of it is measured and the rest is computed: the larger of its own
pace and of what the hourly limit lets through. The network's time is in neither.
"""

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from github import Auth, Github

from app_platform.contracts import EncryptedFile, EncryptionKeyReady, SecretEncrypted, names
from app_platform.git_committer import handlers
from app_platform.git_committer.ports import IntentState, Ports
from app_platform.runtime import Done
from support.fakes.committer import FakeCluster, FakeDelivered
from support.fakes.events import Sink
from support.fakes.registrations import FakeRegistrations
from support.github.forge import opened, with_token
from support.github.server import ORGANIZATION, TOKEN, GitHubServer, github_server
from support.samples import registration_object

APP: Final = "bench"
TARGETS: Final = ("bench-dev", "bench-prod")
_BATCH: Final = 250
"""The consumer's largest (``APP_PLATFORM_MAX_BATCH``)."""
_SAMPLE: Final = 6
_HOUR: Final = 3600.0
_CONTENT: Final = "data:\n    password: ENC[AES256_GCM,data:xxxxxxxxxxxxxxxx,iv:y,tag:z,type:str]\n" * 12


@dataclass(frozen=True)
class Ours:
    """What was measured: seconds, writes and all requests, with making the repository."""

    seconds: float
    writes: int
    requests: int


@dataclass(frozen=True)
class Theirs:
    """What was computed from a sample: seconds and writes of all, and how many secrets the sample had."""

    seconds: float
    writes: int
    sample: int


def compare(count: int) -> tuple[Ours, Theirs]:
    """Measure both for ``count`` secrets with two targets each."""
    return asyncio.run(_compare(count))


async def _compare(count: int) -> tuple[Ours, Theirs]:
    with tempfile.TemporaryDirectory() as folder:
        async with github_server(Path(folder) / "ours") as server:
            ours = await _ours(server, count)
        async with github_server(Path(folder) / "theirs") as server:
            return ours, await _theirs(server, count)


async def _ours(server: GitHubServer, count: int) -> Ours:
    cluster = FakeCluster()
    events = [_event(f"secret-{number}") for number in range(count)]
    cluster.states = {e.name: IntentState(e.uid, e.fingerprint, deleting=False) for e in events}
    registrations = FakeRegistrations("git-committer", registration_object(APP, TARGETS))
    key = EncryptionKeyReady(app=APP, name=APP, uid="u", generation=1, recipient="age1x")
    async with opened(with_token(server)) as forge:
        ports = Ports(registrations, cluster, FakeDelivered(), forge, cluster, Sink())
        started = time.perf_counter()
        outcomes = [await handlers.key_ready(ports, [key])]
        outcomes += [
            await handlers.secrets_changed(ports, events[first : first + _BATCH])
            for first in range(0, count, _BATCH)
        ]
        seconds = time.perf_counter() - started
        if any(outcome != Done() for outcome in outcomes):
            raise RuntimeError(f"not all was committed: {outcomes}")
        held = len((await forge.head(APP)).tree)
    if held < count * len(TARGETS):
        raise RuntimeError(f"the repository holds {held} files")
    return Ours(seconds, len(server.writes()), len(server.requests))


async def _theirs(server: GitHubServer, count: int) -> Theirs:
    server.push(server.add(names.repository_name(APP)), {"README.md": "x"})
    started = time.perf_counter()
    await asyncio.to_thread(_one_by_one, server.url)
    pace = (time.perf_counter() - started) / _SAMPLE
    writes = round(len(server.writes()) / _SAMPLE * count)
    limited = (writes - 1) // server.limits.per_hour * _HOUR
    return Theirs(max(pace * count, limited), writes, _SAMPLE)


def _one_by_one(url: str) -> None:
    """What a person writes: PyGithub with its defaults, a call for each file."""
    with Github(auth=Auth.Token(TOKEN), base_url=url) as github:
        repository = github.get_repo(f"{ORGANIZATION}/{names.repository_name(APP)}")
        for number in range(_SAMPLE):
            for target in TARGETS:
                path = names.secret_path(target, f"secret-{number}")
                repository.create_file(path, f"add secret-{number}", _CONTENT, branch=names.BRANCH)


def _event(name: str) -> SecretEncrypted:
    files = tuple(
        EncryptedFile(path=names.secret_path(target, name), content=f"# {target} {name}\n{_CONTENT}")
        for target in TARGETS
    )
    return SecretEncrypted(
        app=APP, name=name, uid=f"uid-{name}", resource_version="1", fingerprint="f", keys=("k",), files=files
    )
