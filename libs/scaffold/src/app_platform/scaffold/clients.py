"""How an app uses its OIDC client: the client secret brought into an app namespace, and the settings of a container. Pure.

Formats: SecretStore and ExternalSecret of the External Secrets Operator, `external-secrets.io/v1`, provider `kubernetes`
(https://external-secrets.io/latest/provider/kubernetes).
Leaves out: the right to read the client secret, which the platform gives ServiceAccount `secret-reader` by itself.
"""

from dataclasses import dataclass
from typing import Any, Final

from app_platform.contracts import names, oidc

Object = dict[str, Any]
_API: Final = "external-secrets.io/v1"
_REFRESH: Final = "5m0s"
"""How soon a new client secret, after a rotation, is in the app's namespace."""


@dataclass(frozen=True)
class Client:
    """An OIDC client of an app.

    Attributes:
        app: Whose.
        secret: Name of the labelled Secret in the platform namespace.
        client_id: Its id at the identity provider.
        issuer: URL of the identity provider.
        redirect_uri: Where users are sent back to; empty while it is not known.
    """

    app: str
    secret: str
    client_id: str
    issuer: str
    redirect_uri: str = ""


def secret_access(client: Client, namespace: str) -> list[Object]:
    """ServiceAccount, SecretStore and ExternalSecret by which the client secret is a Secret in an app namespace."""
    home = names.platform_namespace(client.app)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", **_meta(names.SECRET_READER, namespace)}
    provider = {
        "remoteNamespace": home,
        "server": {"caProvider": {"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt"}},
        "auth": {"serviceAccount": {"name": names.SECRET_READER}},
    }
    store = {
        "apiVersion": _API,
        "kind": "SecretStore",
        **_meta(home, namespace),
        "spec": {"provider": {"kubernetes": provider}},
    }
    external = {
        "apiVersion": _API,
        "kind": "ExternalSecret",
        **_meta(client.secret, namespace),
        "spec": {
            "refreshInterval": _REFRESH,
            "secretStoreRef": {"kind": "SecretStore", "name": home},
            "target": {"name": client.secret},
            "data": [
                {
                    "secretKey": oidc.CLIENT_SECRET,
                    "remoteRef": {"key": client.secret, "property": oidc.CLIENT_SECRET},
                }
            ],
        },
    }
    return [account, store, external]


def container_env(client: Client, *, public: bool = False) -> list[Object]:
    """`env` of the container that signs its users in by the authorization code flow; a public client has no secret."""
    reference = {"name": client.secret, "key": oidc.CLIENT_SECRET}
    secret = {"name": "OIDC_CLIENT_SECRET", "valueFrom": {"secretKeyRef": reference}}
    return [
        {"name": "OIDC_ISSUER", "value": client.issuer},
        {"name": "OIDC_CLIENT_ID", "value": client.client_id},
        *([] if public else [secret]),
        *([{"name": "OIDC_REDIRECT_URI", "value": client.redirect_uri}] if client.redirect_uri else []),
    ]


def _meta(name: str, namespace: str) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}}
