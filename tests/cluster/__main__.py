"""A Kubernetes node on this machine with the platform on it: ``python -m cluster up [OVERLAY]``, ``images``, ``down``. As root.

``up`` leaves the node running for looking around; ``make test-cluster`` makes one, tests it and takes it away.
"""

import argparse
import sys
from collections.abc import Sequence

from cluster import images, node
from cluster.install import SINGLE_NODE, Installation
from cluster.layout import layout
from cluster.programs import ADMIN


def main() -> int:
    """Do what the command says; returns the exit status."""
    arguments = _parser().parse_args()
    if missing := node.missing():
        sys.stderr.write("".join(f"missing: {line}\n" for line in missing))
        return 1
    match arguments.command:
        case "images":
            images.build_all()
        case "up":
            up(arguments.overlay, images.build_all())
        case "down":
            node.down(layout())
    return 0


def up(overlay: str, built: Sequence[str]) -> Installation:
    """A node that holds these images, the platform installed on it by an overlay of deploy/overlays, every pod ready."""
    at = layout()
    node.up(at)
    images.load(at, built)
    installation = Installation(at, overlay)
    installation.prepare()
    installation.install()
    installation.ready()
    sys.stdout.write(f"KUBECONFIG={at.kubeconfig(ADMIN)}\n")
    return installation


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("images", help="build the images")
    started = commands.add_parser("up", help="start the node and install the platform")
    started.add_argument("overlay", nargs="?", default=SINGLE_NODE, help="a folder of deploy/overlays")
    commands.add_parser("down", help="end the node and forget it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
