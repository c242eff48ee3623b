"""The steps about one secret: created, updated, narrowed to one target, deleted.

Guarantees: made with `create` and merge patches, as `kubectl create` and the dashboard do; a client-side `kubectl apply`
would leave the values in an annotation.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts import names
from app_platform.kube import SECRETS, Object, Selector
from app_platform.local.demo.report import DemoError
from app_platform.local.demo.world import DEV, HOME, PROD, World, check, decoded

NAME: Final = "database"
_FIELD: Final = Selector(fields=f"metadata.name={NAME}")
_WATCH_SECONDS: Final = 60


def _fresh(key: str) -> str:
    return f"demo-{key}-{secrets.token_hex(8)}"


@dataclass(frozen=True)
class _Values:
    """What the secret holds, before and after its update."""

    first: Mapping[str, str]
    second: Mapping[str, str]

    @classmethod
    def new(cls) -> "_Values":
        first = {"username": _fresh("username"), "password": _fresh("password")}
        return cls(first, first | {"password": _fresh("password"), "api-token": _fresh("api-token")})


class SecretSteps:
    """The steps, and what one must remember of the others."""

    def __init__(self) -> None:
        self._values = _Values.new()

    async def create(self, world: World) -> None:
        """Create the intent for both namespaces, and look where its values are and are not."""
        made = await world.client.create(SECRETS, _intent(self._values.first))
        world.report.seen(f"Secret intent {NAME} for {DEV} and {PROD}")
        await _until_statuses(world, made["metadata"]["resourceVersion"])
        await _check_committed(world, {DEV, PROD}, self._values.first)
        for namespace in (DEV, PROD):
            await world.until_delivered(namespace, NAME, self._values.first)
            world.report.seen(f"{namespace}: Flux has decrypted and applied it, the values are right")

    async def update(self, world: World) -> None:
        """Change one value and add one key: one commit, in which only their lines differ."""
        before = await _commit_of(world)
        await _patch(world, {"stringData": dict(self._values.second)})
        world.report.seen("password changed, api-token added, username as before")
        await _until_committed_after(world, before)
        await _check_committed(world, {DEV, PROD}, self._values.second)
        _check_one_commit(world, before)
        for namespace in (DEV, PROD):
            removed, added = world.repository.changed_keys(before, names.secret_path(namespace, NAME))
            wanted = ({"password"}, {"password", "api-token"})
            check(holds=(removed, added) == wanted, otherwise=f"lines of {removed} became {added} in Git")
        world.report.seen("one commit; of the values, only the lines of password and api-token differ")
        for namespace in (DEV, PROD):
            await world.until_delivered(namespace, NAME, self._values.second)
        world.report.seen(f"{DEV} and {PROD} follow")

    async def narrow(self, world: World) -> None:
        """Take one target off: its file and its live Secret go."""
        before = await _commit_of(world)
        await _patch(world, {"metadata": {"annotations": {names.TARGET_NAMESPACES: PROD}}})
        world.report.seen(f"{DEV} taken off the targets")
        await _until_committed_after(world, before)
        await _check_committed(world, {PROD}, self._values.second)
        _check_one_commit(world, before)
        await world.until_withdrawn(DEV, NAME)
        await world.until_delivered(PROD, NAME, self._values.second)
        world.report.seen(f"gone from {DEV}, still in {PROD}")

    async def delete(self, world: World) -> None:
        """Delete the intent: files, live Secrets and intent go."""
        before = await _commit_of(world)
        await world.client.delete(SECRETS, NAME, HOME)
        world.report.seen("intent deleted")
        await world.until(lambda: _metadata(world), lambda found: found is None, "the intent is gone")
        world.repository.pull()
        _check_one_commit(world, before)
        left = {path for path in world.repository.files() if path.endswith(f"/{NAME}.yaml")}
        check(holds=not left, otherwise=f"still in Git: {', '.join(sorted(left))}")
        world.report.seen("files gone from Git in one commit, then the intent itself")
        await world.until_withdrawn(PROD, NAME)
        world.report.seen(f"gone from {PROD}")


def _intent(values: Mapping[str, str]) -> Object:
    manifest = SECRETS.manifest(NAME, HOME, stringData=dict(values))
    manifest["metadata"] |= {
        "labels": {names.SECRET_INTENT_LABEL: "true"},
        "annotations": {names.TARGET_NAMESPACES: f"{DEV},{PROD}"},
    }
    return manifest


async def _patch(world: World, change: Mapping[str, Any]) -> None:
    await world.client.merge_patch(SECRETS, NAME, HOME, change, metadata_only=True)


async def _metadata(world: World) -> Object | None:
    return await world.client.find(SECRETS, NAME, HOME, metadata_only=True)


def _annotation(obj: Object | None, name: str) -> str:
    return str((obj or {}).get("metadata", {}).get("annotations", {}).get(name, ""))


async def _commit_of(world: World) -> str:
    return _annotation(await _metadata(world), names.SECRET_COMMIT)


async def _until_statuses(world: World, version: str) -> None:
    """Watch the intent, as `kubectl get --watch` does, until it has been Pending and then Committed."""
    seen: list[str] = []
    try:
        async with asyncio.timeout(world.patience):
            async for _, obj in world.client.watch(
                SECRETS, HOME, _FIELD, resource_version=version, seconds=_WATCH_SECONDS, metadata_only=True
            ):
                status = _annotation(obj, names.SECRET_STATUS)
                if status and status not in seen:
                    seen.append(status)
                    world.report.seen(f"status {status} {_annotation(obj, names.SECRET_MESSAGE)}".rstrip())
                if status == "Committed":
                    break
    except TimeoutError:
        pass  # said below, with what was seen
    check(
        holds=seen == ["Pending", "Committed"],
        otherwise=f"status went {' → '.join(seen)}, not Pending → Committed",
    )


async def _until_committed_after(world: World, before: str) -> None:
    found = await world.until(
        lambda: _metadata(world),
        lambda obj: (
            _annotation(obj, names.SECRET_STATUS) == "Committed"
            and _annotation(obj, names.SECRET_COMMIT) != before
        ),
        "status Committed with a new commit",
    )
    world.report.seen(f"status Committed in {_annotation(found, names.SECRET_COMMIT)[:12]}")


async def _check_committed(world: World, targets: set[str], values: Mapping[str, str]) -> None:
    """Git holds one file per target, which sops decrypts, and nowhere a value."""
    head = world.repository.pull()
    check(holds=await _commit_of(world) == head, otherwise=f"the head {head} is not the commit of the intent")
    wanted = {names.secret_path(namespace, NAME) for namespace in targets}
    found = {path for path in world.repository.files() if path.endswith(f"/{NAME}.yaml")}
    check(holds=found == wanted, otherwise=f"Git holds {sorted(found)}, not {sorted(wanted)}")
    key = decoded(await world.client.get(SECRETS, names.AGE_KEY_SECRET, HOME))[names.AGE_KEY_ENTRY]
    for path in sorted(wanted):
        if world.repository.decrypt(path, key) != values:
            raise DemoError(f"sops decrypts {path} to something else than the intent holds")
    if world.repository.holds_any(values.values()):
        raise DemoError("a value of the secret is in Git")
    world.report.seen(f"Git: {', '.join(sorted(wanted))}; sops decrypts, no plaintext in any commit")


def _check_one_commit(world: World, before: str) -> None:
    made = world.repository.commits_since(before)
    check(holds=made == 1, otherwise=f"{made} commits were made, not one")
