"""Who calls, and about which app: what the functions of the API get.

    Calling   somebody whose token counts
    InApp     … and may see this app's registration

Guarantees: a function runs only after these checks, and reaches Kubernetes through ``Access`` alone. Cookies are not looked at.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app_platform.contracts import Registration
from app_platform.dashboard.access import Access
from app_platform.dashboard.api.problems import NoSuchAppError, NoTokenError
from app_platform.dashboard.people import Person
from app_platform.dashboard.web.site import Site

_BEARER: Final = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="identityProvider",
    description="An ID token, or an access token in JWT form, of the platform's identity provider.",
)


@dataclass(frozen=True)
class Caller:
    """Somebody whose token counts.

    Attributes:
        access: What they may do.
    """

    site: Site = field(repr=False)
    access: Access

    @property
    def person(self) -> Person:
        """Who it is."""
        return self.access.person


@dataclass(frozen=True)
class AppCaller(Caller):
    """Somebody who may see this app's registration.

    Attributes:
        registration: As read in their name a moment ago.
    """

    registration: Registration

    @property
    def app(self) -> str:
        """Its name."""
        return self.registration.name


async def caller(request: Request, given: Annotated[object, Depends(_BEARER)]) -> Caller:
    """See ``Calling``."""
    site: Site = request.app.state.site
    token = getattr(given, "credentials", "")
    if not token:
        raise NoTokenError
    person = await site.tokens.bearer(token)
    return Caller(site, Access(site.own, person, site.speakable.groups()))


async def app_caller(app: str, who: Annotated[Caller, Depends(caller)]) -> AppCaller:
    """See ``InApp``."""
    registration = await who.access.registration(app)
    if registration is None:
        raise NoSuchAppError
    return AppCaller(who.site, who.access, registration)


Calling = Annotated[Caller, Depends(caller)]
InApp = Annotated[AppCaller, Depends(app_caller)]
