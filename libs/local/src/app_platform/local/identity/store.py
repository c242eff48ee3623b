"""Codes, tokens and remembered consents, in one SQLite file: a restart of the provider loses none of them.

A code or a token is kept as its SHA-256 only. One that may be used once and is used again was copied by somebody: everything
that came of the same sign-in is revoked then (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2). Several processes may use the
file at once, as two do while one takes over from the other.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

Kind = Literal["code", "access", "refresh", "consent"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS grants (
    digest  BLOB PRIMARY KEY,
    kind    TEXT NOT NULL,
    family  TEXT NOT NULL,
    used    INTEGER NOT NULL DEFAULT 0,
    expires REAL NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS grants_family ON grants (family);
"""
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Grant:
    """What a code or token stands for. The methods are those that Authlib asks codes and tokens for.

    Attributes:
        family: the sign-in that it came of.
        auth_time: when the user gave the password, in seconds of the epoch.
        requested_at: when the client asked for authorization.
        code_challenge: of PKCE; empty for none.
    """

    family: str
    client_id: str
    username: str
    scope: str
    auth_time: int
    requested_at: int
    redirect_uri: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""

    def get_redirect_uri(self) -> str:
        """For Authlib."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """For Authlib."""
        return self.scope

    def get_nonce(self) -> str:
        """For Authlib."""
        return self.nonce

    def get_auth_time(self) -> int:
        """For Authlib."""
        return self.auth_time

    def get_acr(self) -> None:
        """No authentication context class is claimed."""

    def get_amr(self) -> list[str]:
        """RFC 8176: a password, and nothing else."""
        return ["pwd"]

    def check_client(self, client: object) -> bool:
        """Whether it was issued to this client."""
        return self.client_id == getattr(client, "client_id", None)

    def is_expired(self) -> bool:
        """The store gives out nothing that is."""
        return False

    def is_revoked(self) -> bool:
        """The store gives out nothing that is."""
        return False

    def narrowed(self, scope: str) -> "Grant":
        """The same for fewer scopes; what belonged to the code alone is dropped."""
        return replace(
            self, scope=scope, redirect_uri="", nonce="", code_challenge="", code_challenge_method=""
        )


class Store:
    """The file.

    Args:
        path: made if it is not there.
        now: the clock, in seconds of the epoch.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        path.touch(mode=0o600)
        with self._transaction() as database:
            database.executescript(_SCHEMA)

    def put(self, kind: Kind, secret: str, grant: Grant, seconds: int) -> None:
        """Keep a grant for some seconds. What is over for good is forgotten at this occasion."""
        now = self._now()
        row = (_digest(kind, secret), kind, grant.family, now + seconds, json.dumps(asdict(grant)))
        with self._transaction() as database:
            database.execute("DELETE FROM grants WHERE expires < ?", (now,))
            database.execute(
                "INSERT OR REPLACE INTO grants (digest, kind, family, expires, body) VALUES (?, ?, ?, ?, ?)",
                row,
            )

    def find(self, kind: Kind, secret: str) -> Grant | None:
        """What a secret stands for now."""
        with self._transaction() as database:
            query = "SELECT body FROM grants WHERE digest = ? AND used = 0 AND expires >= ?"
            row = database.execute(query, (_digest(kind, secret), self._now())).fetchone()
        return Grant(**json.loads(row[0])) if row else None

    def redeem(self, kind: Kind, secret: str) -> Grant | None:
        """What a secret stands for, once. A second time revokes the whole family."""
        digest = _digest(kind, secret)
        with self._transaction() as database:
            query = "SELECT used, family, body FROM grants WHERE digest = ? AND expires >= ?"
            row = database.execute(query, (digest, self._now())).fetchone()
            if row is None:
                return None
            used, family, body = row
            if used:
                database.execute("DELETE FROM grants WHERE family = ? AND used = 0", (family,))
                return None
            database.execute("UPDATE grants SET used = 1 WHERE digest = ?", (digest,))
        return Grant(**json.loads(body))

    def revoke(self, family: str) -> None:
        """Forget all codes and tokens of one sign-in."""
        with self._transaction() as database:
            database.execute("DELETE FROM grants WHERE family = ?", (family,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for each, as threads and processes may not share one."""
        with closing(
            sqlite3.connect(self._path, timeout=_PATIENCE_SECONDS, isolation_level=None)
        ) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.rollback()
                raise
            database.commit()


def _digest(kind: Kind, secret: str) -> bytes:
    return hashlib.sha256(f"{kind}:{secret}".encode()).digest()
