"""The sidebar: its pages in their order, with the guide's names."""

from typing import Final

from app_platform.dashboard.pages import (
    git_repositories,
    kustomizations,
    namespaces,
    oidc,
    registrations,
    secrets,
    start,
    timeline,
)
from app_platform.dashboard.web.site import Page

PAGES: Final = (
    Page("App Registrations", "apps", "/registrations", "platform", registrations.router),
    Page("Git Repositories", "git", "git-repositories", "app", git_repositories.router),
    Page("Kustomizations", "sync", "kustomizations", "app", kustomizations.router),
    Page("Namespaces", "namespace", "namespaces", "app", namespaces.router),
    Page("Secrets", "secret", "secrets", "app", secrets.router),
    Page("OIDC clients", "oidc", oidc.PATH, "app", oidc.router),
    Page("Timeline", "timeline", timeline.PATH, "app", timeline.router),
    Page("Get started", "start", "start", "app", start.router),
)
