"""What people enter in the forms of GitRepositories, and what it means to Flux. Pure.

Guarantees: everything that can be said without asking Kubernetes is said, at the field. A URL with a password is refused and not
shown again. Leaves out: what admission policies and Kubernetes refuse, see ``refusals``.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from app_platform.contracts import git_urls, names
from app_platform.dashboard.flux.objects import shown_url
from app_platform.dashboard.flux.refusals import Faults
from app_platform.dashboard.flux.sources import Source, key_name
from app_platform.dashboard.web.forms import Form
from app_platform.gitread import HASHED, known_lines

MAX_NAME: Final = names.MAX_DNS_LABEL - len(names.DEPLOY_KEY)
"""So that the name of its deploy key is a DNS label."""
DURATION: Final = r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+"
"""``spec.interval`` in the definitions of both kinds."""
NAME_FAULT: Final = "Use lower-case letters, digits and dashes, and begin and end with a letter or digit."
DURATION_FAULT: Final = "Write a number and a unit, for instance 30s, 5m or 1h."
_DURATION: Final = re.compile(DURATION)
_BRANCH: Final = re.compile(r"(?!/)(?!.*(//|\.\.|@\{|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])")
"""What git-check-ref-format(1) allows in a branch."""
_SCHEMES: Final = frozenset({"ssh", "https", "http"})
_SSH: Final = "ssh://"


@dataclass(frozen=True)
class SourceEntry:
    """The form of a GitRepository.

    Attributes:
        url: As Flux takes it.
        known_hosts: Lines that were pasted; empty for servers that the platform knows.
        generation: Of the object when the form was shown; empty for a new one.
    """

    name: str = ""
    url: str = ""
    branch: str = names.BRANCH
    interval: str = "1m"
    known_hosts: str = ""
    generation: str = ""

    @property
    def by_ssh(self) -> bool:
        """Whether Flux needs a key."""
        return self.url.startswith(_SSH)

    @property
    def shown(self) -> "SourceEntry":
        """As it may be shown again."""
        return replace(self, url=shown_url(self.url))

    def spec(self) -> dict[str, Any]:
        """What of the object's spec this form decides; ``None`` removes."""
        return {
            "url": self.url,
            "interval": self.interval,
            "secretRef": {"name": key_name(self.name)} if self.by_ssh else None,
            **({"ref": {"branch": self.branch}} if self.branch else {}),
        }


def source_entry(form: Form, name: str = "") -> SourceEntry:
    """What was entered.

    Args:
        form: The posted form.
        name: Of the object, if there is one already.
    """
    return SourceEntry(
        name=name or form.text("name"),
        url=git_urls.for_flux(form.text("url")),
        branch=form.text("branch"),
        interval=form.text("interval"),
        known_hosts=form.text("known_hosts"),
        generation=form.text("generation"),
    )


def entry_of(source: Source) -> SourceEntry:
    """The form filled in with what is there."""
    return SourceEntry(
        source.name, source.url, source.branch, source.interval, generation=str(source.generation)
    )


def source_faults(
    entry: SourceEntry, known: str, *, branch_needed: bool = True, key_needed: bool = True
) -> Faults:
    """What is wrong, by field; empty when nothing is.

    Args:
        entry: What was entered.
        known: The known_hosts file of the platform.
        branch_needed: Whether the branch may not be left empty.
        key_needed: Whether a deploy key is to be made, if it is fetched over SSH.
    """
    found = {
        "name": name_fault(entry.name, MAX_NAME),
        "url": _url_fault(entry.url),
        "branch": _branch_fault(entry.branch, needed=branch_needed),
        "interval": interval_fault(entry.interval),
    }
    if key_needed and entry.by_ssh and not found["url"]:
        found["known_hosts"] = _host_fault(entry, known)
    return {field: fault for field, fault in found.items() if fault}


def host_keys(entry: SourceEntry, known: str) -> str:
    """The known_hosts lines for the server of an entry without faults: the platform's if it has some, else those that were pasted."""
    host, port = _server(entry.url)
    lines = known_lines(known, host, port) or known_lines(entry.known_hosts, host, port)
    return "\n".join(lines) + "\n"


def name_fault(name: str, longest: int) -> str:
    """What is wrong with the name of an object."""
    if not name:
        return "Give it a name."
    if len(name) > longest:
        return f"The name may have at most {longest} characters; this has {len(name)}."
    return "" if names.is_dns_label(name) else NAME_FAULT


def interval_fault(interval: str) -> str:
    """What is wrong with a duration."""
    return "" if _DURATION.fullmatch(interval) else DURATION_FAULT


def _url_fault(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "This is not a URL: check the host and the port."
    if parts.scheme not in _SCHEMES or not git_urls.identity(url) or not url.isprintable() or " " in url:
        return "Enter the repository's SSH URL, for instance git@github.com:owner/repo.git."
    if parts.password is not None:
        return "Leave the password out of the URL: everybody in the app could read it. For a private repository use its SSH URL."
    return ""


def _branch_fault(branch: str, *, needed: bool) -> str:
    if not branch:
        return "Name the branch that is to be deployed." if needed else ""
    return "" if _BRANCH.fullmatch(branch) else "Git does not allow this name for a branch."


def _host_fault(entry: SourceEntry, known: str) -> str:
    host, port = _server(entry.url)
    if known_lines(known, host, port) or known_lines(entry.known_hosts, host, port):
        return ""
    if not entry.known_hosts:
        return f"The platform does not know {host}. Paste its host keys, as ssh-keyscan prints them, after comparing them with what its operator publishes."
    if HASHED in entry.known_hosts:
        return "The names in these lines are hashed: paste them as ssh-keyscan prints them without -H."
    named = f"[{host}]:{port}" if port else host
    return f"None of these lines is for {named}."


def _server(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port
