"""The file that Authelia reads: its form, that it is the same for the same clients, and what others put into it."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from app_platform.oidc_registrar import checking
from app_platform.oidc_registrar.rendering import (
    CLAIMS_POLICY,
    ClientList,
    Entry,
    UnreadableListError,
    entry,
    parse,
    render,
)
from app_platform.oidc_registrar.requests import Request
from support.samples import CANARY

SCHEMA = Path(__file__).resolve().parents[4] / "shared" / "authelia" / "configuration.schema.json"
DIGEST = "$pbkdf2-sha512$310000$" + "a" * 22 + "$" + "b" * 86
FOREIGN: dict[str, Any] = {
    "client_id": "grafana",
    "client_name": "Grafana: the “best”",
    "client_secret": "$argon2id$v=19$m=65536,t=3,p=4$abc$def",
    "redirect_uris": ["https://grafana.example.org/login"],
    "scopes": ["openid"],
    "claims_policy": "theirs",
}
POLICIES = {"theirs": {"id_token": ["email"]}}


def ours(client_id: str, **fields: Any) -> Entry:
    return entry(Request(client_id, "a.hcl.labrats.work", **fields), DIGEST, "two_factor")


ALL = {
    "web": ours("web"),
    "cli": ours("cli", public=True, pkce=True, auth_method="none"),
    "long": ours("long", scopes=("openid", "offline_access"), consent="pre-configured"),
    "grafana": FOREIGN,
}


def test_the_file_holds_what_it_may_hold_and_reads_back() -> None:
    document = yaml.safe_load(render(ClientList(ALL, POLICIES)))
    assert list(document) == ["identity_providers"]
    assert sorted(document["identity_providers"]["oidc"]) == ["claims_policies", "clients"]
    assert parse(render(ClientList(ALL, POLICIES))) == ClientList(
        {client_id: dict(each) for client_id, each in ALL.items()}, POLICIES
    )


def test_groups_email_and_name_are_put_into_the_id_token() -> None:
    oidc = yaml.safe_load(render(ClientList(ALL)))["identity_providers"]["oidc"]
    assert {"groups", "email", "name"} <= set(oidc["claims_policies"][CLAIMS_POLICY]["id_token"])
    assert ALL["web"]["claims_policy"] == CLAIMS_POLICY


def test_equal_clients_give_equal_bytes_in_any_order() -> None:
    files = {render(ClientList(dict(order), POLICIES)) for order in permutations(ALL.items())}
    assert len(files) == 1


def test_equal_values_are_written_out() -> None:
    assert b"*id" not in render(ClientList(ALL))


@pytest.mark.parametrize(
    "file",
    [
        b"a: [",
        b"- a",
        b"identity_providers: 1",
        b"identity_providers: {oidc: []}",
        b"identity_providers: {oidc: {clients: {a: b}}}",
        b"identity_providers: {oidc: {clients: [a]}}",
        b"identity_providers: {oidc: {clients: [{client_id: 1}]}}",
        b"identity_providers: {oidc: {clients: [{client_id: a}, {client_id: a}]}}",
        b"!!python/object/apply:os.getcwd []",
        b"\xff\xfe\xff",
        b"identity_providers: {oidc: {clients: [{client_id: a, since: 2020-01-01}]}}",
        b"identity_providers: {oidc: {clients: [{client_id: a, since: 2020-13-45}]}}",
        b"identity_providers: {oidc: {clients: [{client_id: a, key: !!binary AA==}]}}",
        b"identity_providers: {oidc: {clients: [&a {client_id: a, self: *a}]}}",
        b"[" * 3000,
    ],
)
def test_a_list_that_cannot_be_read_says_so_without_repeating_it(file: bytes) -> None:
    with pytest.raises(UnreadableListError) as caught:
        parse(file.replace(b"a", CANARY.encode()) if file == b"a: [" else file)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("file", [b"", b"# nothing", b"identity_providers:", b"identity_providers: {oidc: }"])
def test_an_empty_list_holds_nothing(file: bytes) -> None:
    assert parse(file) == ClientList()


@pytest.mark.parametrize(("client_id", "each"), ALL.items())
def test_what_is_rendered_follows_the_documented_rules(client_id: str, each: Entry) -> None:
    assert each["client_id"] == client_id
    assert checking.faults(each) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"client_secret": CANARY}, "client_secret: breaks the rule 'pattern'"),
        ({"client_secret": DIGEST + "\n"}, "client_secret"),
        ({"redirect_uris": ["https://a.hcl.labrats.work/a\n"]}, "redirect_uris.0"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris.0"),
        ({"redirect_uris": []}, "redirect_uris"),
        ({"scopes": ["admin"]}, "scopes.0"),
        ({"client_id": "a b"}, "client_id"),
        ({"client_id": "a" * 101}, "client_id"),
        ({"grant_types": ["implicit"]}, "grant_types.0"),
        ({"unknown": 1}, "client: breaks the rule 'additionalProperties'"),
        ({"public": True}, "client"),
    ],
)
def test_a_wrong_entry_is_found_and_no_value_repeated(change: dict[str, Any], rule: str) -> None:
    found = checking.faults({**ALL["web"], **change})
    assert any(rule in fault for fault in found), found
    assert CANARY not in " ".join(found)


@pytest.mark.parametrize("missing", ["client_id", "scopes"])
def test_what_others_wrote_must_have_what_every_client_needs(missing: str) -> None:
    assert checking.faults({key: value for key, value in FOREIGN.items() if key != missing})


def schema_faults(document: Any) -> list[str]:
    """What Authelia's published schema has against a file; nothing where the schema is not at hand."""
    if not SCHEMA.exists():
        return []
    schema = json.loads(SCHEMA.read_text())
    validator = Draft7Validator if "draft-07" in schema["$schema"] else Draft202012Validator
    # The file is one of two: what is wanted of the configuration as a whole is in the main one.
    found = validator(schema).iter_errors(document)
    return [fault.message for fault in found if fault.validator != "required" or fault.absolute_path]


def test_the_file_fits_authelias_published_schema() -> None:
    listed = parse(render(ClientList(ALL, POLICIES)))
    assert [checking.faults(each) for each in listed.clients.values()] == [[]] * len(ALL)
    assert schema_faults(yaml.safe_load(render(ClientList(ALL, POLICIES)))) == []


def test_a_property_that_authelia_does_not_know_is_found_either_way() -> None:
    wrong = {**ALL["web"], "unknown": 1}
    assert checking.faults(wrong)
    assert schema_faults(yaml.safe_load(render(ClientList({"web": wrong})))) or not SCHEMA.exists()
