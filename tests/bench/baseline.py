"""What a person would write instead: a shell loop of ``sops encrypt`` and ``git commit`` per secret."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app_platform import sops
from bench.sops_files import with_tools

_LOOP: Final = """\
set -eu
git init -q --initial-branch main .
git config user.name bench
git config user.email bench@example.invalid
for i in $(seq 1 "$COUNT"); do
  for namespace in bench-dev bench-prod; do
    mkdir -p "secrets/$namespace"
    sops encrypt --age "$RECIPIENT" --encrypted-regex '^(data|stringData)$' --input-type yaml --output-type yaml /dev/stdin \\
      > "secrets/$namespace/secret-$i.yaml" <<YAML
apiVersion: v1
kind: Secret
metadata:
  name: secret-$i
  namespace: $namespace
type: Opaque
data:
  password: cGFzc3dvcmQ=
  user: YXBw
YAML
  done
  git add secrets
  git commit -q -m "secrets: update secret-$i"
done
"""


def shell_loop(env: Mapping[str, str], count: int, folder: Path) -> float:
    """Seconds for ``count`` secrets with two targets each. Without a push, which would only make it slower."""
    folder.mkdir()
    variables = {**with_tools(env), "COUNT": str(count), "RECIPIENT": sops.Identity.generate().recipient}
    started = time.perf_counter()
    subprocess.run(["sh", "-c", _LOOP], cwd=folder, env=variables, check=True)
    return time.perf_counter() - started
