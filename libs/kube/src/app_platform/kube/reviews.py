"""Asks the API server what somebody may do (authorization.k8s.io/v1, SubjectAccessReview and SelfSubjectAccessReview).

Guarantees: the answer is the authorizer's own, for the present moment; nothing is worked out here from roles and bindings.
Leaves out: what admission policies refuse afterwards.
"""

from dataclasses import dataclass
from typing import Any, Final

from app_platform.kube.client import KubeClient
from app_platform.kube.resources import Resource
from app_platform.kube.transport import User

_GROUP: Final = "authorization.k8s.io"
SUBJECT_ACCESS_REVIEWS: Final = Resource(
    _GROUP, "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
SELF_SUBJECT_ACCESS_REVIEWS: Final = Resource(
    _GROUP, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)


@dataclass(frozen=True)
class Action:
    """Something that one may be allowed to do.

    Attributes:
        verb: ``get``, ``create``, …
        resource: May be one that is stored nowhere and only ever asked about.
        namespace: Empty for cluster-scoped resources, or for all namespaces.
        name: Of one object; empty for any.
        subresource: Such as ``exec``.
    """

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        """As an administrator would grant it: ``list kustomizations.kustomize.toolkit.fluxcd.io in my-app-platform``."""
        plural = "/".join(filter(None, (self.resource.plural, self.subresource)))
        what = f"{plural}.{self.resource.group}" if self.resource.group else plural
        one = f" {self.name!r}" if self.name else ""
        return f"{self.verb} {what}{one}" + (f" in {self.namespace}" if self.namespace else "")

    @property
    def attributes(self) -> dict[str, str]:
        """As ``spec.resourceAttributes`` of a review."""
        given = {
            "verb": self.verb,
            "group": self.resource.group,
            "version": self.resource.version,
            "resource": self.resource.plural,
            "subresource": self.subresource,
            "namespace": self.namespace,
            "name": self.name,
        }
        return {name: value for name, value in given.items() if value}


async def may(client: KubeClient, action: Action, who: User | None = None) -> bool:
    """Whether somebody may do something.

    Args:
        client: Needs the right to create SubjectAccessReviews when it asks about others.
        action: What.
        who: A user, or groups alone (then ``name`` is empty); ``None`` for the client itself.

    Raises:
        Forbidden: The client may not ask that.
        KubeError: Any other failure.
    """
    resource = SELF_SUBJECT_ACCESS_REVIEWS if who is None else SUBJECT_ACCESS_REVIEWS
    spec: dict[str, Any] = {"resourceAttributes": action.attributes}
    if who is not None:
        spec |= {"user": who.name, "groups": list(who.groups)}
    # The API server wants the metadata of a review to be empty.
    answer = await client.create(resource, resource.manifest("", spec=spec))
    return bool(answer["status"].get("allowed"))
