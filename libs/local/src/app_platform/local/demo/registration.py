"""The steps about the registration: made, served, changed; and what a former demo left, taken away."""

from collections.abc import Sequence
from typing import Final

from app_platform.contracts import names
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    Object,
    Resource,
    Selector,
)
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local.demo.world import (
    ACCESS,
    APP,
    DEV,
    HOME,
    PROD,
    TEST,
    World,
    check,
    conditions,
    decoded,
)

_INTENTS: Final = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")
_MANAGED: Final = Selector(labels=f"{names.MANAGED_BY_LABEL}={names.MANAGED_BY},{names.APP_LABEL}={APP}")
_PARTS: Final = ("NamespacesReady", "EncryptionKeyReady", "RepositoryReady", "SyncReady", "Ready")
_FILES: Final = (".sops.yaml", "README.md")


async def clean(world: World) -> None:
    """Remove the intents and the registration of a former demo, and what they delivered."""
    intents = await _intents(world)
    if intents and not await world.registration():
        await _register(world, [DEV, PROD])  # only a registered app's intents are let go of
    for intent in intents:
        await world.client.delete(SECRETS, intent["metadata"]["name"], HOME)
    await world.until(
        lambda: _intents(world), lambda found: not found, "the intents of a former demo are gone"
    )
    if await world.registration():
        await world.client.delete(REGISTRATIONS, APP)
        await world.until(world.registration, lambda found: found is None, "its registration is gone")
    # Deleting a registration leaves what runs; this demo is to begin with nothing.
    for namespace in (DEV, PROD, TEST):
        for secret in await world.client.list(SECRETS, namespace, _MANAGED, metadata_only=True):
            await world.client.delete(SECRETS, secret["metadata"]["name"], namespace)
    world.report.seen("no intents, no registration, nothing delivered")


async def register(world: World) -> None:
    """Apply the registration."""
    await _register(world, [DEV, PROD])
    world.report.seen(f"AppPlatformRegistration {APP}: namespaces {DEV}, {PROD}")
    world.report.seen("access: " + ", ".join(f"{group} as {role}" for group, role in ACCESS))


async def serve(world: World) -> None:
    """Wait for every condition, then look at every object that the app was promised."""
    for kind in _PARTS:
        await _until_condition(world, kind)
    await _check_namespaces(world)
    await _check_platform_namespace(world)
    await _check_repository(world)


async def change_namespaces(world: World) -> None:
    """Add a namespace and take one out: bindings follow, and the one taken out stays."""
    namespaces = [PROD, TEST]
    await world.client.merge_patch(REGISTRATIONS, APP, None, {"spec": {"namespaces": namespaces}})
    world.report.seen(f"{TEST} added to the registration, {DEV} taken out")
    await world.until(
        lambda: _groups(world, TEST), lambda found: found == dict(ACCESS), f"bindings in {TEST}"
    )
    world.report.seen(f"{TEST}: made, bindings for {len(ACCESS)} groups")
    await world.until(lambda: _managed_bindings(world, DEV), lambda found: not found, f"no bindings in {DEV}")
    left = await world.namespace(DEV)
    check(holds=left and "deletionTimestamp" not in left["metadata"], otherwise=f"namespace {DEV} is gone")
    world.report.seen(f"{DEV}: the namespace stays, the app's bindings are gone")
    await world.until(world.registration, _is_settled, f"{APP} is Ready again")
    world.report.seen(f"{APP} is Ready at its new generation")


async def _intents(world: World) -> list[Object]:
    return await world.client.list(SECRETS, HOME, _INTENTS, metadata_only=True)


async def _register(world: World, namespaces: Sequence[str]) -> None:
    access = [{"group": group, "role": role} for group, role in ACCESS]
    spec = {"displayName": "My App", "namespaces": list(namespaces), "access": access}
    manifest = REGISTRATIONS.manifest(APP, spec=spec)
    await world.client.apply(REGISTRATIONS, manifest, field_manager="demo", force=True)


