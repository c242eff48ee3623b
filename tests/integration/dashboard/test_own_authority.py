"""An identity provider whose certificate is signed by an authority of one's own."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from app_platform.dashboard.provider import Credential, Provider, ProviderError
from app_platform.dashboard.sessions import SignIn
from app_platform.local import certificates

BEGUN = SignIn(state="s", nonce="n", verifier="v" * 43, until=0)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    certificates.keep(tmp_path / "tls", ["localhost"])
    return tmp_path / "tls" / "ca.crt"


@pytest.fixture
async def issuer(authority: Path) -> AsyncIterator[str]:
    async def describe(request: web.Request) -> web.Response:
        url = f"https://{request.host}"
        return web.json_response({"issuer": url, "authorization_endpoint": f"{url}/api/oidc/authorization"})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", describe)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(authority.with_name("server.crt"), authority.with_name("server.key"))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield f"https://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


def provider(issuer: str, trust: ssl.SSLContext | None) -> Provider:
    async def credential() -> Credential:
        return Credential("dashboard", "secret")

    return Provider(issuer, "https://app-platform.localhost/auth/callback", credential, trust=trust)


async def test_it_is_trusted_when_the_setting_names_its_authority(issuer: str, authority: Path) -> None:
    trusting = provider(issuer, ssl.create_default_context(cafile=authority))
    assert (await trusting.sign_in_url(BEGUN)).startswith(f"{issuer}/api/oidc/authorization?")


async def test_it_is_not_trusted_otherwise(issuer: str) -> None:
    with pytest.raises(ProviderError):
        await provider(issuer, None).sign_in_url(BEGUN)
