"""From settings to how we, and Flux, get into GitHub. Files are read here, once, at start.

Guarantees: what is wrong with a file is told with the name of its variable, and nothing of its content.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from github import Auth

from app_platform.git_committer.adapters.github.access import Access, DeployKeys, ReadingApp
from app_platform.git_committer.adapters.github.api import GitHubApi, Login
from app_platform.git_committer.settings import GitHubSettings
from app_platform.gitread import HASHED, github_known_hosts
from app_platform.runtime import SettingsError

PUBLIC_API: Final = "https://api.github.com"
_ENTERPRISE_PATH: Final = "/api/v3"


@dataclass(frozen=True)
class Keys:
    """What the files hold; empty for those that are not needed."""

    app: str = field(repr=False, default="")
    flux_app: str = field(repr=False, default="")
    known_hosts: str = ""


def read_keys(settings: GitHubSettings) -> Keys:
    """Read and check all files.

    Raises:
        SettingsError: One is missing or does not hold what it should.
    """
    return Keys(
        app=_rsa_key("PRIVATE_KEY_FILE", settings.private_key_file),
        flux_app=_rsa_key("FLUX_PRIVATE_KEY_FILE", settings.flux_private_key_file),
        known_hosts=_known_hosts(settings),
    )


def login(settings: GitHubSettings, keys: Keys) -> Login:
    """How we authenticate: by a token, or as the App in the organisation."""
    if settings.token is not None:
        token = settings.token.get_secret_value()
        return lambda: Auth.Token(token)
    app_id, installation = settings.app_id or 0, settings.installation_id or 0
    return lambda: Auth.AppAuth(app_id, keys.app).get_installation_auth(installation)


def access(settings: GitHubSettings, keys: Keys, api: GitHubApi) -> Access:
    """How Flux authenticates."""
    if settings.flux_credential == "deploy-key":
        return DeployKeys(api, keys.known_hosts)
    own_server = settings.api_url if settings.api_url != PUBLIC_API else ""
    return ReadingApp(
        settings.flux_app_id or 0, settings.flux_installation_id or 0, keys.flux_app, own_server
    )


def budget_name(settings: GitHubSettings) -> str:
    """Names the credential whose limits are shared, without telling it: a server, and an App or the token's organisation."""
    who = f"app-{settings.app_id}" if settings.app_id else "token"
    return f"github/{urlsplit(settings.api_url).hostname}/{settings.organization}/{who}"


def git_host(api_url: str) -> str:
    """Where repositories are cloned from: ``github.com``, the Enterprise server, or ``<name>.ghe.com`` behind ``api.``."""
    return (urlsplit(api_url).hostname or "").removeprefix("api.")


def _known_hosts(settings: GitHubSettings) -> str:
    if settings.flux_credential != "deploy-key":
        return ""
    host = git_host(settings.api_url)
    if settings.known_hosts_file is None:
        text = github_known_hosts()
    else:
        text = _text("KNOWN_HOSTS_FILE", settings.known_hosts_file)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    # Hashed names (ssh-keygen -H) cannot be read; that they are the right ones is the administrator's word.
    if not any(host in _hosts(line) or line.startswith(HASHED) for line in lines):
        raise _wrong("KNOWN_HOSTS_FILE", f"must hold a host key of {host}: see ssh-keyscan {host}")
    return "\n".join(lines) + "\n"


def _hosts(line: str) -> set[str]:
    """Names of a line (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"), without brackets and ports."""
    return {name.removeprefix("[").partition("]")[0] for name in line.split(maxsplit=1)[0].split(",")}


def _rsa_key(variable: str, file: Path | None) -> str:
    if file is None:
        return ""
    text = _text(variable, file)
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(variable, "holds no PEM private key without a passphrase") from None
    if not isinstance(key, RSAPrivateKey):
        raise _wrong(variable, "must hold an RSA key, as GitHub makes for Apps")
    return text


def _text(variable: str, file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(variable, f"cannot be read: {getattr(error, 'strerror', '') or 'not text'}") from None


def _wrong(variable: str, what: str) -> SettingsError:
    return SettingsError(f"set these environment variables right: APP_PLATFORM_GITHUB_{variable}: {what}")
