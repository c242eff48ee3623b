"""Puts the parts of the dashboard together."""

from typing import Final

from app_platform.dashboard import commit_links
from app_platform.dashboard.commit_links import CommitLinks
from app_platform.dashboard.credential import client_credential
from app_platform.dashboard.directory import Directory
from app_platform.dashboard.impersonation import Speakable
from app_platform.dashboard.pages import signin
from app_platform.dashboard.pages.sidebar import PAGES
from app_platform.dashboard.provider import Provider
from app_platform.dashboard.sessions import Lifetime, Sessions
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.timelines.past import Past
from app_platform.dashboard.tokens import Tokens
from app_platform.dashboard.web.cookies import Cookies
from app_platform.dashboard.web.live import Live
from app_platform.dashboard.web.rendering import Templates
from app_platform.dashboard.web.site import Site
from app_platform.dashboard.web.throttle import Throttle
from app_platform.diagnosis import Bus
from app_platform.gitread import github_known_hosts
from app_platform.kube import KubeClient
from app_platform.runtime import KeyValue, SettingsError

_HOUR: Final = 3600.0
_MINUTE: Final = 60.0


def compose(settings: Settings, client: KubeClient, store: KeyValue, past: Past, bus: Bus) -> Site:
    """The parts of the dashboard.

    Args:
        settings: Of this service.
        client: To the cluster, as the dashboard itself.
        store: Where sessions lie.
        past: The history of events.
        bus: How far the services are with them.
    """
    lifetime = Lifetime(
        settings.session_hours * _HOUR, settings.idle_minutes * _MINUTE, settings.recheck_seconds
    )
    provider = Provider(
        settings.oidc_issuer_url,
        settings.dashboard_url + signin.CALLBACK,
        lambda: client_credential(client),
        trust=settings.oidc_trust,
    )
    return Site(
        settings=settings,
        own=client,
        known_hosts=known_hosts(settings),
        sessions=Sessions(store, lifetime),
        provider=provider,
        tokens=Tokens(settings.oidc_issuer_url, settings.audiences, provider.keys),
        directory=Directory(client),
        speakable=Speakable(client),
        live=Live(client),
        templates=Templates(CommitLinks(commit_links.parse(settings.commit_links))),
        cookies=Cookies(secure=settings.secure),
        throttle=Throttle(store, settings.sign_ins_per_minute),
        past=past,
        bus=bus,
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
