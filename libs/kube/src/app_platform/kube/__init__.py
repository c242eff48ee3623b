"""A small Kubernetes client on raw objects: server-side apply, informers, membership.

    async with KubeClient(ClusterConfig.load()) as client:
        await client.apply(NAMESPACES, NAMESPACES.manifest("a"), field_manager="me")

Knows nothing of the App Platform's own kinds, but for `registrations`, by which every service reads and reports on one.
"""

from app_platform.kube.client import EVERYTHING, KubeClient, Page, Selector
from app_platform.kube.config import ClusterConfig, ConfigError
from app_platform.kube.errors import (
    RETRIABLE,
    AlreadyExists,
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from app_platform.kube.informer import Informer, Scope
from app_platform.kube.membership import Group, Membership
from app_platform.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    LEASES,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    Key,
    Object,
    Resource,
    key_of,
)
from app_platform.kube.reviews import Action, may
from app_platform.kube.sharing import share
from app_platform.kube.store import Change, ChangeType
from app_platform.kube.transport import PERSON_PREFIX, ImpersonationError, User

__all__ = [
    "CLUSTER_ROLES",
    "CLUSTER_ROLE_BINDINGS",
    "CONFIG_MAPS",
    "CUSTOM_RESOURCE_DEFINITIONS",
    "EVERYTHING",
    "GIT_REPOSITORIES",
    "KUSTOMIZATIONS",
    "LEASES",
    "NAMESPACES",
    "PERSON_PREFIX",
    "RETRIABLE",
    "ROLES",
    "ROLE_BINDINGS",
    "SECRETS",
    "SERVICE_ACCOUNTS",
    "Action",
    "AlreadyExists",
    "BadRequest",
    "Cause",
    "Change",
    "ChangeType",
    "ClusterConfig",
    "ConfigError",
    "Conflict",
    "Forbidden",
    "Gone",
    "Group",
    "ImpersonationError",
    "Informer",
    "Invalid",
    "Key",
    "KubeClient",
    "KubeError",
    "Membership",
    "NotFound",
    "Object",
    "Page",
    "Resource",
    "Scope",
    "Selector",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "User",
    "key_of",
    "may",
    "share",
]
