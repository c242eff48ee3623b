"""The names that every part of the platform agrees on: labels, annotations, finalizers, object names, name rules.

Guarantees: a name that a function here returns is valid in Kubernetes whenever its input passed the rules here.
Leaves out: everything that needs a cluster to decide, such as who owns a namespace (that is its label, not its name).
"""

import hashlib
import re
from typing import Final

GROUP: Final = "labrats.work"
"""API group of our resources, and prefix of our labels and annotations."""

MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "app-platform"
APP_LABEL: Final = f"{GROUP}/app"
NAMESPACE_ROLE_LABEL: Final = f"{GROUP}/namespace-role"
SECRET_INTENT_LABEL: Final = f"{GROUP}/secret-intent"
SECRET_NAME_LABEL: Final = f"{GROUP}/secret"
"""On a delivered Secret: it is a copy of the intent of the same name."""
OIDC_CLIENT_LABEL: Final = f"{GROUP}/oidc-client"
"""On a Secret in a platform namespace: it asks for an OIDC client, and this is the client's id."""

TARGET_NAMESPACES: Final = f"{GROUP}/target-namespaces"
SECRET_STATUS: Final = f"{GROUP}/secret-status"
SECRET_MESSAGE: Final = f"{GROUP}/secret-message"
SECRET_KEYS: Final = f"{GROUP}/secret-keys"
SECRET_COMMIT: Final = f"{GROUP}/secret-commit"
SECRET_FINGERPRINT: Final = f"{GROUP}/secret-fingerprint"
SECRET_ENVELOPE: Final = f"{GROUP}/secret-envelope"
SECRET_DELIVERY: Final = f"{GROUP}/secret-delivery"
"""JSON object: target namespace to how far its copy has come, as Flux tells (``Applied``, or the stage and why)."""
CHANGED_BY: Final = f"{GROUP}/changed-by"
"""Who changed an intent last; the dashboard writes it, as it changes intents in the name of its users."""
PUBLIC_KEY: Final = f"{GROUP}/public-key"
DEPLOY_KEY: Final = "deploy-key-"
"""Beginning of the names of the Secrets that GitRepositories of apps may name (deploy/kubernetes/policies)."""
DEPLOY_KEY_STATUS: Final = f"{GROUP}/deploy-key"
"""On a GitRepository: ``Added``, or why its key was not added to the repository."""
DEPLOY_KEY_REPOSITORY: Final = f"{GROUP}/deploy-key-repository"
"""On a GitRepository: ``owner/name`` of the repository at the forge to which its key was added."""
DEPLOY_KEY_FINALIZER: Final = f"{GROUP}/deploy-key"
"""On the Secret with a deploy key: its public half, to be shown without reading the Secret."""
TRACEPARENT: Final = f"{GROUP}/traceparent"
"""The trace of the last change (W3C Trace Context ``traceparent``): watcher goes on with what the dashboard noted; of another change the
service that acts on it notes the trace, so that what Flux or Authelia makes of it later is told there."""
ROTATE_KEY: Final = f"{GROUP}/rotate-key"
"""On a registration: a new value asks for a new AGE key. On the key Secret: the request that its first key was made for."""
RETIRING_RECIPIENTS: Final = f"{GROUP}/retiring-recipients"
"""On the key Secret: recipients of keys that go as soon as no file needs them, separated by commas."""
SECRET_OLD_RECIPIENTS: Final = f"{GROUP}/secret-old-recipients"
"""On an intent: the repository may still hold its files for these recipients, and not yet for the present ones."""
OIDC_STATUS: Final = f"{GROUP}/oidc-status"
"""``Pending``, ``Registered``, or ``Failed: <what to change>``."""
OIDC_MESSAGE: Final = f"{GROUP}/oidc-message"
"""What a client waits for while it is ``Pending``."""
OIDC_REDIRECT_URIS: Final = f"{GROUP}/oidc-redirect-uris"
"""To which the identity provider sends users of this client back, separated by spaces: known to all who may know of the client, as its
content is not."""
OIDC_ROTATE: Final = f"{GROUP}/oidc-rotate"
"""A new value asks for a new client secret."""
OIDC_ROTATED: Final = f"{GROUP}/oidc-rotated"
"""The request that the present client secret was made for."""
OIDC_FINGERPRINT: Final = f"{GROUP}/oidc-fingerprint"
"""Keyed HMAC of the client secret that oidc-registrar made, so that it notices when somebody else changes it."""
OIDC_CLIENTS: Final = f"{GROUP}/oidc-clients"
"""On Authelia's pod template: SHA-256 (hex) of the list of clients that its pods are to run with."""
OIDC_ROLL: Final = f"{GROUP}/oidc-roll"
"""Beside it: which of our rolls that is, so that one list can be tried twice."""
ADOPT: Final = f"{GROUP}/adopt"
RELEASED: Final = f"{GROUP}/released"
"""On a namespace that its app gave up: the app's bindings are gone, the label still says whose it was."""

