"""The users file of Authelia (first factor, "File"), read again when it changes, as with Authelia's `watch: true`.

A file that cannot be read stops the start. Later, a broken change is refused and said in the log, and the users of before stay.
"""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app_platform.local.identity import digests
from app_platform.local.identity.errors import ConfigurationError

# The digest of a random password, thrown away: checked for users who do not exist, so that both take as long.
_NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$DJiqyw8G6LVT1Wgzzsn2tw$quT1TuAxLTBR7iw2xa3TS4HPZluwnbBwvwQtn3K95h8"
)


def _known_digest(digest: str) -> str:
    if not digests.is_known(digest):
        raise ValueError(digests.WHY_UNKNOWN)
    return digest


class Details(BaseModel):
    """One user as the file has it (schema `user-database.json`, v4.39). Addresses and telephones are not told to clients here."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    displayname: str
    password: Annotated[str, AfterValidator(_known_digest)] = Field(repr=False)
    email: str = ""
    groups: list[str] = Field(default_factory=list)
    disabled: bool = False
    given_name: str = ""
    middle_name: str = ""
    family_name: str = ""
    nickname: str = ""
    gender: str = ""
    birthdate: str = ""
    website: str = ""
    profile: str = ""
    picture: str = ""
    zoneinfo: str = ""
    locale: str = ""
    phone_number: str = ""
    phone_extension: str = ""
    address: dict[str, Any] = Field(default_factory=dict)
    extra: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class User:
    """Somebody who may sign in."""

    name: str
    details: Details


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    users: dict[str, Details]


@dataclass
class Users:
    """The users of a file.

    Args:
        path: the file; looked at again at each question.

    Raises:
        ConfigurationError: the file cannot be used at the start.
    """

    path: Path
    _seen: tuple[int, int] = field(init=False)
    _users: Mapping[str, User] = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._seen = self._stamp()
        self._users = load_users(self.path)

    def find(self, name: str) -> User | None:
        """The user of this name, unless disabled."""
        self._follow()
        user = self._users.get(name)
        return None if user is None or user.details.disabled else user

    def authenticate(self, name: str, password: str) -> User | None:
        """The user, if the password is right. Takes as long for a name that does not exist."""
        user = self.find(name)
        right = digests.verify(user.details.password if user else _NOBODY, password)
        return user if right else None

    def _follow(self) -> None:
        with self._lock:
            stamp = self._stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
            try:
                self._users = load_users(self.path)
            except ConfigurationError as error:
                sys.stderr.write(f"the users stay as they were: {error}\n")

    def _stamp(self) -> tuple[int, int]:
        try:
            status = self.path.stat()
        except OSError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)


def load_users(path: Path) -> Mapping[str, User]:
    """Read and validate a users file.

    Raises:
        ConfigurationError: it cannot be read, or is not of Authelia's format.
    """
    try:
        users = _File.model_validate(yaml.safe_load(path.read_text())).users
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError:
        raise ConfigurationError(f"{path} is not YAML") from None  # PyYAML's message quotes the file
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise ConfigurationError("\n".join([f"{path}:", *mistakes])) from None
    return {name: User(name, details) for name, details in users.items()}
