"""The files of a platform repository that are not secrets: SOPS rules, a README, the Flux objects for reference.

Guarantees: the same registration and recipient give the same bytes, so nothing is committed when nothing changed.
Leaves out: the secrets themselves, which come from secrets-encryptor.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from app_platform.contracts import Registration, names

ENCRYPTED_REGEX: Final = "^(data|stringData)$"
FLUX_FILE: Final = "flux/sync.yaml"
KEEP_FILE: Final = f"{names.SECRETS_FOLDER}/.gitkeep"
"""Flux fails on a path that is missing and is content with an empty folder."""


def base_files(
    registration: Registration, recipients: Sequence[str], flux: list[Mapping[str, Any]]
) -> dict[str, str]:
    """Path to content of every file that the repository holds besides secrets.

    Args:
        registration: Of the app.
        recipients: Whom its secrets are encrypted for: the app's own first.
        flux: The managed Flux objects.
    """
    return {
        ".sops.yaml": sops_config(recipients),
        "README.md": readme(registration, recipients),
        FLUX_FILE: yaml.safe_dump_all([dict(f) for f in flux], sort_keys=False),
        KEEP_FILE: "",
    }


def sops_config(recipients: Sequence[str]) -> str:
    """SOPS creation rules (https://getsops.io/docs/#using-sops-yaml-conf-to-select-kms-pgp-and-age-for-new-files)."""
    rules = [
        {
            "path_regex": rf"^{names.SECRETS_FOLDER}/.*\.yaml$",
            "encrypted_regex": ENCRYPTED_REGEX,
            "age": ",".join(recipients),
        }
    ]
    return yaml.safe_dump({"creation_rules": rules}, sort_keys=False)


_README: Final = """\
# {repository}

{title}{description}This repository belongs to the app **{app}**. The App Platform writes it; Flux deploys it.
Please do not push here: your manifests belong into your own repository, and what is changed here by hand is put back.

| Path | What it is |
|---|---|
| `.sops.yaml` | The age recipients that secrets are encrypted for |
| `secrets/<namespace>/<name>.yaml` | One encrypted Secret for each target namespace |
| `{flux_file}` | The Flux objects that deploy this repository, for reference; the platform keeps the real ones |

## Work with secrets

Create, change and delete them in the dashboard under **Secrets**, or as a Secret in namespace `{platform}` with
`kubectl create` or `kubectl apply --server-side` (plain `kubectl apply` would keep a copy of the values in an annotation):

```yaml
apiVersion: v1
kind: Secret
metadata:
  name: database
  namespace: {platform}
  labels:
    {intent_label}: "true"
  annotations:
    {targets_annotation}: {targets}
stringData:
  password: …
```

The annotation `{status_annotation}` goes from `Pending` to `Committed`. When it says `Failed`, `{message_annotation}` says what to
change.

## Deploy to

{namespaces}

## Read a secret (platform operators)

The key is in Secret `{key_secret}` of namespace `{platform}`; its recipient is `{recipient}`.{besides}

```sh
export SOPS_AGE_KEY="$(kubectl -n {platform} get secret {key_secret} -o jsonpath='{{.data.age\\.agekey}}' | base64 -d)"
sops decrypt secrets/<namespace>/<name>.yaml
```
"""


def readme(registration: Registration, recipients: Sequence[str]) -> str:
    """A README for somebody who finds the repository and wonders what it is."""
    spec, app = registration.spec, registration.name
    targets = ",".join(spec.namespaces[:2]) or f"{app}-dev"
    listed = "\n".join(f"- `{name}`" for name in spec.namespaces)
    return _README.format(
        repository=names.repository_name(app),
        title=f"**{_plain(spec.display_name)}**\n\n" if spec.display_name else "",
        description=f"{_plain(spec.description)}\n\n" if spec.description else "",
        app=app,
        platform=registration.platform_namespace,
        flux_file=FLUX_FILE,
        intent_label=names.SECRET_INTENT_LABEL,
        targets_annotation=names.TARGET_NAMESPACES,
        targets=targets,
        status_annotation=names.SECRET_STATUS,
        message_annotation=names.SECRET_MESSAGE,
        namespaces=listed or "No namespaces yet: add them to the registration.",
        key_secret=names.AGE_KEY_SECRET,
        recipient=recipients[0],
        besides=_besides(recipients[1:]),
    )


def _besides(recipients: Sequence[str]) -> str:
    listed = ", ".join(f"`{recipient}`" for recipient in recipients)
    return f"\nEvery file can also be read with the keys of {listed}." if recipients else ""


def _plain(text: str) -> str:
    # One line, so that a description cannot pretend to be a heading or a table of ours.
    return " ".join(text.split())
