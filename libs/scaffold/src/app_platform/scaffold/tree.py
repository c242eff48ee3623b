"""Path to content of every file of the repository."""

from typing import Final

from app_platform.scaffold import manifests
from app_platform.scaffold.wanted import Wanted
from app_platform.scaffold.writing import yaml_text

_MAIN: Final = '''\
"""Says hello on every path, and 200 on /healthz. Replace it by your app; listen on PORT."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"ok\\n" if self.path == "/healthz" else b"Hello from {app}\\n")


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "{port}"))), Handler).serve_forever()
'''
_DOCKERFILE: Final = """\
FROM python:3.13-slim
WORKDIR /app
COPY src/ ./
# The platform runs it as this user, with a read-only file system; /tmp is writable.
USER 1001:1001
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT={port}
EXPOSE {port}
CMD ["python", "main.py"]
"""
_README: Final = """\
# {app}

| folder | what |
|---|---|
| `src/`, `Dockerfile` | the app; its image is `{image}` |
| `k8s/base` | what all namespaces have in common |
{rows}

Deploy: push. Flux applies it within 1-5 minutes; the dashboard shows it under Kustomizations. Another version: build and push the image, then change
its tag in `k8s/base/deployment.yaml`. Never use `latest`.

Secrets are made in the dashboard and are then Secrets in the namespaces. To use one named `database`, add to the container in
`k8s/base/deployment.yaml`:

```yaml
envFrom:
  - secretRef: {{name: database}}
```
"""


def files(wanted: Wanted) -> dict[str, str]:
    """Path to content of every file, in the order in which people read them."""
    base = {
        "kustomization": manifests.base(),
        "deployment": manifests.deployment(wanted),
        "service": manifests.service(wanted),
        "ingress": manifests.ingress(wanted),
    }
    overlays = {
        f"k8s/overlays/{wanted.environment(namespace)}/kustomization.yaml": yaml_text(
            manifests.overlay(wanted, namespace)
        )
        for namespace in wanted.targets
    }
    return {
        "README.md": _readme(wanted),
        "src/main.py": _MAIN.replace("{app}", wanted.app).replace("{port}", str(wanted.port)),
        "Dockerfile": _DOCKERFILE.format(port=wanted.port),
        **{f"k8s/base/{name}.yaml": yaml_text(content) for name, content in base.items()},
        **overlays,
    }


def _readme(wanted: Wanted) -> str:
    rows = "\n".join(
        f"| `k8s/overlays/{wanted.environment(name)}` | namespace `{name}`, https://{wanted.host(name)} |"
        for name in wanted.targets
    )
    return _README.format(app=wanted.app, image=wanted.image, rows=rows)
