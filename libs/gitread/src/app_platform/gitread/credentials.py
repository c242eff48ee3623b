"""How a GitRepository's Secret lets git in. Pure, but for the files that an SSH key needs.

Entries are those of Flux (https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference): ``username`` and ``password``,
or ``identity`` and ``known_hosts``. Leaves out: bearer tokens, certificates, passphrases of keys.
"""

import base64
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class CredentialError(Exception):
    """The Secret does not hold what git needs; the text names the entries, never a value."""


class Credential(Protocol):
    """What git needs of its environment to be let in."""

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables; what must be a file is written into the folder."""
        ...


@dataclass(frozen=True)
class Password:
    """For http and https."""

    user: str
    password: str = field(repr=False)

    def environment(self, folder: Path) -> dict[str, str]:  # noqa: ARG002 - the protocol's
        """As a header, by variables: a command line could be read by others."""
        encoded = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}",
        }


@dataclass(frozen=True)
class SshKey:
    """For ssh."""

    identity: str = field(repr=False)
    known_hosts: str

    def environment(self, folder: Path) -> dict[str, str]:
        """By OpenSSH, which looks at these two files and at nothing of the user's."""
        for name, text in (("identity", self.identity), ("known_hosts", self.known_hosts)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(text if text.endswith("\n") else text + "\n")
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": str(folder / "identity"),
            "UserKnownHostsFile": str(folder / "known_hosts"),
            "GlobalKnownHostsFile": os.devnull,
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
        }
        command = ["ssh", "-F", os.devnull, *(f"-o{name}={value}" for name, value in options.items())]
        return {"GIT_SSH_COMMAND": shlex.join(command)}


def credential(url: str, name: str, data: Mapping[str, str]) -> Credential:
    """What a Secret holds for a URL.

    Args:
        url: of the GitRepository.
        name: of the Secret, for messages.
        data: its ``data``, in base64; empty when there is no such Secret.

    Raises:
        CredentialError: an entry is missing, or is not text.
    """
    if url.startswith("ssh://"):
        identity, known_hosts = _entries(name, data, "identity", "known_hosts")
        return SshKey(identity, known_hosts)
    user, password = _entries(name, data, "username", "password")
    return Password(user, password)


def _entries(name: str, data: Mapping[str, str], *keys: str) -> list[str]:
    if not set(keys) <= data.keys():
        raise CredentialError(f"the Secret {name} needs the keys {' and '.join(keys)}")
    try:
        return [base64.b64decode(data[key]).decode() for key in keys]
    except UnicodeDecodeError:
        # Without the cause, whose text quotes the value.
        raise CredentialError(f"the Secret {name} holds values that are not text") from None
