"""What the dashboard consists of, for all requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter

from app_platform.dashboard.directory import Directory
from app_platform.dashboard.impersonation import Speakable
from app_platform.dashboard.provider import Provider
from app_platform.dashboard.sessions import Sessions
from app_platform.dashboard.settings import Settings
from app_platform.dashboard.timelines.past import Past
from app_platform.dashboard.tokens import Tokens
from app_platform.dashboard.web.cookies import Cookies
from app_platform.dashboard.web.live import Live
from app_platform.dashboard.web.rendering import Templates
from app_platform.dashboard.web.throttle import Throttle
from app_platform.diagnosis import Bus
from app_platform.kube import KubeClient


@dataclass(frozen=True)
class Page:
    """A page of the sidebar.

    Attributes:
        label: As the sidebar names it.
        icon: Name of a symbol in ``templates/icons.html``.
        path: Where it is; of an app's page what follows ``/apps/<app>/``.
        audience: Who sees it there: everybody with an app, or those who may list all registrations.
        router: Its addresses.
    """

    label: str
    icon: str
    path: str
    audience: Literal["app", "platform"]
    router: APIRouter


@dataclass(frozen=True)
class Site:
    """The parts.

    Attributes:
        own: The dashboard's own client; pages reach it through ``Access`` only.
        known_hosts: Host keys of the Git servers that the platform knows.
        past: The history of events.
        bus: How far the services are with them.
        pages: The sidebar, in its order.
    """

    settings: Settings
    own: KubeClient
    known_hosts: str
    sessions: Sessions
    provider: Provider
    tokens: Tokens
    directory: Directory
    speakable: Speakable
    live: Live
    templates: Templates
    cookies: Cookies
    throttle: Throttle
    past: Past
    bus: Bus
    pages: Sequence[Page]
