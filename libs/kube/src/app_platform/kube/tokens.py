"""Bearer tokens that stay fresh: given, read from a file that is renewed, or asked of an exec plug-in."""

import asyncio
import datetime as dt
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

import orjson

_FILE_SECONDS: Final = (
    60.0  # how long a token read from a file is trusted; kubelet renews it long before it expires
)
_EXPIRY_MARGIN: Final = dt.timedelta(minutes=1)
_EXEC_SECONDS: Final = 60.0


class TokenError(Exception):
    """There is no token to be had; the message says from where it was wanted."""


class TokenSource(Protocol):
    """Something that has a bearer token."""

    async def get(self, *, renew: bool = False) -> str:
        """The token to use now.

        Args:
            renew: do not trust what is remembered: the server has just refused it.

        Raises:
            TokenError: there is none.
        """


@dataclass(frozen=True)
class StaticToken:
    """A token that never changes."""

    value: str = field(repr=False)

    async def get(self, *, renew: bool = False) -> str:
        """See `TokenSource`."""
        del renew
        return self.value


@dataclass
class FileToken:
    """A token in a file that somebody else renews."""

    path: Path
    _value: str = field(default="", repr=False)
    _read_at: float = field(default=float("-inf"), repr=False)

    async def get(self, *, renew: bool = False) -> str:
        """See `TokenSource`."""
        if renew or time.monotonic() - self._read_at > _FILE_SECONDS:
            try:
                self._value = self.path.read_text().strip()
            except OSError as error:
                raise TokenError(f"the token file {self.path} is not readable: {error.strerror}") from None
            self._read_at = time.monotonic()
        return self._value


@dataclass
class ExecToken:
    """A token from a program, as the cloud providers have it (client.authentication.k8s.io)."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    _value: str = field(default="", repr=False)
    _expires: dt.datetime | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @classmethod
    def parse(cls, section: dict[str, Any], base: Path) -> Self:
        """Read the `exec` section of a kubeconfig's user; a command with a slash is relative to the kubeconfig."""
        program = str(section.get("command", ""))
        command = [str(base / program) if "/" in program else program, *map(str, section.get("args") or [])]
        environment = {str(one["name"]): str(one["value"]) for one in section.get("env") or []}
        return cls(command, environment, str(section.get("apiVersion") or cls.api_version))

    async def get(self, *, renew: bool = False) -> str:
        """See `TokenSource`."""
        async with self._lock:  # one run of the program, however many requests wait for it
            if renew or not self._value or self._is_old():
                await self._run()
            return self._value

    def _is_old(self) -> bool:
        return self._expires is not None and dt.datetime.now(dt.UTC) > self._expires - _EXPIRY_MARGIN

    async def _run(self) -> None:
        status = await self._credential()
        if not status.get("token"):
            raise TokenError(
                f"{self.command[0]} gave no token (client certificates from plug-ins are not supported)"
            )
        self._value = str(status["token"])
        expiry = status.get("expirationTimestamp")
        self._expires = dt.datetime.fromisoformat(str(expiry)) if expiry else None

    async def _credential(self) -> dict[str, Any]:
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        env = {**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": orjson.dumps(info).decode()}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, env=env, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise TokenError(f"{self.command[0]} cannot be run: {error.strerror}") from None
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _EXEC_SECONDS)
            answer: dict[str, Any] = orjson.loads(output)
        except TimeoutError:
            process.kill()
            raise TokenError(f"{self.command[0]} did not answer within {_EXEC_SECONDS:.0f} s") from None
        except orjson.JSONDecodeError:  # what it printed may be a credential: it is not repeated
            raise TokenError(f"{self.command[0]} did not print an ExecCredential") from None
        return answer.get("status") or {}
