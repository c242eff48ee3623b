"""The sidebar: its pages in their order, with the guide's names."""

from typing import Final

from app_platform.dashboard.pages import namespaces, secrets
from app_platform.dashboard.web.site import Page

PAGES: Final = (
    Page("Namespaces", "namespace", "namespaces", "app", namespaces.router),
    Page("Secrets", "secret", "secrets", "app", secrets.router),
)