async def _until_condition(world: World, kind: str) -> None:
    found = await world.until(world.registration, lambda obj: _is_true(obj, kind), f"{kind} is True")
    world.report.seen(f"{kind}: {conditions(found)[kind]['message']}")


def _is_true(registration: Object | None, kind: str) -> bool:
    return conditions(registration).get(kind, {}).get("status") == "True"


def _is_settled(registration: Object | None) -> bool:
    if not registration or not _is_true(registration, "Ready"):
        return False
    return bool(registration["status"]["observedGeneration"] == registration["metadata"]["generation"])


async def _check_namespaces(world: World) -> None:
    for name, role in ((HOME, names.ROLE_PLATFORM), (DEV, names.ROLE_APP), (PROD, names.ROLE_APP)):
        found = await world.namespace(name)
        labels = (found or {}).get("metadata", {}).get("labels", {})
        wanted = {names.APP_LABEL: APP, names.NAMESPACE_ROLE_LABEL: role}
        check(holds=wanted.items() <= labels.items(), otherwise=f"namespace {name} lacks labels of {wanted}")
    world.report.seen(f"namespaces {HOME}, {DEV}, {PROD} with their labels")
    for name in (DEV, PROD):
        groups = await _groups(world, name)
        check(holds=groups == dict(ACCESS), otherwise=f"bindings in {name} are {groups}, not {dict(ACCESS)}")
    world.report.seen(f"a RoleBinding for each of {len(ACCESS)} groups in both app namespaces")


async def _check_platform_namespace(world: World) -> None:
    wanted: tuple[tuple[Resource, str], ...] = (
        (ROLES, names.SECRET_READER),
        (ROLE_BINDINGS, names.SECRET_READER),
        (SERVICE_ACCOUNTS, names.FLUX_SERVICE_ACCOUNT),
        (SECRETS, names.AGE_KEY_SECRET),
        (SECRETS, names.GIT_CREDENTIAL_SECRET),
        (GIT_REPOSITORIES, HOME),
        (KUSTOMIZATIONS, HOME),
    )
    for resource, name in wanted:
        found = await world.client.find(resource, name, HOME, metadata_only=True)
        check(holds=found, otherwise=f"no {resource.kind} {name} in {HOME}")
    world.report.seen("in the platform namespace: " + ", ".join(f"{r.kind} {name}" for r, name in wanted[:4]))
    for resource, name in wanted[-2:]:
        found = await world.client.get(resource, name, HOME)
        check(holds=_is_true(found, "Ready"), otherwise=f"{resource.kind} {name} is not Ready")
    world.report.seen(f"GitRepository and Kustomization {HOME}, both Ready")


async def _check_repository(world: World) -> None:
    registration = await world.registration() or {}
    url = registration["status"]["repository"]["url"]
    check(holds=world.repository.is_private(url), otherwise=f"{url} can be read without a credential")
    credential = decoded(await world.client.get(SECRETS, names.GIT_CREDENTIAL_SECRET, HOME))
    world.repository.clone(url, credential["username"], credential["password"])
    for name in _FILES:
        check(holds=(world.repository.folder / name).is_file(), otherwise=f"{url} has no {name}")
    recipient = registration["status"]["recipient"]
    rules = (world.repository.folder / ".sops.yaml").read_text()
    check(holds=recipient in rules, otherwise=".sops.yaml does not name the app's recipient")
    world.report.seen(
        f"private repository {url}: cloned with the app's credential, holds {', '.join(_FILES)}"
    )


async def _groups(world: World, namespace: str) -> dict[str, str]:
    """The role of each group that is bound in a namespace."""
    return {
        subject["name"]: binding["roleRef"]["name"].removeprefix("app-platform-")
        for binding in await _managed_bindings(world, namespace)
        for subject in binding.get("subjects", [])
        if subject["kind"] == "Group"
    }


async def _managed_bindings(world: World, namespace: str) -> list[Object]:
    return await world.client.list(ROLE_BINDINGS, namespace, _MANAGED)
