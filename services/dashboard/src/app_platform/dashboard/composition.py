"""Puts the parts of the dashboard together."""

from typing import Final

from app_platform.dashboard.credential import client_credential
from app_platform.dashboard.directory import Directory
from app_platform.dashboard.impersonation import Speakable
from app_platform.dashboard.pages import signin
from app_platform.dashboard.pages.sidebar import PAGES
from app_platform.dashboard.provider import Provider
from app_platform.dashboard.sessions import Lifetime, Sessions
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.web.cookies import Cookies
from app_platform.dashboard.web.live import Live
from app_platform.dashboard.web.rendering import Templates
from app_platform.dashboard.web.site import Site
from app_platform.dashboard.web.throttle import Throttle
from app_platform.gitread import github_known_hosts
from app_platform.kube import KubeClient
from app_platform.runtime import KeyValue, SettingsError

_HOUR: Final = 3600.0
_MINUTE: Final = 60.0


def compose(settings: Settings, client: KubeClient, store: KeyValue) -> Site:
    """The parts of the dashboard.

    Args:
        settings: Of this service.
        client: To the cluster, as the dashboard itself.
        store: Where sessions lie.
    """
    lifetime = Lifetime(
        settings.session_hours * _HOUR, settings.idle_minutes * _MINUTE, settings.recheck_seconds
    )
    redirect_uri = settings.dashboard_url + signin.CALLBACK
    return Site(
        settings=settings,
        own=client,
        known_hosts=known_hosts(settings),
        sessions=Sessions(store, lifetime),
        provider=Provider(
            settings.oidc_issuer_url,
            redirect_uri,
            lambda: client_credential(client),
            trust=settings.oidc_trust,
        ),
        directory=Directory(client),
        speakable=Speakable(client),
        live=Live(client),
        templates=Templates(),
        cookies=Cookies(secure=settings.secure),
        throttle=Throttle(settings.sign_ins_per_minute),
        pages=PAGES,
    )


def known_hosts(settings: Settings) -> str:
    """Host keys of the Git servers that the platform knows.

    Raises:
        SettingsError: The file cannot be read.
    """
    if settings.git_known_hosts_file is None:
        return github_known_hosts()
    try:
        return settings.git_known_hosts_file.read_text()
    except (OSError, UnicodeDecodeError):
        raise SettingsError("APP_PLATFORM_GIT_KNOWN_HOSTS_FILE: this file cannot be read as text") from None
