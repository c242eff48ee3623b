"""Taking away what Flux delivered once and has lost sight of: a live Secret that no intent asks for any more.

kustomize-controller prunes what its last inventory names and Git no longer holds. It reads that inventory from a cache at the beginning of
a run and writes it at the end; of two runs in a row the second may read one from before the first, so what the first added and the second
should take away stays, at times for good (seen with 1.9.6 on an idle machine; a controller that is killed between the two does the same). A
deleted secret would go on being readable. So, each time that Flux has applied the present head, and in each round, what is live is held
against the intents.

Guarantees: only a Secret that this app's managed Kustomization applied is taken away, in a namespace that the app has now, and only in the
version that was read. It is read **before** the Kustomization, that before the intents, and the registration last: so one that Flux has
just begun to deliver is not taken for left behind, and an intent that is gone was taken out of Git by a commit that Flux has applied.
Flux is then asked to apply once more, which would bring back what somebody wanted after all in that moment.
Leaves out: namespaces that were given up, whose Secrets stay on purpose; what Flux has not applied yet, which it prunes by itself.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from app_platform.contracts import Registration
from app_platform.git_committer import flux
from app_platform.git_committer.ports import DeliveredSecret, IntentState, Ports

_LOG: Final = logging.getLogger(__name__)


async def take_away(ports: Ports, registration: Registration) -> None:
    """Delete what is live without being asked for, if Flux has applied the head; else leave it to Flux.

    Args:
        ports: Where to look and delete.
        registration: As it was read before; it says where to look, and what holds now is read again.
    """
    app = registration.name
    live = await ports.delivered.secrets(app, registration.status.namespaces)
    _, kustomization = await ports.cluster.flux(app)
    intents = await ports.cluster.intents(app)
    now = await ports.registrations.get(app)
    if now is None or now.deleting or not flux.has_applied(kustomization, now.status.repository.head_sha):
        return
    left = left_behind(live, intents, now.spec.namespaces)
    for secret in left:
        _LOG.warning("Flux left Secret %s/%s behind: it is deleted", secret.namespace, secret.name)
        await ports.delivered.delete(secret)
    if left:
        await ports.delivered.apply_again(app)


def left_behind(
    live: Iterable[DeliveredSecret], intents: Mapping[str, IntentState], namespaces: Iterable[str]
) -> list[DeliveredSecret]:
    """Those that no intent asks for. While an intent is not committed, or is being deleted, Git may still hold all of its former files.

    Args:
        live: What Flux delivered.
        intents: Name to state, read afterwards.
        namespaces: That the app has.
    """
    mine = set(namespaces)
    return [
        secret
        for secret in live
        if secret.namespace in mine and not secret.kept and not _may_be_wanted(intents, secret)
    ]


def _may_be_wanted(intents: Mapping[str, IntentState], secret: DeliveredSecret) -> bool:
    intent = intents.get(secret.name)
    if intent is None:
        return False
    return intent.deleting or not intent.committed or secret.namespace in intent.targets
