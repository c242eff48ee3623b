"""What this service remembers beside Authelia's list: who has which client, which list is known to work, what is being tried.

Kept in the same Secret as the list, so that one compare-and-swap covers both; compressed, since a Secret holds 1 MiB at most.
Guarantees: a registry that was written is read back equal, also by a version that does not know all of its fields. It can be lost:
it is then made again from the labelled Secrets (``complete`` is false until that was done), and Authelia's present list is taken
for one that works.
Leaves out: every decision (``core``, ``trials``).
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app_platform.contracts import names
from app_platform.oidc_registrar import credentials
from app_platform.oidc_registrar.ports import Stored
from app_platform.oidc_registrar.rendering import (
    CLAIMS_POLICY,
    ClientList,
    Entry,
    UnreadableListError,
    parse,
    sha256,
)

_STATE: Final = "registry.json.gz"
_GOOD: Final = "last-good.yml.gz"

Phase = Literal["idle", "trying", "restoring", "waiting"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Holder(_Kept):
    """Whose a client is or was.

    Attributes:
        app: Empty for the platform's own.
        uid: Of the Secret that asks for it, or did.
    """

    app: str
    uid: str


class Record(Holder):
    """A client that an app has, or will have as soon as Authelia runs with it.

    Attributes:
        secret: Name of the labelled Secret.
        created: When that was made (RFC 3339).
        fingerprint: Of the client secret that the entry's digest was made from; empty for a public client.
    """

    secret: str
    created: str
    hostname: str
    fingerprint: str
    entry: dict[str, Any] = Field(repr=False)


class Held(_Kept):
    """A client in quarantine, as it was when Authelia did not run with it.

    Attributes:
        entry: Digest of the entry: another one may be tried.
        reason: What to change.
    """

    entry: str
    reason: str


class Registry(_Kept):
    """All that is remembered.

    Attributes:
        key: For fingerprints, in hex.
        complete: Whether every app was looked at since the registry was made.
        records: By client id.
        foreign: Clients put into the list by others, by client id.
        policies: Claims policies of others, by name.
        leaving: Clients that Authelia may still run with, though nobody asks for them any more, by client id.
        held: By client id.
        published: Digest of the file as this service wrote it last; another digest means that somebody edited it.
        phase: ``trying`` a list, ``restoring`` the last good one, ``waiting`` for Authelia to get well, or ``idle``.
        trial: Clients that the published list has new or changed, each with the digest of its entry.
        going: Clients that it no longer has, each with the uid of its former Secret.
        attempt: Number of the latest roll.
        limit: How many changes to try at once; 0 for any number.
        failures: Lists in a row that Authelia did not run with and for which no client was to blame.
        unsettled: Apps that are to be told how their clients stand.
        note: What all that is pending waits for, if that is not Authelia's rollout.
    """

    key: str = Field(repr=False)
    complete: bool = False
    records: dict[str, Record] = {}
    foreign: dict[str, dict[str, Any]] = Field(default={}, repr=False)
    policies: dict[str, Any] = {}
    leaving: dict[str, Holder] = {}
    held: dict[str, Held] = {}
    published: str = ""
    phase: Phase = "idle"
    trial: dict[str, str] = {}
    going: dict[str, str] = {}
    attempt: int = 0
    limit: int = 0
    failures: int = 0
    unsettled: tuple[str, ...] = ()
    note: str = ""

    def wanted(self) -> dict[str, Entry]:
        """Every client that Authelia should run with, by id; ours win over those of others."""
        return {**self.foreign, **{client_id: record.entry for client_id, record in self.records.items()}}

    def apps_of(self, client_ids: Iterable[str]) -> set[str]:
        """The apps that have or had one of these clients."""
        ids = set(client_ids)
        holders: list[tuple[str, Holder]] = [*self.records.items(), *self.leaving.items()]
        return {holder.app for client_id, holder in holders if client_id in ids and holder.app}


class State(BaseModel):
    """The Secret, read.

    Attributes:
        registry: What is remembered.
        file: The list as it is published.
        good: The latest list that Authelia was seen to run with, or must be taken to.
        version: Of the Secret.
        is_new: Whether the registry has yet to be stored, its key with it.
    """

    model_config = ConfigDict(frozen=True)

    registry: Registry
    file: bytes = Field(repr=False)
    good: bytes = Field(repr=False)
    version: str
    is_new: bool = False

    def good_clients(self) -> Mapping[str, Entry]:
        """What Authelia runs with, by client id."""
        return lenient(self.good).clients


def digest_of(entry: Entry) -> str:
    """What tells entries apart, in hex."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def read(stored: Stored) -> State:
    """What the Secret holds; a new registry when it holds none."""
    file = stored.files.get(names.OIDC_CLIENTS_ENTRY, b"")
    good = _unzipped(stored.files.get(_GOOD, b""))
    registry = _registry(_unzipped(stored.files.get(_STATE, b"")))
    if registry is None:
        return State(registry=_anew(file), file=file, good=file, version=stored.version, is_new=True)
    return State(registry=registry, file=file, good=good, version=stored.version)


def foreign(listed: ClientList, ours: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """The clients of a list that others put there: not ``ours``, and without the claims policy by which this service knows its own."""
    return {
        client_id: dict(entry)
        for client_id, entry in listed.clients.items()
        if client_id not in ours and entry.get("claims_policy") != CLAIMS_POLICY
    }


def _anew(file: bytes) -> Registry:
    listed = lenient(file)
    others = foreign(listed)
    left = {client_id: Holder(app="", uid="") for client_id in listed.clients.keys() - others.keys()}
    return Registry(
        key=credentials.new_key(),
        foreign=others,
        policies=dict(listed.policies),
        leaving=left,
        published=sha256(file),
    )


def write(state: State) -> dict[str, bytes]:
    """The Secret's entries."""
    return {
        names.OIDC_CLIENTS_ENTRY: state.file,
        _GOOD: _zipped(state.good),
        _STATE: _zipped(state.registry.model_dump_json().encode()),
    }


@lru_cache(maxsize=4)
def lenient(file: bytes) -> ClientList:
    """What a list holds; nothing when it cannot be read. Remembered, as each look asks it of the same lists; do not change it."""
    try:
        return parse(file)
    except UnreadableListError:
        return ClientList()


def _registry(content: bytes) -> Registry | None:
    try:
        return Registry.model_validate_json(content) if content else None
    except ValidationError:
        return None


def _zipped(content: bytes) -> bytes:
    # No time in it: equal content gives equal bytes.
    return gzip.compress(content, mtime=0)


def _unzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return b""
