"""The Kubernetes objects of the scaffolded app, and the kustomizations over them."""

from typing import Any

from app_platform.scaffold.wanted import Wanted

Object = dict[str, Any]
_ISSUER = "letsencrypt-prod"


def deployment(wanted: Wanted) -> Object:
    """One container that follows the guide's best practices."""
    labels = _labels(wanted)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": wanted.app, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod(wanted)},
        },
    }


def _pod(wanted: Wanted) -> Object:
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1001,
            "runAsGroup": 1001,
            "fsGroup": 1001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def _container(wanted: Wanted) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": "http"}}
    return {
        "name": "app",
        "image": wanted.image,
        "ports": [{"name": "http", "containerPort": wanted.port}],
        "env": [{"name": "PORT", "value": str(wanted.port)}],
        "readinessProbe": probe,
        "livenessProbe": {**probe, "initialDelaySeconds": 10},
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
    }


def service(wanted: Wanted) -> Object:
    """In front of it, on port 80."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": wanted.app, "labels": _labels(wanted)},
        "spec": {"selector": _labels(wanted), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def ingress(wanted: Wanted) -> Object:
    """Traefik's, with a certificate by cert-manager; the overlays name the host."""
    host = f"{wanted.app}.{wanted.domain}"
    backend = {"service": {"name": wanted.app, "port": {"number": 80}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": wanted.app,
            "labels": _labels(wanted),
            "annotations": {"cert-manager.io/cluster-issuer": _ISSUER},
        },
        "spec": {
            "rules": [
                {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
            ],
            "tls": [{"hosts": [host], "secretName": f"{wanted.app}-tls"}],
        },
    }


def base() -> Object:
    """The kustomization of what all namespaces have in common."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["deployment.yaml", "service.yaml", "ingress.yaml"],
    }


def overlay(wanted: Wanted, namespace: str) -> Object:
    """The kustomization of one namespace: where, under which host, how many."""
    host = wanted.host(namespace)
    replicas = 2 if wanted.environment(namespace) == "production" else 1
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": ["../../base"],
        "replicas": [{"name": wanted.app, "count": replicas}],
        "patches": [
            {
                "target": {"kind": "Ingress", "name": wanted.app},
                "patch": (
                    f"- {{op: replace, path: /spec/rules/0/host, value: {host}}}\n"
                    f"- {{op: replace, path: /spec/tls/0/hosts/0, value: {host}}}\n"
                ),
            }
        ],
    }


def _labels(wanted: Wanted) -> dict[str, str]:
    return {"app.kubernetes.io/name": wanted.app}