PLATFORM_SUFFIX: Final = "-platform"
ROLE_APP: Final = "app"
ROLE_PLATFORM: Final = "platform"

AGE_KEY_SECRET: Final = "sops-age"  # noqa: S105 - the name of an object, not its content
AGE_KEY_ENTRY: Final = "age.agekey"
GIT_CREDENTIAL_SECRET: Final = "git-credential"  # noqa: S105 - as above
FLUX_SERVICE_ACCOUNT: Final = "flux"
SECRET_READER: Final = "secret-reader"  # noqa: S105 - the ServiceAccount and Role the guide names
SYSTEM_NAMESPACE: Final = "app-platform-system"

AUTHELIA: Final = "authelia"
"""Authelia's namespace and Deployment."""
OIDC_CLIENTS_SECRET: Final = "authelia-oidc-clients"  # noqa: S105 - the name of an object, not its content
OIDC_CLIENTS_ENTRY: Final = "oidc-clients.yml"
"""In that Secret: the configuration file that holds the list of OIDC clients, mounted into Authelia."""
DASHBOARD_OIDC_SECRET: Final = "dashboard-oidc"  # noqa: S105 - as above
DASHBOARD_CLIENT: Final = "app-platform-dashboard"
"""Client id of the dashboard, the client that keeps Authelia's list from being empty."""
CLIENT_ID_KEY: Final = "clientId"
"""In that Secret, beside ``clientSecret``."""

BRANCH: Final = "main"
SECRETS_FOLDER: Final = "secrets"

MAX_DNS_LABEL: Final = 63
MAX_APP_NAME: Final = MAX_DNS_LABEL - len(PLATFORM_SUFFIX)
"""So that ``<app>-platform`` is still a DNS label."""

DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
"""RFC 1123 label, as Kubernetes checks it (apimachinery ``validation.IsDNS1123Label``), without its length."""

SECRET_KEY_PATTERN: Final = r"^[-._a-zA-Z0-9]+$"  # noqa: S105 - apimachinery ``IsConfigMapKey``, not a credential

_DNS_LABEL = re.compile(DNS_LABEL_PATTERN)


def is_dns_label(name: str) -> bool:
    """Whether Kubernetes takes ``name`` as a DNS label (RFC 1123, at most 63 characters)."""
    return len(name) <= MAX_DNS_LABEL and _DNS_LABEL.fullmatch(name) is not None


def is_app_name(name: str) -> bool:
    """Whether an app may have that name: a DNS label that leaves room for the ending of its platform namespace."""
    return len(name) <= MAX_APP_NAME and is_dns_label(name) and not name.endswith(PLATFORM_SUFFIX)


def listed(annotation: str) -> tuple[str, ...]:
    """What an annotation names that is a list with commas, in its order and without repetition.

    >>> listed("my-app-dev, my-app-prod,,my-app-dev")
    ('my-app-dev', 'my-app-prod')
    """
    return tuple(dict.fromkeys(name for part in annotation.split(",") if (name := part.strip())))


def platform_namespace(app: str) -> str:
    """The namespace that holds the app's key, credential, intents and Flux objects."""
    return app + PLATFORM_SUFFIX


def repository_name(app: str) -> str:
    """The app's platform repository, which has the name of its platform namespace."""
    return platform_namespace(app)


def app_of_platform_namespace(namespace: str) -> str | None:
    """The app whose platform namespace this name would be; ``None`` when it is none.

    Only the namespace's labels say whether it really is one.
    """
    app = namespace.removesuffix(PLATFORM_SUFFIX)
    return app if app != namespace and is_dns_label(app) else None


def secret_path(namespace: str, name: str) -> str:
    """Where in the platform repository the copy of intent ``name`` for ``namespace`` lies."""
    return f"{SECRETS_FOLDER}/{namespace}/{name}.yaml"


def parse_secret_path(path: str) -> tuple[str, str] | None:
    """The ``(namespace, name)`` a path in the platform repository stands for; ``None`` when it is no secret's."""
    parts = path.split("/")
    if len(parts) != 3 or parts[0] != SECRETS_FOLDER or not parts[2].endswith(".yaml"):  # noqa: PLR2004 - folder, namespace, file
        return None
    return parts[1], parts[2].removesuffix(".yaml")


def blob_id(content: str) -> str:
    r"""The id that Git gives a file of this content: SHA-1 of ``blob <length>\0<content>``, in hex (gitformat-pack).

    It lets a service compare what a repository holds with what it should hold by names alone.
    """
    raw = content.encode()
    return hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


def finalizer(service: str) -> str:
    """The finalizer by which ``service`` holds an object until it has cleaned up."""
    return f"{GROUP}/{service}"
