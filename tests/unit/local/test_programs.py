"""The table of children: what runs with which options, and what it is never told."""

from pathlib import Path

import pytest

from app_platform.local.balancer.forwarding import onward
from app_platform.local.listeners import listener_names
from app_platform.local.options import Options, Service
from app_platform.local.paths import StateDir
from app_platform.local.programs import (
    API,
    CONTROLLERS,
    STORES,
    Site,
    children,
    nats_config,
    tool_names,
    user_env,
)
from app_platform.local.supervise import Child

SERVICES = (Service("watcher", "m.watcher"), Service("git-committer", "m.git", forge=True, env={"MORE": "1"}))


def site(options: Options) -> Site:
    names = listener_names(options)
    return Site(
        state=StateDir(Path("/state")),
        options=options,
        tools={name: Path("/tools") / name for name in tool_names(options)},
        ports={name: 20_000 + index for index, name in enumerate(names)},
        accounts="accounts: {}",
        tokens={"git": "git-token", "webhook": "webhook-secret", "admin": "admin-token"},
        environment={
            "PATH": "/bin",
            "HOME": "/home",
            "KUBECONFIG": "/theirs",
            "AWS_SECRET_ACCESS_KEY": "theirs",
        },
    )


def table(options: Options) -> dict[str, Child]:
    return {child.name: child for child in children(site(options))}


def test_stores_then_the_api_then_the_rest() -> None:
    tiers = {name: child.tier for name, child in table(Options(services=SERVICES)).items()}
    assert tiers == {
        "etcd": STORES,
        "kube-apiserver": API,
        "nats": STORES,
        "nats-bootstrap": API,
        "git": STORES,
        "kustomize-controller": CONTROLLERS,
        "source-controller": CONTROLLERS,
        "authelia": CONTROLLERS,
        "watcher-0": CONTROLLERS,
        "git-committer-0": CONTROLLERS,
    }


def test_an_existing_cluster_needs_no_api_server_of_ours() -> None:
    options = Options(services=(), cluster="theirs")
    assert not {"etcd", "kube-apiserver", "authelia"} & table(options).keys()
    assert not {"etcd", "kube-apiserver"} & set(tool_names(options))


def test_replicas_multiply_services_with_a_port_and_a_name_each() -> None:
    services = (*SERVICES, Service("single", "m.single", replicas=1))
    children_ = table(Options(services=services, replicas=2))
    names = {name for name in children_ if name.startswith(("watcher", "git-", "single"))}
    assert names == {"watcher-0", "watcher-1", "git-committer-0", "git-committer-1", "single-0"}
    ports = {children_[name].env["APP_PLATFORM_HEALTH_PORT"] for name in names}
    assert len(ports) == 5
    assert all(children_[name].env["APP_PLATFORM_REPLICA"] == name for name in names)


def test_only_the_service_that_needs_the_forge_knows_its_token() -> None:
    children_ = table(Options(services=SERVICES))
    assert children_["git-committer-0"].env["APP_PLATFORM_FORGE_TOKEN"] == "git-token"
    assert children_["git-committer-0"].env["MORE"] == "1"
    assert "git-token" not in children_["watcher-0"].env.values()


def test_no_child_is_told_what_is_the_users() -> None:
    for child in table(Options(services=SERVICES)).values():
        assert "/theirs" not in child.env.values()
        assert "theirs" not in child.env.values()
        assert child.env["PATH"] == "/bin"


def test_temporary_files_of_every_child_lie_with_the_platform() -> None:
    assert {child.env["TMPDIR"] for child in table(Options(services=SERVICES)).values()} == {"/state/tmp"}


def test_no_secret_is_on_a_command_line() -> None:
    for child in table(Options(services=SERVICES)).values():
        assert not any(
            token in argument
            for token in ("git-token", "webhook-secret", "admin-token")
            for argument in child.argv
        )


def test_each_service_is_its_own_user() -> None:
    children_ = table(Options(services=SERVICES))
    assert children_["watcher-0"].env["KUBECONFIG"] == "/state/config/kubeconfig-watcher.yaml"
    assert children_["git-committer-0"].env["KUBECONFIG"] == "/state/config/kubeconfig-git-committer.yaml"


def test_each_service_has_a_nats_key_of_its_own() -> None:
    children_ = table(Options(services=SERVICES))
    keys = {name: child.env.get("APP_PLATFORM_NATS_NKEY") for name, child in children_.items()}
    assert {name: key for name, key in keys.items() if key} == {
        "watcher-0": "/state/config/nats/watcher.nk",
        "git-committer-0": "/state/config/nats/git-committer.nk",
        "nats-bootstrap": "/state/config/nats/bootstrap.nk",
    }


