"""The dashboard's own client at the identity provider, as oidc-registrar made it.

Secret ``dashboard-oidc`` in the platform's system namespace, entries ``clientId`` and ``clientSecret``. Guarantees: the secret is in no
error and no ``repr``.
"""

import base64
import binascii

from app_platform.contracts import names, oidc
from app_platform.dashboard.provider import Credential, ProviderError
from app_platform.kube import SECRETS, KubeClient, KubeError, NotFound


async def client_credential(client: KubeClient) -> Credential:
    """The client's id and secret now.

    Raises:
        ProviderError: There is none yet, or it cannot be read.
    """
    try:
        data = (await client.get(SECRETS, names.DASHBOARD_OIDC_SECRET, names.SYSTEM_NAMESPACE)).get(
            "data"
        ) or {}
        client_id, secret = (
            base64.b64decode(data[entry]).decode() for entry in (names.CLIENT_ID_KEY, oidc.CLIENT_SECRET)
        )
    except NotFound:
        raise ProviderError(
            "The dashboard has no client at the identity provider yet. Please try again in a moment."
        ) from None
    except (KubeError, KeyError, binascii.Error, UnicodeDecodeError):
        raise ProviderError(
            "The dashboard's client at the identity provider cannot be read. Please tell a platform admin."
        ) from None
    return Credential(client_id, secret)
