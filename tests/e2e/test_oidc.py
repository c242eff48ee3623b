"""Single sign-on for an app, from the guide's labelled Secret to the groups in an ID token, and all the ways it must not work.

The provider is the local one, loading the very list that the registrar renders; the client is a standard one (Authlib).
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from authlib.integrations.base_client import OAuthError

from app_platform.contracts import names
from app_platform.kube import SECRETS, Conflict, Forbidden, KubeClient
from app_platform.local import Platform
from app_platform.local.authelia.controller import DEPLOYMENT, DEPLOYMENTS
from support.apps import PATIENCE, App
from support.cluster import Cluster
from support.identity import Browser, Relying, client, location, query
from support.leaks import leaks
from support.people import Anybody
from support.platform import eventually

REGISTERED = "Registered"
SAMPLE_PASSWORD = "password"


@dataclass
class Client:
    """An app's OIDC client, as its developers have it: a labelled Secret, and what became of it."""

    app: App
    client_id: str

    def ask(self, hostname: str = "", **more: str) -> None:
        """Create the labelled Secret of the guide."""
        manifest = SECRETS.manifest(self.client_id, self.app.home, type="Opaque")
        manifest["metadata"]["labels"] = {
            names.OIDC_CLIENT_LABEL: self.client_id,
            names.APP_LABEL: self.app.name,
        }
        manifest["stringData"] = {"hostname": hostname or self.hostname, **more}
        self.app.cluster.do(lambda api: api.create(SECRETS, manifest, metadata_only=True))

    def change(self, **values: str) -> None:
        """Change keys of the Secret."""
        self.app.patch(self.client_id, {"stringData": values})

    def delete(self) -> None:
        """Delete the Secret, and wait until it is gone."""
        self.app.cluster.do(lambda api: api.delete(SECRETS, self.client_id, self.app.home))
        eventually(lambda: not self.metadata(), f"{self.client_id} is gone", within=PATIENCE)

    @property
    def hostname(self) -> str:
        """The host that the app is at."""
        return f"{self.client_id}.hcl.labrats.work"

    @property
    def redirect_uri(self) -> str:
        """The callback of the guide."""
        return f"https://{self.hostname}/api/auth/oidc/callback"

    def metadata(self) -> dict[str, Any]:
        """The Secret's metadata; empty when it is gone."""
        found = self.app.cluster.do(
            lambda api: api.find(SECRETS, self.client_id, self.app.home, metadata_only=True)
        )
        return dict(found["metadata"]) if found else {}

    def status(self) -> str:
        """What its author reads."""
        return str(self.metadata().get("annotations", {}).get(names.OIDC_STATUS, ""))

    def until(self, status: str) -> None:
        """Wait for a status."""
        eventually(
            lambda: self.status().startswith(status),
            f"{self.client_id} {status}: {self.metadata().get('annotations')}",
            within=PATIENCE,
        )

    def secret(self, namespace: str = "") -> str:
        """`clientSecret`, as External Secrets reads it: as ServiceAccount `secret-reader` of an app namespace.

        Raises:
            Forbidden: that account may not.
        """
        account = Anybody(f"system:serviceaccount:{namespace or self.app.dev}:secret-reader")

        async def read(api: KubeClient) -> Any:
            return await api.acting_as(account).get(SECRETS, self.client_id, self.app.home)

        found = self.app.cluster.do(read)
        return base64.b64decode(found["data"]["clientSecret"]).decode()

    def is_readable(self) -> bool:
        """Whether the app's namespaces may read it: that follows a moment after the registration."""
        try:
            self.secret()
        except Forbidden:
            return False
        except KeyError:  # a public client has none
            return True
        return True

    def relying(self, **more: Any) -> Relying:
        """The app's own code."""
        options: dict[str, Any] = {"redirect_uri": self.redirect_uri, **more}
        if "secret" not in options:
            options["secret"] = self.secret()
        return Relying(issuer(self.app), client_id=self.client_id, **options)


def issuer(app: App) -> str:
    return app.platform.env["OIDC_ISSUER_URL"]


def sign_in(relying: Relying, username: str = "ada") -> str:
    """Sign a sample user in and agree; the callback URL."""
    browser = Browser(relying.issuer)
    page = browser.sign_in(relying.authorization_url(), username, SAMPLE_PASSWORD)
    return location(page if page.has_redirect_location else browser.send(page, decision="accept"))


