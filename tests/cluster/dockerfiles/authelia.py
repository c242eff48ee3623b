#!/app/bin/python
"""Stands for the program `authelia`: runs the local identity provider with the files that the manifests give Authelia.

Takes `--config=FILE` several times, as Authelia does; the last is the list of clients. Of the others it reads the issuer and the users.
"""

import os
import sys
from pathlib import Path
from typing import Any

import yaml


def main() -> None:
    """Become the provider."""
    *others, clients = [part.removeprefix("--config=") for part in sys.argv[1:]]
    merged: dict[str, Any] = {}
    for file in others:
        merged |= yaml.safe_load(Path(file).read_text())
    command = {
        "--config": clients,
        "--users": merged["authentication_backend"]["file"]["path"],
        "--issuer": merged["session"]["cookies"][0]["authelia_url"],
        "--state": "/data",
        "--host": "0.0.0.0",  # noqa: S104 (a container: the Service leads here)
        "--port": "9091",
    }
    flat = [part for pair in command.items() for part in pair]
    os.execv(sys.executable, [sys.executable, "-m", "app_platform.local.identity", *flat])  # noqa: S606


if __name__ == "__main__":
    main()
