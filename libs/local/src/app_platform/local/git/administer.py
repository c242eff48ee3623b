"""Administering the local Git server from the command line: what people do on a forge's pages."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from app_platform.local.errors import LocalError

_SECONDS = 10.0


@dataclass(frozen=True)
class AppRepository:
    """A repository of owner `apps`.

    Attributes:
        env: what `.local/env` says.
    """

    env: Mapping[str, str]
    name: str

    @property
    def push_url(self) -> str:
        """By which you clone and push, with the administrator's token."""
        return f"{self._base.replace('//', '//admin:$GIT_TOKEN@')}/apps/{self.name}.git"

    @property
    def ssh_url(self) -> str:
        """By which deploy keys read."""
        return f"{self.env['GIT_SSH_URL']}/apps/{self.name}.git"

    @property
    def _base(self) -> str:
        return self.env["GIT_URL"]

    def make(self) -> None:
        """Create it, unless it is there.

        Raises:
            LocalError: the server refuses, or is not up.
        """
        self._ask("PUT", "")

    def add_deploy_key(self, key: str) -> None:
        """Let a key read it.

        Raises:
            LocalError: as above; or the key is none.
        """
        self._ask("POST", "/keys", {"key": key})

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> None:
        if not self.env:
            raise LocalError("the platform is not up: run `make up` first")
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self._base}/api/repos/apps/{self.name}{path}",
            json.dumps(body).encode() if body else None,
            {"Authorization": f"Bearer {self.env['GIT_TOKEN']}"},
            method=method,
        )
        try:
            urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310 - as above
        except urllib.error.HTTPError as error:
            with error:
                raise LocalError(f"repository {self.name}: {json.load(error)['error']}") from None
        except urllib.error.URLError as error:
            raise LocalError(f"the Git server does not answer: {error.reason}") from None