def registered(app: App, name: str = "", **more: str) -> Client:
    """A client that Authelia runs with."""
    made = Client(app, name or f"{app.name}-sso")
    made.ask(**more)
    made.until(REGISTERED)
    eventually(made.is_readable, f"{made.client_id} may be read in the app's namespaces", within=PATIENCE)
    return made


def list_of_clients(cluster: Cluster) -> dict[str, Any]:
    """The list that Authelia is given, by client id."""
    found = cluster.do(lambda api: api.get(SECRETS, names.OIDC_CLIENTS_SECRET, names.AUTHELIA))
    text = base64.b64decode(found["data"][names.OIDC_CLIENTS_ENTRY])
    return {each["client_id"]: each for each in yaml.safe_load(text)["identity_providers"]["oidc"]["clients"]}


def test_the_guides_secret_ends_with_groups_in_the_id_token(app: App) -> None:
    found = registered(app)
    assert len(found.secret()) == 72
    relying = found.relying()
    callback = sign_in(relying)
    assert callback.startswith(f"{found.redirect_uri}?")
    claims = relying.claims(relying.tokens(callback)["id_token"])
    assert claims["groups"] == ["my-app-admins"]
    assert (claims["preferred_username"], claims["email"], claims["name"]) == (
        "ada",
        "ada@example.com",
        "Ada Admin",
    )


def test_each_user_has_the_groups_of_the_users_file(app: App) -> None:
    found = registered(app)
    for username, groups in {"paula": ["platform-admins"], "sam": [], "olga": ["other-app-admins"]}.items():
        relying = found.relying()
        claims = relying.claims(relying.tokens(sign_in(relying, username))["id_token"])
        assert claims.get("groups", []) == groups


def test_only_the_apps_own_secret_readers_see_the_secret(app: App, other: App) -> None:
    found = registered(app)
    assert found.secret(app.prod) == found.secret(app.dev)
    for namespace in (other.dev, app.home, "default"):
        with pytest.raises(Forbidden):
            found.secret(namespace)


def test_a_wrong_secret_gets_no_tokens(app: App) -> None:
    found = registered(app)
    relying = found.relying(secret="x" * 72)
    with pytest.raises(OAuthError) as refusal:
        relying.tokens(sign_in(relying))
    assert refusal.value.error == "invalid_client"


def test_a_redirect_uri_that_was_not_registered_is_refused(app: App) -> None:
    found = registered(app)
    for uri in (f"https://{found.hostname}/elsewhere", found.redirect_uri + "/", "https://evil.example/"):
        page = Browser(issuer(app)).open(found.relying(redirect_uri=uri).authorization_url())
        assert page.status_code == 400
        assert "redirect_uri" in page.text


def test_pkce_is_demanded_where_the_app_asks_for_it(app: App) -> None:
    found = registered(app, requirePkce="true")
    answer = query(location(Browser(issuer(app)).open(found.relying(verifier=None).authorization_url())))
    assert answer["error"] == "invalid_request"
    relying = found.relying()
    with pytest.raises(OAuthError) as refusal:
        relying.tokens(sign_in(relying), code_verifier="w" * 64)
    assert refusal.value.error == "invalid_grant"
    relying = found.relying()
    assert relying.tokens(sign_in(relying))["id_token"]


def test_a_public_client_has_no_secret(app: App) -> None:
    found = registered(app, public="true")
    relying = found.relying(secret=None, auth_method="none")
    assert relying.tokens(sign_in(relying))["id_token"]


def test_a_removed_client_is_out_and_the_others_stay(app: App, other: App) -> None:
    found, stays = registered(app), registered(other)
    relying, remaining = found.relying(), stays.relying()
    callback = sign_in(relying)
    found.delete()
    with pytest.raises(OAuthError) as refusal:
        relying.tokens(callback)
    assert refusal.value.error == "invalid_client"
    assert "The client does not exist" in Browser(issuer(app)).open(relying.authorization_url()).text
    assert remaining.tokens(sign_in(remaining))["id_token"]


def test_a_changed_host_is_registered_anew_with_the_same_secret(app: App) -> None:
    found = registered(app)
    before = found.secret()
    hostname = f"moved-{found.hostname}"
    new_uri = f"https://{hostname}/login/done"
    found.change(hostname=hostname, callbackPath="/login/done")

    def serves_new() -> bool:
        page = Browser(issuer(app)).open(found.relying(redirect_uri=new_uri).authorization_url())
        return page.status_code == 200

    eventually(serves_new, "the new redirect URI is served", within=PATIENCE)
    found.until(REGISTERED)
    assert found.secret() == before
    relying = found.relying(redirect_uri=new_uri)
    assert relying.tokens(sign_in(relying))["id_token"]
    assert Browser(issuer(app)).open(found.relying().authorization_url()).status_code == 400


