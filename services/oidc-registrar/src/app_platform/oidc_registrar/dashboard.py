"""The platform's own client, that of the dashboard: it is always in the list, which Authelia does not take empty.

Guarantees: its secret is made like any other, kept in Secret ``dashboard-oidc``, and made anew when that is emptied.
"""

import asyncio
import logging
from typing import Final

from app_platform.contracts import names, oidc
from app_platform.oidc_registrar import core, credentials
from app_platform.oidc_registrar.ports import ClientSecret, ConflictError, Ports, Rules
from app_platform.oidc_registrar.registry import Record, State
from app_platform.oidc_registrar.rendering import Entry, entry
from app_platform.oidc_registrar.requests import Request, host_of

_LOG: Final = logging.getLogger(__name__)
_CALLBACK: Final = "/auth/callback"


async def with_dashboard(ports: Ports, url: str, state: State) -> State | None:
    """The state with the dashboard's client as it must be; ``None`` when it is that already, or its Secret is not there.

    Raises:
        ConflictError: The client secret has just been made, by us or another replica; look again.
    """
    secret = await ports.dashboard.load()
    if secret is None:
        _LOG.warning("Secret %s is not there: see deploy/kubernetes", names.DASHBOARD_OIDC_SECRET)
        return None
    value = secret.data.get(oidc.CLIENT_SECRET, b"").decode(errors="replace")
    if not credentials.is_well_formed(value):
        await ports.dashboard.store(credentials.new_secret(), secret.resource_version)
        raise ConflictError("the dashboard's client secret has just been made")
    fingerprint = credentials.fingerprint(value, state.registry.key)
    digest = core.known_digests(state.registry).get(fingerprint)
    if digest is None:
        digest = await asyncio.to_thread(credentials.digest, value)
    record = _record(secret, url, fingerprint, _entry(url, digest, ports.rules))
    records = state.registry.records
    if records.get(names.DASHBOARD_CLIENT) == record:
        return None
    update = {"records": {**records, names.DASHBOARD_CLIENT: record}}
    return state.model_copy(update={"registry": state.registry.model_copy(update=update)})


def _entry(url: str, digest: str, rules: Rules) -> Entry:
    # Nobody is asked to let the platform's own pages know who he is.
    request = Request(names.DASHBOARD_CLIENT, host_of(url), pkce=True, consent="implicit")
    # Its URL comes from a setting, and on one machine is neither HTTPS nor without a port.
    return {**entry(request, digest, rules.authorization_policy), "redirect_uris": [f"{url}{_CALLBACK}"]}


def _record(secret: ClientSecret, url: str, fingerprint: str, client: Entry) -> Record:
    return Record(
        app="",
        uid=secret.uid,
        secret=secret.name,
        created=secret.created,
        hostname=host_of(url),
        fingerprint=fingerprint,
        entry=dict(client),
    )
