"""The Flux objects that deploy an app repository: what the dashboard makes when one is created there."""

from typing import Any, Final

from app_platform.contracts import git_urls, names
from app_platform.scaffold.wanted import ScaffoldError, Wanted

Object = dict[str, Any]
_INTERVAL: Final = "1m0s"


def flux_manifests(
    wanted: Wanted, repository: str, branch: str = names.BRANCH, deploy_key: str = ""
) -> list[Object]:
    """A GitRepository, and a Kustomization for each overlay, in the app's platform namespace.

    Args:
        wanted: The app repository.
        repository: Its URL, as people write it; an SSH URL for a private one.
        branch: That is deployed.
        deploy_key: Name of the Secret with its deploy key. Without one: for an SSH URL, which Flux cannot fetch without a key, the one that
            the dashboard makes for this GitRepository; for another URL none.

    Raises:
        ScaffoldError: The URL is none of a repository.
    """
    url = git_urls.for_flux(repository)
    if not git_urls.identity(url):
        raise ScaffoldError(f"repository {repository!r}: write it as git@github.com:<owner>/<repository>.git")
    spec: Object = {"interval": _INTERVAL, "url": url, "ref": {"branch": branch}}
    if key := deploy_key or deploy_key_of(wanted, repository):
        spec["secretRef"] = {"name": key}
    source = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        **_meta(wanted, wanted.app),
        "spec": spec,
    }
    return [source, *(_kustomization(wanted, namespace) for namespace in wanted.targets)]


def deploy_key_of(wanted: Wanted, repository: str) -> str:
    """The Secret with the deploy key that the dashboard makes for the GitRepository; empty where the URL needs none."""
    return names.DEPLOY_KEY + wanted.app if git_urls.for_flux(repository).startswith("ssh://") else ""


def _kustomization(wanted: Wanted, namespace: str) -> Object:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        **_meta(wanted, namespace),
        "spec": {
            "interval": "10m0s",
            "retryInterval": _INTERVAL,
            "timeout": "2m0s",
            "path": f"./k8s/overlays/{wanted.environment(namespace)}",
            "prune": True,
            "targetNamespace": namespace,
            "serviceAccountName": names.FLUX_SERVICE_ACCOUNT,
            "sourceRef": {"kind": "GitRepository", "name": wanted.app},
        },
    }


def _meta(wanted: Wanted, name: str) -> Object:
    return {"metadata": {"name": name, "namespace": names.platform_namespace(wanted.app)}}