def test_several_clients_of_one_app_are_apart(app: App) -> None:
    one, two = registered(app, f"{app.name}-one"), registered(app, f"{app.name}-two")
    assert one.secret() != two.secret()
    relying = two.relying(secret=one.secret())
    with pytest.raises(OAuthError) as refusal:
        relying.tokens(sign_in(relying))
    assert refusal.value.error == "invalid_client"


def test_a_client_that_is_asked_for_wrongly_is_told_so_and_harms_nobody(app: App, other: App) -> None:
    good = registered(other)
    bad = Client(app, f"{app.name}-sso")
    bad.ask(hostname="evil.example")
    bad.until("Failed: hostname lies outside")
    assert bad.client_id not in list_of_clients(app.cluster)
    taken = Client(app, good.client_id)
    taken.ask(hostname=bad.hostname)
    taken.until("Failed: ")
    relying = good.relying()
    assert relying.tokens(sign_in(relying))["id_token"]
    bad.change(hostname=bad.hostname)
    bad.until(REGISTERED)


@contextmanager
def added_by_hand(cluster: Cluster, entry: Mapping[str, Any]) -> Iterator[None]:
    """A client that a platform admin writes into the list; taken out again afterwards."""

    def edit(change: Callable[[list[Any]], None]) -> None:
        async def write(api: KubeClient) -> None:
            found = await api.get(SECRETS, names.OIDC_CLIENTS_SECRET, names.AUTHELIA)
            content = yaml.safe_load(base64.b64decode(found["data"][names.OIDC_CLIENTS_ENTRY]))
            change(content["identity_providers"]["oidc"]["clients"])
            encoded = base64.b64encode(yaml.safe_dump(content).encode()).decode()
            patch = {
                "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
                "data": {names.OIDC_CLIENTS_ENTRY: encoded},
            }
            await api.merge_patch(SECRETS, names.OIDC_CLIENTS_SECRET, names.AUTHELIA, patch)

        def is_written() -> bool:
            try:
                cluster.do(write)
            except Conflict:  # the registrar was quicker
                return False
            return True

        eventually(is_written, "the list edited by hand")

    edit(lambda clients: clients.append(dict(entry)))
    try:
        yield
    finally:
        edit(
            lambda clients: clients.__setitem__(
                slice(None), [e for e in clients if e["client_id"] != entry["client_id"]]
            )
        )


def test_no_secret_leaves_its_place(app: App, whole_platform: Platform) -> None:
    found = registered(app)
    relying = found.relying()
    tokens = relying.tokens(sign_in(relying))
    for value in (found.secret(), tokens["access_token"]):
        assert leaks(whole_platform, app.cluster, value) == []


def test_many_at_once_need_few_rolls(app: App) -> None:
    def generation() -> int:
        found = app.cluster.do(lambda api: api.get(DEPLOYMENTS, DEPLOYMENT, names.AUTHELIA))
        return int(found["metadata"]["generation"])

    before = generation()
    clients = [Client(app, f"{app.name}-{number}") for number in range(10)]
    for each in clients:
        each.ask()
    for each in clients:
        each.until(REGISTERED)
    assert generation() - before < len(clients)
    assert {each.client_id for each in clients} <= list_of_clients(app.cluster).keys()


def test_a_list_that_the_provider_refuses_is_taken_back_and_harms_nobody(app: App, other: App) -> None:
    stays = registered(other)
    # Authelia knows this option, the local provider does not: it does not start with such a client.
    broken = client(client_id=f"{app.name}-by-hand", claims_policy=None, id_token_signed_response_alg="ES256")
    asked = Client(app, f"{app.name}-sso")
    with added_by_hand(app.cluster, broken):
        asked.ask()
        relying = stays.relying()
        assert relying.tokens(sign_in(relying))["id_token"]
        asked.until(REGISTERED)
        eventually(asked.is_readable, f"{asked.client_id} may be read", within=PATIENCE)
        eventually(
            lambda: broken["client_id"] not in list_of_clients(app.cluster), "taken back", within=PATIENCE
        )
    logs = "".join(path.read_text() for path in app.platform.state.logs.glob("oidc-registrar-*.log"))
    assert f"client {broken['client_id']} is in quarantine" in logs
    why = app.platform.state.log("authelia").read_text()
    assert f"client '{broken['client_id']}': id_token_signed_response_alg: Input should be" in why
    relying = asked.relying()
    assert relying.tokens(sign_in(relying))["id_token"]
