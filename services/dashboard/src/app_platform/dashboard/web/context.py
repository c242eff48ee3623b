"""Who is asking, and for which app: what the functions of pages get.

    Visitor   somebody is signed in
    InApp     … and may see this app's registration
    Posted    the form of a post, shown to come from one of our own pages

Guarantees: a page function runs only after these checks, and reaches Kubernetes through ``Access`` alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Final
from urllib.parse import quote, unquote

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from app_platform.contracts import Registration
from app_platform.dashboard import apps, sealing
from app_platform.dashboard.access import Access, registrations
from app_platform.dashboard.apps import Seat
from app_platform.dashboard.people import Person
from app_platform.dashboard.provider import ProviderError, SignInError
from app_platform.dashboard.sessions import Found, Session
from app_platform.dashboard.web import cookies, forms
from app_platform.dashboard.web.forms import ForgedError, Form, UnreadableError
from app_platform.dashboard.web.shield import BodyTooLargeError
from app_platform.dashboard.web.site import Page, Site

SECRET_FIELDS: Final = "secret."  # noqa: S105 - the beginning of names
"""Beginning of the names of form fields that may hold a secret value: never kept, never shown again."""
NOTICE: Final = "app-platform-notice"
_MAX_DRAFT: Final = 64_000  # characters of a form that is kept
_NOTICE_SECONDS: Final = 60
_YEAR_SECONDS: Final = 31_536_000


class SignInNeededError(Exception):
    """Nobody is signed in, or not any more.

    Attributes:
        ended: The session that was, if it is known.
        by_itself: Whether the provider need only be asked again: most probably it answers without asking anybody.
    """

    def __init__(self, ended: Found | None, *, by_itself: bool = False) -> None:
        self.ended, self.by_itself = ended, by_itself
        super().__init__()


class NoSuchAppError(Exception):
    """There is no such app, or this person may not know of it: the same answer for both."""

    def __init__(self, app: str) -> None:
        self.app = app
        super().__init__()


def site_of(request: Request) -> Site:
    """The parts of the dashboard."""
    site: Site = request.app.state.site
    return site


async def find_session(request: Request) -> Found | None:
    """What the browser's cookie leads to."""
    site = site_of(request)
    record_id = site.cookies.get(request, cookies.SESSION)
    return await site.sessions.find(record_id) if record_id else None


async def live_session(request: Request) -> Session:
    """The session, its groups asked for again when it is time.

    Raises:
        SignInNeededError: There is none that counts.
    """
    found = await find_session(request)
    if found is None or not found.live:
        raise SignInNeededError(found)
    site = site_of(request)
    if not site.sessions.needs_check(found.session):
        return await site.sessions.touch(found)
    if site.sessions.can_check(found.session):
        return await _checked_again(site, found)
    if request.method == "POST" and site.sessions.may_wait(found.session):
        return await site.sessions.touch(found)
    raise SignInNeededError(found, by_itself=True)


