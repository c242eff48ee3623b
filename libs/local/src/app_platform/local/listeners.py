"""The listeners of the platform: which there are for which options, and what each is called. No I/O."""

from app_platform.local.options import Options, Service

PORTS = (
    "etcd",
    "etcd-peer",
    "kube-apiserver",
    "nats",
    "nats-monitor",
    "nats-bootstrap",
    "git",
    "git-ssh",
    "source",
    "kustomize",
    "kustomize-metrics",
    "authelia",
    "oidc",
    "dashboard",
)


def replica_names(service: Service, options: Options) -> list[str]:
    """The names of a service's processes, which are also the names of their health ports."""
    count = options.replicas if service.replicas is None else service.replicas
    return [f"{service.name}-{index}" for index in range(count)]


def is_spread(service: Service, options: Options) -> bool:
    """Whether people reach one of several replicas, by way of the balancer."""
    return service.pages and len(replica_names(service, options)) > 1


def listener_names(options: Options) -> list[str]:
    """The listeners that need a port for these options."""
    names = [name for service in options.services for name in replica_names(service, options)]
    return [*PORTS, *names, *webhook_listeners(options), *_spread_listeners(options)]


def _spread_listeners(options: Options) -> list[str]:
    spread = [service for service in options.services if is_spread(service, options)]
    pages = [pages_listener(name) for service in spread for name in replica_names(service, options)]
    return ["balancer", *pages] if spread else []


def pages_listener(replica: str) -> str:
    """Where one of several replicas serves its pages."""
    return f"{replica}-pages"


def webhook_listeners(options: Options) -> list[str]:
    """The listeners for the Git server's webhooks."""
    forges = [service for service in options.services if service.forge]
    return [webhook_listener(name) for service in forges for name in replica_names(service, options)]


def webhook_listener(replica: str) -> str:
    """The listener of one replica."""
    return f"{replica}-webhook"
