"""What a user may choose about a local platform, and the services it runs."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field

from app_platform.local.errors import StateError


@dataclass(frozen=True)
class Service:
    """One of our services.

    Attributes:
        name: the name of its processes (`<name>-0`, …), its ServiceAccount and its kubeconfig.
        module: what `python -m` runs.
        forge: whether it is told where the Git server is and how to administer it.
        pages: whether people reach it with a browser; it is then told its own address and the identity provider's.
        provider: whether it is told how to reach the identity provider, and what that can do here.
        replicas: how many processes; none means as many as the platform's option says.
        env: more environment variables.
    """

    name: str
    module: str
    forge: bool = False
    pages: bool = False
    provider: bool = False
    replicas: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


SERVICES = (
    Service("watcher", "app_platform.watcher"),
    Service("namespace-rbac", "app_platform.namespace_rbac"),
    Service("secrets-encryptor", "app_platform.secrets_encryptor"),
    Service("git-committer", "app_platform.git_committer", forge=True),
    Service("oidc-registrar", "app_platform.oidc_registrar", provider=True),
    Service("dashboard", "app_platform.dashboard", pages=True),
)


@dataclass(frozen=True)
class Options:
    """How a platform is run.

    Attributes:
        services: what runs beside the infrastructure; `()` for none.
        replicas: processes per service.
        cluster: the kubeconfig context of an existing cluster to use instead of a local API server.
        fsync: whether etcd waits for the disk; without, a power cut may lose data (a crash of etcd does not).
        tls: whether NATS is spoken to over TLS, both sides showing certificates.
        bootstrap_env: more environment variables of nats-bootstrap, for instance how long consumers wait for an acknowledgement.
        prometheus: whether Prometheus scrapes the services and evaluates the alerts.
        otlp: where services send spans, by OTLP over HTTP; nowhere when empty.
        with_caller: end the platform when the calling process ends; for tests.
    """

    services: tuple[Service, ...] = SERVICES
    replicas: int = 1
    cluster: str = ""
    fsync: bool = True
    tls: bool = False
    bootstrap_env: Mapping[str, str] = field(default_factory=dict)
    prometheus: bool = False
    otlp: str = ""
    with_caller: bool = False


def require_importable(services: tuple[Service, ...]) -> None:
    """Refuse to start services that are not there.

    Raises:
        StateError: naming those that cannot be run with `python -m`.
    """
    missing = [each.module for each in services if not _is_runnable(each.module)]
    if missing:
        raise StateError(f"cannot run {', '.join(missing)}: install the workspace, or use --no-services")


def _is_runnable(module: str) -> bool:
    try:
        return importlib.util.find_spec(f"{module}.__main__") is not None
    except ModuleNotFoundError:
        return False
