"""Where the API server is and who we are: from a kubeconfig, or from the pod we run in.

Own code rather than kubernetes_asyncio's loader, because that package cannot be imported in part: its loader imports its
generated client, 74 MB and a second for every service. Read here: server, CA, client certificate, token, token file,
exec plug-ins that give a token, `KUBECONFIG` with several files. Left out, with a clear error: auth-provider (gone from
kubectl too), basic authentication, exec plug-ins that give certificates, proxies.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from app_platform.kube.tokens import ExecToken, FileToken, StaticToken, TokenSource

_SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REFUSED: Final = ("auth-provider", "username", "impersonate", "as")


class ConfigError(Exception):
    """The kubeconfig, or the pod's credentials, cannot be used; the message says what to change."""


@dataclass(frozen=True)
class ClusterConfig:
    """How to reach an API server.

    Attributes:
        server: base URL without a trailing slash.
        ssl_context: None for plain HTTP.
        token: where the bearer token comes from; None with a client certificate.
        server_name: the name expected in the server's certificate, if it is not the host of the URL.
    """

    server: str
    ssl_context: ssl.SSLContext | None = field(repr=False)
    token: TokenSource | None = field(default=None, repr=False)
    server_name: str | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, context: str | None = None) -> "ClusterConfig":
        """Use `KUBECONFIG` if it is set, the pod's ServiceAccount otherwise; never a file in the home directory.

        Args:
            environ: instead of the process environment.
            context: instead of the kubeconfig's current context.

        Raises:
            ConfigError: neither is there, or what is there cannot be used.
        """
        environ = os.environ if environ is None else environ
        if paths := [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]:
            return from_kubeconfig(paths, context)
        if host := environ.get("KUBERNETES_SERVICE_HOST"):
            return from_pod(host, environ.get("KUBERNETES_SERVICE_PORT", "443"))
        raise ConfigError("no cluster: set KUBECONFIG to a kubeconfig file, or run inside Kubernetes")


def from_pod(host: str, port: str, directory: Path = _SERVICE_ACCOUNT) -> ClusterConfig:
    """The cluster that this pod runs in, as its ServiceAccount.

    Raises:
        ConfigError: the ServiceAccount's files are not mounted.
    """
    try:
        context = ssl.create_default_context(cafile=str(directory / "ca.crt"))
        token = FileToken(directory / "token")
    except OSError as error:
        raise ConfigError(f"the ServiceAccount's files are not readable: {error}") from None
    address = f"[{host}]" if ":" in host else host
    return ClusterConfig(f"https://{address}:{port}", context, token)


def from_kubeconfig(paths: list[Path], context: str | None = None) -> ClusterConfig:
    """A cluster of a kubeconfig, or of several, of which the first to name something wins, as with kubectl.

    Raises:
        ConfigError: a file cannot be read, or lacks or has something that prevents its use.
    """
    files = [(path, _read(path)) for path in paths if path.exists()]
    if not files:
        raise ConfigError(f"KUBECONFIG names no file that exists: {', '.join(map(str, paths))}")
    wanted = context or next(
        (content["current-context"] for _, content in files if content.get("current-context")), None
    )
    if not wanted:
        raise ConfigError(
            "the kubeconfig has no current-context: choose one with `kubectl config use-context`"
        )
    _, chosen = _find(files, "contexts", "context", wanted)
    cluster_path, cluster = _find(files, "clusters", "cluster", chosen.get("cluster"))
    user_path, user = (
        _find(files, "users", "user", chosen.get("user")) if chosen.get("user") else (cluster_path, {})
    )
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("http://", "https://")):
        raise ConfigError(f"the cluster of context {wanted!r} has no server URL")
    tls = (
        _ssl_context(cluster, cluster_path.parent, user, user_path.parent)
        if server.startswith("https")
        else None
    )
    return ClusterConfig(server, tls, _token(user, user_path.parent), cluster.get("tls-server-name"))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError:  # its message would quote the file, which holds credentials
        raise ConfigError(f"{path} is not valid YAML") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is not a kubeconfig")
    return content


def _find(
    files: list[tuple[Path, dict[str, Any]]], section: str, field_name: str, name: str | None
) -> tuple[Path, dict[str, Any]]:
    for path, content in files:
        for entry in content.get(section) or []:
            if entry.get("name") == name:
                return path, entry.get(field_name) or {}
    raise ConfigError(f"the kubeconfig has no {name!r} among its {section}")


def _token(user: dict[str, Any], base: Path) -> TokenSource | None:
    for name in _REFUSED:
        if user.get(name):
            raise ConfigError(
                f"users with {name!r} are not supported: use a token, a client certificate or exec"
            )
    if exec_plugin := user.get("exec"):
        return ExecToken.parse(exec_plugin, base)
    if token := user.get("token"):
        return StaticToken(str(token))
    return FileToken(base / user["tokenFile"]) if user.get("tokenFile") else None


def _ssl_context(
    cluster: dict[str, Any], cluster_base: Path, user: dict[str, Any], user_base: Path
) -> ssl.SSLContext:
    authority = _data(cluster, "certificate-authority", cluster_base)
    try:
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        certificate, key = (_data(user, name, user_base) for name in ("client-certificate", "client-key"))
        if certificate and key:
            _load_certificate(context, certificate, key)
    except (ssl.SSLError, ValueError):
        raise ConfigError(
            "a certificate or key of the kubeconfig is not valid PEM, or they do not belong together"
        ) from None
    return context


def _data(section: dict[str, Any], name: str, base: Path) -> bytes | None:
    """Inline base64 data, or the content of a file beside the kubeconfig."""
    if inline := section.get(f"{name}-data"):
        return base64.b64decode(str(inline))
    if not (file := section.get(name)):
        return None
    try:
        return (base / str(file)).read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: {error}") from None


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # OpenSSL takes files only; this one is readable by us alone and gone before anybody connects.
    with tempfile.NamedTemporaryFile() as pem:
        pem.write(certificate + b"\n" + key)
        pem.flush()
        context.load_cert_chain(pem.name)