async def _checked_again(site: Site, found: Found) -> Session:
    try:
        now = await site.provider.ask_again(found.session.subject, found.session.token)
    except ProviderError:
        # It is away: nobody is sent away for that. The session still ends by its age.
        return await site.sessions.touch(found)
    except SignInError:
        await site.sessions.expire(found)
        raise SignInNeededError(found) from None
    if now.person.name != found.session.name:
        await site.sessions.expire(found)
        raise SignInNeededError(found)
    return await site.sessions.checked(found, now.person, now.token)


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in.

    Attributes:
        access: What they may do.
        platform_admin: Whether they may list all registrations.
    """

    request: Request = field(repr=False)
    site: Site = field(repr=False)
    session: Session
    access: Access
    platform_admin: bool

    @property
    def person(self) -> Person:
        """Who it is."""
        return self.session.person

    @cached_property
    def seats(self) -> Sequence[Seat]:
        """The apps they have a role in."""
        return apps.seats(self.person, self.site.directory.apps())

    def page(self, template: str, *, status: int = 200, **context: Any) -> Response:  # noqa: ANN401 - what a template needs
        """A page in the dashboard's frame."""
        response = self.site.templates.page(template, {**self._frame(), **context}, status)
        self.site.cookies.drop(response, NOTICE)
        if app := self.current_app:
            self.site.cookies.put(response, cookies.APP, app, _YEAR_SECONDS)
        return response

    def go(self, path: str, notice: str = "") -> Response:
        """Send the browser on after a post, with a sentence for the next page."""
        response = RedirectResponse(path, status_code=303)
        if notice:
            self.site.cookies.put(response, NOTICE, quote(notice), _NOTICE_SECONDS)
        return response

    @property
    def current_app(self) -> str:
        """The app that this page is about; empty when it is about none."""
        return ""

    async def draft(self) -> Form:
        """What this person had filled in on this page when their session ended; else an empty form."""
        record_id = self.site.cookies.get(self.request, cookies.DRAFT)
        if not sealing.is_id(record_id):
            return Form()
        kept = await self.site.sessions.take_draft(record_id, self.person.name, self.request.url.path)
        return Form(kept.fields) if kept else Form()

    def _frame(self) -> Mapping[str, Any]:
        chosen = self._chosen_app()
        return {
            "visit": self,
            "person": self.person,
            "csrf": self.session.csrf,
            "seats": self.seats,
            "chosen": chosen,
            "here": self.request.url.path,
            "sidebar": [(page, self._href(page, chosen)) for page in self.site.pages if self._is_for(page)],
            "notice": unquote(self.site.cookies.get(self.request, NOTICE)),
        }

    def _chosen_app(self) -> str:
        """The app of this page, else the one looked at last, else the first."""
        names = [seat.app.name for seat in self.seats]
        last = self.site.cookies.get(self.request, cookies.APP)
        return self.current_app or (last if last in names else next(iter(names), ""))

    def _href(self, page: Page, app: str) -> str:
        """Where a page of the sidebar is; empty when this person has no role in the app that it would be about."""
        if page.audience == "platform":
            return page.path
        return f"/apps/{app}/{page.path}" if any(seat.app.name == app for seat in self.seats) else ""

    def _is_for(self, page: Page) -> bool:
        return page.audience == "app" or self.platform_admin


@dataclass(frozen=True)
class AppVisit(Visit):
    """A request about an app whose registration this person may see.

    Attributes:
        registration: As read in their name a moment ago.
    """

    registration: Registration

    @property
    def app(self) -> str:
        """Its name."""
        return self.registration.name

    @property
    def current_app(self) -> str:
        """Its name."""
        return self.registration.name

    @property
    def seat(self) -> Seat | None:
        """Their place in it; ``None`` for a platform admin who is in none of its groups."""
        return next((seat for seat in self.seats if seat.app.name == self.app), None)

    def path(self, rest: str = "") -> str:
        """An address below the app's."""
        return f"/apps/{self.app}/{rest}"


async def visit(request: Request, session: Annotated[Session, Depends(live_session)]) -> Visit:
    """See ``Visitor``."""
    site = site_of(request)
    access = Access(site.own, session.person, site.speakable.groups())
    return Visit(request, site, session, access, await access.allows(registrations("list")))


async def app_visit(app: str, there: Annotated[Visit, Depends(visit)]) -> AppVisit:
    """See ``InApp``."""
    registration = await there.access.registration(app)
    if registration is None:
        raise NoSuchAppError(app)
    parts = (there.request, there.site, there.session, there.access, there.platform_admin)
    return AppVisit(*parts, registration)


async def posted(request: Request, session: Annotated[Session, Depends(live_session)]) -> Form:
    """See ``Posted``."""
    forms.check_origin(request, site_of(request).settings.dashboard_url)
    form = await forms.read(request)
    forms.check_token(form, session.csrf)
    return form


async def keep_draft(request: Request, ended: Found) -> str:
    """Keep a form that came after its session had ended, without secret values.

    Returns:
        The id by which its author gets it back; empty when it was not kept: it is too long, comes from elsewhere, or is no form.
    """
    site = site_of(request)
    try:
        forms.check_origin(request, site.settings.dashboard_url)
        form = await forms.read(request)
        forms.check_token(form, ended.session.csrf)
    except (ForgedError, UnreadableError, BodyTooLargeError):
        return ""
    fields = {
        name: list(values)
        for name, values in form.texts.items()
        if name != forms.CSRF_FIELD and not name.startswith(SECRET_FIELDS)
    }
    if sum(len(value) for values in fields.values() for value in values) > _MAX_DRAFT:
        return ""
    return await site.sessions.keep_draft(ended.session.name, request.url.path, fields)


Visitor = Annotated[Visit, Depends(visit)]
InApp = Annotated[AppVisit, Depends(app_visit)]
Posted = Annotated[Form, Depends(posted)]

__all__ = ["AppVisit", "InApp", "Posted", "Visit", "Visitor"]
