"""Changing registrations, as the person who asks for it.

Guarantees: a change is made to what is there now: if somebody else changed the registration meanwhile, it is read and decided again, so
that two people who each add a namespace both get theirs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from app_platform.contracts import Registration, names
from app_platform.contracts.registration import MAX_NAMESPACES
from app_platform.kube import Conflict, KubeClient
from app_platform.kube.registrations import REGISTRATIONS

_ATTEMPTS: Final = 5
_KEPT: Final = "The ending -platform is kept for the namespaces of the platform itself. Choose another name."
Namespaces = Sequence[str]


def namespace_fault(app: str, name: str, there: Namespaces) -> str:
    """What is wrong with a namespace that is to be added; empty when nothing is.

    Args:
        app: Whose it would be.
        name: The whole name.
        there: Those that the app has.
    """
    rules = (
        (
            name.startswith(f"{app}-") and name != f"{app}-",
            f"The name must start with {app}- and go on after that.",
        ),
        (
            len(name) <= names.MAX_DNS_LABEL,
            f"The whole name may have at most {names.MAX_DNS_LABEL} characters; this has {len(name)}.",
        ),
        (
            names.is_dns_label(name),
            "Use lower-case letters, digits and dashes, and end with a letter or digit.",
        ),
        (not name.endswith(names.PLATFORM_SUFFIX), _KEPT),
        (name not in there, f"{name} is one of the app's namespaces already."),
        (len(there) < MAX_NAMESPACES, f"An app has at most {MAX_NAMESPACES} namespaces. Remove one first."),
    )
    return next((fault for holds, fault in rules if not holds), "")


async def add_namespace(kube: KubeClient, app: str, name: str) -> None:
    """Add a namespace; nothing happens when it is there.

    Raises:
        KubeError: Kubernetes does not let this person, or does not take the name.
    """
    await _change(kube, app, lambda there: there if name in there else [*there, name])


async def remove_namespace(kube: KubeClient, app: str, name: str) -> None:
    """Take a namespace off the registration; nothing happens when it is not there.

    Raises:
        KubeError: Kubernetes does not let this person.
    """
    await _change(kube, app, lambda there: [each for each in there if each != name])


async def _change(kube: KubeClient, app: str, change: Callable[[Namespaces], Namespaces]) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        now = Registration.from_object(await kube.get(REGISTRATIONS, app))
        wanted = change(now.spec.namespaces)
        if list(wanted) == list(now.spec.namespaces):
            return
        patch = {"metadata": {"resourceVersion": now.resource_version}, "spec": {"namespaces": list(wanted)}}
        try:
            await kube.merge_patch(REGISTRATIONS, app, None, patch)
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


async def register(kube: KubeClient, name: str, spec: Mapping[str, Any]) -> None:
    """Register an app.

    Raises:
        AlreadyExists: There is one of that name.
        KubeError: Kubernetes does not let this person, or does not take it.
    """
    await kube.create(REGISTRATIONS, REGISTRATIONS.manifest(name, spec=dict(spec)))


async def change_registration(kube: KubeClient, name: str, spec: Mapping[str, Any], generation: int) -> None:
    """Replace what is asked for, if it is still what the person saw.

    Args:
        kube: Acts as the person.
        name: Of the app.
        spec: The whole new spec.
        generation: Of the registration that the person saw.

    Raises:
        Conflict: Somebody else has changed it since.
        KubeError: Kubernetes does not let this person, or does not take it.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        now = Registration.from_object(await kube.get(REGISTRATIONS, name))
        if now.generation != generation:
            raise Conflict("changed meanwhile", status=409)
        patch = {"metadata": {"resourceVersion": now.resource_version}, "spec": dict(spec)}
        try:
            await kube.merge_patch(REGISTRATIONS, name, None, patch)
        except Conflict:  # a status was written
            if attempt == _ATTEMPTS:
                raise
        else:
            return


async def unregister(kube: KubeClient, name: str, uid: str) -> None:
    """Delete a registration.

    Args:
        kube: Acts as the person.
        name: Of the app.
        uid: Of the registration that the person saw.

    Raises:
        KubeError: Kubernetes does not let this person, or it is another one by now.
    """
    await kube.delete(REGISTRATIONS, name, uid=uid)
