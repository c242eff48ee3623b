"""The children of the platform: which program with which arguments, from ports, files and options. No I/O.

All listeners are on 127.0.0.1. What each program is told beyond its defaults has its reason beside it.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app_platform.local.bootstrap import FLUX_NAMESPACE
from app_platform.local.listeners import (
    is_spread,
    pages_listener,
    replica_names,
    webhook_listener,
    webhook_listeners,
)
from app_platform.local.options import Options, Service
from app_platform.local.paths import StateDir
from app_platform.local.supervise import Child
from app_platform.runtime.accounts import key_file
from app_platform.runtime.permissions import BOOTSTRAP, OPERATOR, READER

STORES, API, CONTROLLERS = 0, 1, 2
"""The tiers: started in this order, stopped in the reverse."""

GIT_OWNER = "apps"
SAMPLE_USERS = "Local platform: paula, ada, dev, rita, sam and olga have the password “password”."
_SERVICE_STOP_SECONDS = 25.0  # services finish what is in hand, for at most 20 s
_INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class Site:
    """Everything the table of children is made from.

    Attributes:
        tools: path of each program by name.
        ports: port of each listener by name.
        tokens: secret of each identity by name.
        accounts: NATS' accounts, as ``runtime.accounts`` makes them.
        environment: of the user; only a few harmless variables are passed on.
    """

    state: StateDir
    options: Options
    tools: Mapping[str, Path]
    ports: Mapping[str, int]
    tokens: Mapping[str, str]
    accounts: str
    environment: Mapping[str, str]

    def url(self, listener: str, scheme: str = "http") -> str:
        """The base URL of a listener."""
        return f"{scheme}://127.0.0.1:{self.ports[listener]}"

    @property
    def nats_url(self) -> str:
        """Where NATS listens for clients."""
        return self.url("nats", "tls" if self.options.tls else "nats")

    @property
    def ca_file(self) -> Path:
        """The certificate that kube-apiserver makes for itself at its first start."""
        return self.state.config / "kube-apiserver" / "apiserver.crt"

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a child: never the user's KUBECONFIG, proxies or credentials.

        A child that is killed leaves its temporary files, and kustomize-controller's are decrypted: they lie with the platform's own.
        """
        inherited = {name: self.environment[name] for name in _INHERITED if name in self.environment}
        return inherited | {"TMPDIR": str(self.state.scratch)} | more


def children(site: Site) -> list[Child]:
    """All children, in the order in which `status` shows them."""
    own_cluster = [] if site.options.cluster else [etcd(site), kube_apiserver(site)]
    provider = [] if site.options.cluster else [authelia(site)]
    services = [child for service in site.options.services for child in replicas(site, service)]
    spread = [balancer(site, each) for each in site.options.services if is_spread(each, site.options)]
    return [
        *own_cluster,
        nats(site),
        nats_bootstrap(site),
        git(site),
        kustomize_controller(site),
        source_controller(site),
        *provider,
        *services,
        *spread,
    ]


def etcd(site: Site) -> Child:
    """etcd, alone."""
    client, peer = site.url("etcd"), site.url("etcd-peer")
    arguments = [
        f"--data-dir={site.state.data / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
        "--snapshot-count=5000",  # a smaller log to keep in memory and to replay at start
    ]
    if not site.options.fsync:
        arguments.append("--unsafe-no-fsync")
    return Child("etcd", (str(site.tools["etcd"]), *arguments), site.env(), f"{client}/readyz", tier=STORES)


def kube_apiserver(site: Site) -> Child:
    """The API server, with RBAC, static tokens and a certificate of its own making."""
    config = site.state.config
    arguments = [
        f"--etcd-servers={site.url('etcd')}",
        f"--cert-dir={site.ca_file.parent}",
        f"--secure-port={site.ports['kube-apiserver']}",
        "--bind-address=127.0.0.1",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={config / 'service-account.key'}",
        f"--service-account-signing-key-file={config / 'service-account.key'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        f"--token-auth-file={config / 'tokens.csv'}",
        "--disable-admission-plugins=ServiceAccount",  # nobody creates the default accounts here
        "--endpoint-reconciler-type=none",  # no pods: nobody needs the `kubernetes` Service to lead anywhere
        "--profiling=false",
    ]
    url = site.url("kube-apiserver", "https")
    return Child(
        "kube-apiserver",
        (str(site.tools["kube-apiserver"]), *arguments),
        site.env(),
        f"{url}/readyz",
        ca_file=str(site.ca_file),
        tier=API,
        stop_seconds=20,
    )


def nats_config(site: Site) -> str:
    """nats-server's configuration file."""
    return f"""# written by `up`
listen: "127.0.0.1:{site.ports["nats"]}"
http: "127.0.0.1:{site.ports["nats-monitor"]}"
jetstream {{
  store_dir: "{site.state.data / "nats"}"
  sync_interval: always  # an acknowledged message is on disk
}}
{_nats_tls(site)}{site.accounts}"""