def test_with_tls_both_sides_show_certificates() -> None:
    options = Options(services=SERVICES, tls=True)
    assert "verify: true" in nats_config(site(options))
    assert "tls" not in nats_config(site(Options()))
    watcher, env = table(options)["watcher-0"], user_env(site(options))
    assert watcher.env["APP_PLATFORM_NATS_URL"].startswith("tls://127.0.0.1:")
    assert watcher.env["APP_PLATFORM_NATS_CERTIFICATE_KEY"] == env["NATS_KEY"]


def test_a_changed_nats_configuration_makes_another_child() -> None:
    before = table(Options(services=()))["nats"]
    assert table(Options(services=(), tls=True))["nats"] != before


@pytest.mark.parametrize("fsync", [True, False])
def test_etcd_waits_for_the_disk_unless_told_otherwise(fsync: bool) -> None:  # noqa: FBT001 - a parameter of the test
    etcd = table(Options(services=(), fsync=fsync))["etcd"]
    assert ("--unsafe-no-fsync" in etcd.argv) is not fsync


def test_an_acknowledged_message_is_on_disk() -> None:
    assert "sync_interval: always" in nats_config(site(Options(services=())))


def test_users_are_told_where_everything_is() -> None:
    env = user_env(site(Options(services=())))
    addresses = {"NATS_URL", "GIT_URL", "GIT_SSH_URL", "OIDC_ISSUER_URL", "DASHBOARD_URL"}
    keys = {"NATS_NKEY", "NATS_READER_NKEY", "NATS_OPERATOR_NKEY"}
    assert env.keys() == {"KUBECONFIG", "GIT_TOKEN", "PATH_TOOLS", *addresses, *keys}
    assert "OIDC_ISSUER_URL" not in user_env(site(Options(services=(), cluster="theirs")))
    assert env["KUBECONFIG"] == "/state/config/kubeconfig-admin.yaml"


def test_the_git_server_tells_every_replica_of_git_committer_where_it_listens() -> None:
    children_ = table(Options(services=SERVICES, replicas=2))
    urls = children_["git"].env["APP_PLATFORM_GIT_WEBHOOK_URLS"].split()
    committers = [children_[f"git-committer-{index}"] for index in range(2)]
    ports = [child.env["APP_PLATFORM_WEBHOOK_PORT"] for child in committers]
    assert urls == [f"http://127.0.0.1:{port}/webhooks/github" for port in ports]
    assert len(set(ports)) == 2
    for child in committers:
        assert child.env["APP_PLATFORM_WEBHOOK_SECRETS"] == '["webhook-secret"]'


def test_several_dashboards_are_reached_by_way_of_a_balancer() -> None:
    pages = Service("dashboard", "m.dashboard", pages=True)
    one, two = (table(Options(services=(pages,), replicas=count)) for count in (1, 2))
    assert "balancer" not in one
    public = one["dashboard-0"].env["APP_PLATFORM_DASHBOARD_URL"].rpartition(":")[2]
    assert one["dashboard-0"].env["APP_PLATFORM_DASHBOARD_PORT"] == public
    served = [two[name].env["APP_PLATFORM_DASHBOARD_PORT"] for name in ("dashboard-0", "dashboard-1")]
    assert len({public, *served}) == 3
    assert two["balancer"].env["APP_PLATFORM_BALANCER_PORT"] == public
    assert two["balancer"].env["APP_PLATFORM_BALANCER_REPLICAS"].split() == [
        f"http://127.0.0.1:{port}" for port in served
    ]
    for name in ("dashboard-0", "dashboard-1"):
        assert two[name].env["APP_PLATFORM_DASHBOARD_URL"].endswith(f":{public}")


def test_the_balancer_passes_on_what_is_about_the_request_and_says_for_whom() -> None:
    came = {"Host": "here", "Cookie": "a=b", "Connection": "keep-alive", "Te": "trailers"}
    assert dict(onward(came, "192.0.2.1")) == {
        "Host": "here",
        "Cookie": "a=b",
        "X-Forwarded-For": "192.0.2.1",
    }
    behind_another = {"x-forwarded-for": "198.51.100.1", "X-Forwarded-For": "198.51.100.1"}
    assert onward(behind_another, "192.0.2.1") == [("X-Forwarded-For", "198.51.100.1, 192.0.2.1")]
