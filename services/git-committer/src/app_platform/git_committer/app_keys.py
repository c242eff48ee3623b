"""Adds the deploy keys of GitRepositories to app repositories at the forge, and takes them off again.

The dashboard makes the key and nothing else; the platform's credential for the forge is here only. A key is added where the owner of the
repository has agreed (``KeyForge.refusal``): otherwise whoever may write a GitRepository could have the platform open any repository of
the organisation for him.

Guarantees: each step follows from what is there, so it may be repeated, late, or done by another replica. Where a key goes is noted, with a
finalizer, before it goes there: so none is forgotten at the forge. Our keys are known by a title that names the GitRepository's uid; no
other key is touched. A GitRepository that is deleted does not wait for a forge that refuses: its private half is gone by then, and the
key opens nothing.
Leaves out: making keys, and the managed repositories' credentials.
"""

import logging
from typing import Final

from app_platform.git_committer.ports import AppKeys, AppSource, ForgeError, ForgeUnavailable, Ports

ADDED: Final = "Added"
_LOG: Final = logging.getLogger(__name__)


def title(source: AppSource) -> str:
    """Of its key at the forge; the same for no other GitRepository, be it of another cluster."""
    return f"App Platform: {source.app}/{source.name} {source.uid[:8]}, read only"


async def look(ports: Ports, app: str, name: str) -> None:
    """Make the key of one GitRepository at the forge what it should be.

    Raises:
        ForgeUnavailable: The forge does not answer, or not now.
    """
    keys = ports.app_keys
    source = await keys.sources.find(app, name) if keys else None
    if keys is None or source is None:
        return
    wanted = "" if source.deleting or not source.public else keys.forge.repository(source.url)
    if source.added_to and source.added_to != wanted:
        await _remove(keys, source)
    if not wanted:
        await _let_go(keys, source, "")
        return
    try:
        added = await _add(keys, source, wanted)
    except ForgeUnavailable:
        raise
    except ForgeError as error:
        await keys.sources.say(source, str(error))
        return
    if added:
        await ports.sync.fetch_source(app, name)


async def _add(keys: AppKeys, source: AppSource, repository: str) -> bool:
    why_not = await keys.forge.refusal(source.app, repository, source.url)
    if why_not:
        if source.added_to == repository:
            await keys.forge.remove(repository, title(source))
        await _let_go(keys, source, why_not)
        return False
    if not source.held or source.added_to != repository:
        await keys.sources.hold(source, repository)
    added = await keys.forge.add(repository, title(source), source.public)
    if source.status != ADDED:
        await keys.sources.say(source, ADDED)
    return added


async def _remove(keys: AppKeys, source: AppSource) -> None:
    try:
        await keys.forge.remove(source.added_to, title(source))
    except ForgeUnavailable:
        raise
    except ForgeError as error:
        _LOG.warning("the key of %s/%s stays at %s: %s", source.app, source.name, source.added_to, error)


async def _let_go(keys: AppKeys, source: AppSource, status: str) -> None:
    if source.held or source.added_to or source.status != status:
        await keys.sources.let_go(source, status)