def _nats_tls(site: Site) -> str:
    if not site.options.tls:
        return ""
    files = site.state.certificates
    return f"""tls {{
  cert_file: "{files / "server.crt"}"
  key_file: "{files / "server.key"}"
  ca_file: "{files / "ca.crt"}"
  verify: true  # clients show a certificate too
}}
"""


def nats_env(site: Site, identity: str) -> dict[str, str]:
    """How one identity reaches NATS."""
    env = {
        "APP_PLATFORM_NATS_URL": site.nats_url,
        "APP_PLATFORM_NATS_NKEY": str(key_file(site.state.nats_keys, identity)),
    }
    if site.options.tls:
        files = site.state.certificates
        env |= {
            "APP_PLATFORM_NATS_CA": str(files / "ca.crt"),
            "APP_PLATFORM_NATS_CERTIFICATE": str(files / "client.crt"),
            "APP_PLATFORM_NATS_CERTIFICATE_KEY": str(files / "client.key"),
        }
    return env


def nats_bootstrap(site: Site) -> Child:
    """What makes streams, buckets and consumers, and makes them again when they are lost."""
    env = site.env(
        APP_PLATFORM_HEALTH_PORT=str(site.ports["nats-bootstrap"]),
        **nats_env(site, BOOTSTRAP),
        **site.options.bootstrap_env,
    )
    command = (sys.executable, "-m", "app_platform.runtime.bootstrap")
    return Child("nats-bootstrap", command, env, f"{site.url('nats-bootstrap')}/readyz", tier=API)


def nats(site: Site) -> Child:
    """nats-server with JetStream on files."""
    command = (str(site.tools["nats-server"]), "-c", str(site.state.nats_config))
    # The digest lets a changed configuration take effect: what differs is restarted.
    env = site.env(CONFIGURATION=hashlib.sha256(nats_config(site).encode()).hexdigest())
    return Child("nats", command, env, f"{site.url('nats-monitor')}/healthz", tier=STORES)


def git(site: Site) -> Child:
    """Our Git server."""
    env = site.env(
        APP_PLATFORM_GIT_PORT=str(site.ports["git"]),
        APP_PLATFORM_GIT_DATA=str(site.state.data / "git"),
        APP_PLATFORM_GIT_TOKEN=site.tokens["git"],
        APP_PLATFORM_GIT_WEBHOOK_URLS=" ".join(
            site.url(name) + "/webhooks/github" for name in webhook_listeners(site.options)
        ),
        APP_PLATFORM_GIT_WEBHOOK_SECRET=site.tokens["webhook"],
        APP_PLATFORM_GIT_SSH_PORT=str(site.ports["git-ssh"]),
        APP_PLATFORM_GIT_SSH_HOST_KEY=str(site.state.ssh_host_key),
    )
    command = (sys.executable, "-m", "app_platform.local.git")
    return Child("git", command, env, f"{site.url('git')}/healthz", tier=STORES)


def source_controller(site: Site) -> Child:
    """Our stand-in for Flux's source-controller."""
    env = site.env(
        KUBECONFIG=str(site.state.kubeconfig("flux")),
        APP_PLATFORM_SOURCE_PORT=str(site.ports["source"]),
        APP_PLATFORM_SOURCE_DATA=str(site.state.data / "source"),
    )
    command = (sys.executable, "-m", "app_platform.local.source")
    return Child("source-controller", command, env, f"{site.url('source')}/healthz", tier=CONTROLLERS)


def authelia(site: Site) -> Child:
    """Our stand-in for Authelia, and for what runs it in a cluster."""
    env = site.env(
        KUBECONFIG=str(site.state.kubeconfig("authelia")),
        APP_PLATFORM_AUTHELIA_HEALTH_PORT=str(site.ports["authelia"]),
        APP_PLATFORM_AUTHELIA_PORT=str(site.ports["oidc"]),
        APP_PLATFORM_AUTHELIA_ISSUER=site.url("oidc"),
        APP_PLATFORM_AUTHELIA_USERS=str(site.state.users_file),
        APP_PLATFORM_AUTHELIA_DATA=str(site.state.data / "authelia"),
        APP_PLATFORM_AUTHELIA_NOTE=SAMPLE_USERS,
    )
    command = (sys.executable, "-m", "app_platform.local.authelia")
    return Child("authelia", command, env, f"{site.url('authelia')}/healthz", tier=CONTROLLERS)


def kustomize_controller(site: Site) -> Child:
    """Flux's kustomize-controller, outside a cluster."""
    health = f"127.0.0.1:{site.ports['kustomize']}"
    arguments = [
        "--watch-all-namespaces",
        "--events-addr=",  # no notification-controller here
        "--no-cross-namespace-refs",
        "--default-service-account=default",  # without it, a Kustomization that names none runs as administrator
        f"--health-addr={health}",
        f"--metrics-addr=127.0.0.1:{site.ports['kustomize-metrics']}",
        "--log-level=info",
    ]
    env = site.env(KUBECONFIG=str(site.state.kubeconfig("flux")), RUNTIME_NAMESPACE=FLUX_NAMESPACE)
    command = (str(site.tools["kustomize-controller"]), *arguments)
    return Child("kustomize-controller", command, env, f"http://{health}/readyz", tier=CONTROLLERS)


