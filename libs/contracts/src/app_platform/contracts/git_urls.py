"""URLs of Git repositories: what people write, what Flux takes, and when two mean the same repository.

Guarantees: pure text; no host is asked. Leaves out: redirects of renamed repositories and aliases of hosts.
"""

import re
from typing import Final
from urllib.parse import urlsplit

_SCP: Final = re.compile(r"^(?:(?P<user>[^@/:]+)@)?(?P<host>[^/:@\[\]]+):(?P<path>[^/].*)$")
"""``[user@]host:path`` (git-clone, "GIT URLS"); a path that starts with a slash is left to the other forms."""
_DEFAULT_USER: Final = "git"


def for_flux(url: str) -> str:
    """The URL as Flux takes it: ``git@host:owner/repo.git`` becomes ``ssh://git@host/owner/repo.git``.

    Flux refuses the scp-like form (source-controller GitRepository ``spec.url`` must match ``^(http|https|ssh)://``).
    Anything else is returned as it is.
    """
    text = url.strip()
    scp = _SCP.match(text) if "://" not in text else None
    if scp is None:
        return text
    return f"ssh://{scp['user'] or _DEFAULT_USER}@{scp['host']}/{scp['path']}"


def identity(url: str) -> str:
    """Host and path by which two URLs of one repository are the same, for instance ``github.com/owner/repo``.

    User, password, ``.git`` and letter case do not matter; a port does for HTTP only, where it tells servers apart. Empty for
    what is no URL of a repository.
    """
    try:
        parts = urlsplit(for_flux(url))
        port = parts.port
    except ValueError:
        return ""
    path = parts.path.strip("/").removesuffix(".git").lower()
    if not parts.hostname or not path:
        return ""
    host = f"{parts.hostname}:{port}" if port and parts.scheme != "ssh" else parts.hostname
    return f"{host}/{path}"
