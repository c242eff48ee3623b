"""The commands and manifests that pages show, run as they stand there on a whole platform.

A page's blocks below ``<!-- tried … -->`` run in their order as one script; a YAML block is created with ``kubectl``, and a warning of the
API server counts as an error. Only the app's name is another, so that pages do not meet. What is not tried changes streams, needs a
cluster or repository that is not here, or opens an editor; ``tests/unit/docs`` looks at all blocks.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app_platform.local import Platform
from app_platform.local.tools import find_tool
from support.documents import Block, blocks, pages

EXAMPLE = "my-app"
REGISTRATION = "kind: AppPlatformRegistration"
UNTIL_READY = f"kubectl wait --for=condition=Ready --timeout=2m apr/{EXAMPLE} >/dev/null\n"
_numbers = itertools.count(1)


def tried(page: str) -> list[Block]:
    return [block for block in blocks("sh", "yaml") if block.page == page and block.tried]


def script(page: str) -> str:
    """What a reader of the page does, in an app that is registered unless the page registers it itself."""
    found = tried(page)
    registers = any(REGISTRATION in block.body for block in found)
    guide = tried("docs/guide/index.md") if not registers else []
    return "".join(_commands(block) for block in (*guide, *found))


def _commands(block: Block) -> str:
    person = f"--as oidc:somebody --as-group {block.group} " if block.group else ""
    kubectl = f'kubectl() {{ command kubectl {person}"$@"; }}\n'
    if block.language == "sh":
        return kubectl + block.body
    dry = "--dry-run=server " if block.dry_run else ""
    create = f"kubectl create {dry}--warnings-as-errors -f - <<'MANIFEST'\n{block.body}MANIFEST\n"
    return kubectl + create + (UNTIL_READY if REGISTRATION in block.body else "")


@pytest.mark.parametrize("page", [page for page in pages() if tried(page)])
def test_commands_work_as_shown(page: str, whole_platform: Platform, tmp_path: Path) -> None:
    app = f"page-{next(_numbers)}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(page).replace(EXAMPLE, app)],
        cwd=tmp_path,
        env=environment(whole_platform),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def environment(platform: Platform) -> dict[str, str]:
    """What a page tells its reader to load, and the programs that it says he needs."""
    kubectl = find_tool("kubectl", os.environ, print).parent
    programs = [platform.env["PATH_TOOLS"], str(Path(sys.executable).parent), str(kubectl)]
    return {
        **platform.env,
        "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
        "HOME": os.environ["HOME"],
    }