def replicas(site: Site, service: Service) -> Iterator[Child]:
    """The processes of one of our services."""
    for name in replica_names(service, site.options):
        health = site.url(name)
        env = site.env(
            KUBECONFIG=str(site.state.kubeconfig(service.name)),
            APP_PLATFORM_HEALTH_PORT=str(site.ports[name]),
            APP_PLATFORM_REPLICA=name,
            **nats_env(site, service.name),
            **({"OTEL_EXPORTER_OTLP_ENDPOINT": site.options.otlp} if site.options.otlp else {}),
            **{
                **(forge_env(site, name) if service.forge else {}),
                **(pages_env(site, service, name) if service.pages else {}),
                **(provider_env(site) if service.provider else {}),
                **service.env,
            },
        )
        command = (sys.executable, "-m", service.module)
        yield Child(
            name, command, env, f"{health}/readyz", tier=CONTROLLERS, stop_seconds=_SERVICE_STOP_SECONDS
        )


def forge_env(site: Site, replica: str) -> dict[str, str]:
    """How a replica of git-committer reaches the Git server, and that one it."""
    return {
        "APP_PLATFORM_FORGE": "local",
        "APP_PLATFORM_FORGE_URL": site.url("git"),
        "APP_PLATFORM_FORGE_TOKEN": site.tokens["git"],
        "APP_PLATFORM_WEBHOOK_SECRETS": json.dumps([site.tokens["webhook"]]),
        "APP_PLATFORM_WEBHOOK_PORT": str(site.ports[webhook_listener(replica)]),
    }


def balancer(site: Site, service: Service) -> Child:
    """Our stand-in for an ingress: it listens where people look for the service."""
    names = replica_names(service, site.options)
    env = site.env(
        APP_PLATFORM_BALANCER_HEALTH_PORT=str(site.ports["balancer"]),
        APP_PLATFORM_BALANCER_PORT=str(site.ports["dashboard"]),
        APP_PLATFORM_BALANCER_REPLICAS=" ".join(site.url(pages_listener(name)) for name in names),
    )
    command = (sys.executable, "-m", "app_platform.local.balancer")
    return Child("balancer", command, env, f"{site.url('balancer')}/healthz", tier=CONTROLLERS)


def pages_env(site: Site, service: Service, replica: str) -> dict[str, str]:
    """Where browsers find the dashboard, where this replica of it listens, and where it sends them to sign in."""
    listener = pages_listener(replica) if is_spread(service, site.options) else "dashboard"
    return {
        "APP_PLATFORM_DASHBOARD_URL": site.url("dashboard"),
        "APP_PLATFORM_DASHBOARD_PORT": str(site.ports[listener]),
        "APP_PLATFORM_OIDC_ISSUER_URL": site.url("oidc"),
        "APP_PLATFORM_GIT_KNOWN_HOSTS_FILE": str(site.state.known_hosts),
    }


def provider_env(site: Site) -> dict[str, str]:
    """How oidc-registrar reaches the identity provider, and which client the dashboard needs."""
    return {
        "APP_PLATFORM_AUTHELIA_URL": site.url("oidc"),
        "APP_PLATFORM_DASHBOARD_URL": site.url("dashboard"),
        "APP_PLATFORM_OIDC_AUTHORIZATION_POLICY": "one_factor",  # the local provider knows no second one
    }


def user_env(site: Site) -> dict[str, str]:
    """What users need to reach the platform: the content of `.local/env`."""
    files = site.state.certificates
    # Named as the `nats` program reads them; whoever started the platform may do all with it, our own command only what it needs.
    tls = {"NATS_CA": "ca.crt", "NATS_CERT": "client.crt", "NATS_KEY": "client.key"}
    return {
        "KUBECONFIG": str(site.state.kubeconfig("admin")),
        "NATS_URL": site.nats_url,
        "NATS_NKEY": str(key_file(site.state.nats_keys, BOOTSTRAP)),
        "NATS_READER_NKEY": str(key_file(site.state.nats_keys, READER)),
        "NATS_OPERATOR_NKEY": str(key_file(site.state.nats_keys, OPERATOR)),
        **({name: str(files / file) for name, file in tls.items()} if site.options.tls else {}),
        "GIT_URL": site.url("git"),
        "GIT_SSH_URL": site.url("git-ssh", "ssh").replace("//", "//git@"),
        "GIT_TOKEN": site.tokens["git"],
        **({} if site.options.cluster else {"OIDC_ISSUER_URL": site.url("oidc")}),
        "DASHBOARD_URL": site.url("dashboard"),
        "PATH_TOOLS": str(site.state.bin),
    }


def tool_names(options: Options) -> list[str]:
    """The programs that must be found for these options."""
    own_cluster = [] if options.cluster else ["etcd", "kube-apiserver"]
    return [*own_cluster, "nats-server", "kustomize-controller", "sops", "nats"]


def tool_path(site: Site) -> str:
    """A PATH with the platform's tools first."""
    return os.pathsep.join([str(site.state.bin), site.environment.get("PATH", "")])
