"""What can be done to GitRepositories and Kustomizations alike: suspend, resume, reconcile now; and their live updates."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from app_platform.contracts import names
from app_platform.dashboard.flux import changing
from app_platform.dashboard.web.context import AppVisit, InApp, Posted
from app_platform.kube import GIT_REPOSITORIES, KUSTOMIZATIONS, Action, Resource, Scope

RESERVED: Final = frozenset({"new", "live"})
"""Names that are addresses of the page itself."""
MEANWHILE: Final = "Somebody changed it while this form was open. What you entered is kept: open it in another tab to see what it says now, then save again."


@dataclass(frozen=True)
class Section:
    """A page of the sidebar about one kind.

    Attributes:
        path: Of the page, below the app's.
    """

    resource: Resource
    path: str

    def where(self, visit: AppVisit, name: str) -> tuple[str, str]:
        """Namespace and name of an object."""
        return visit.registration.platform_namespace, name

    def action(self, verb: str, visit: AppVisit, name: str = "") -> Action:
        """What is asked of Kubernetes."""
        return Action(verb, self.resource, visit.registration.platform_namespace, name)

    def href(self, visit: AppVisit, *rest: str) -> str:
        """An address of the page."""
        return visit.path("/".join((self.path, *rest)))


Before = Callable[[AppVisit, str], Awaitable[None]]


async def _nothing(_visit: AppVisit, _name: str) -> None:
    """There is nothing to do before."""


def add_actions(router: APIRouter, section: Section, before_reconcile: Before = _nothing) -> None:
    """Add the addresses of the actions to a page.

    Args:
        router: Of the page.
        section: What it is about.
        before_reconcile: Is given the visit and the name of what is to be reconciled.
    """

    @router.get("/live")
    async def live(visit: InApp) -> Response:
        """Tells when anything of either kind changes: each page shows something of the other."""
        await visit.access.own_after(section.action("list", visit))
        home = names.platform_namespace(visit.app)
        scopes = [Scope(each, home, metadata_only=True) for each in (GIT_REPOSITORIES, KUSTOMIZATIONS)]
        return StreamingResponse(visit.site.live.events(*scopes), media_type="text/event-stream")

    @router.get("/{name}/suspend")
    @router.get("/{name}/resume")
    @router.get("/{name}/reconcile")
    async def again(visit: InApp, name: str) -> Response:
        """Where somebody comes back to whose session had ended when a button was pressed."""
        return visit.go(
            section.href(visit, name), "You were signed out, so nothing was done yet. Press it again."
        )

    @router.post("/{name}/suspend")
    async def suspend(visit: InApp, name: str, _form: Posted) -> Response:
        """Have Flux leave it alone."""
        await changing.suspend(visit.access.kube, section.resource, section.where(visit, name), on=True)
        return visit.go(section.href(visit, name), f"{name} is suspended: Flux leaves it as it is.")

    @router.post("/{name}/resume")
    async def resume(visit: InApp, name: str, _form: Posted) -> Response:
        """Have Flux take it up again."""
        await changing.suspend(visit.access.kube, section.resource, section.where(visit, name), on=False)
        return visit.go(section.href(visit, name), f"{name} is resumed: Flux looks at it now.")

    @router.post("/{name}/reconcile")
    async def reconcile(visit: InApp, name: str, _form: Posted) -> Response:
        """Have Flux look now."""
        await before_reconcile(visit, name)
        await changing.reconcile(visit.access.kube, section.resource, section.where(visit, name))
        return visit.go(section.href(visit, name), f"Flux looks at {name} now.")
