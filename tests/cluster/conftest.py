"""One node with the platform on it for the whole run; taken away at its end, whatever happened."""

from collections.abc import Iterator

import pytest

from cluster import images, node
from cluster.__main__ import up
from cluster.install import SINGLE_NODE, Installation
from cluster.layout import layout


@pytest.fixture(scope="session")
def machine() -> None:
    """A machine that a node can run on; a test that needs one is skipped elsewhere, and says what to do."""
    if missing := node.missing():
        pytest.skip("; ".join(missing))


@pytest.fixture(scope="session")
def built(machine: None) -> list[str]:
    """The names of the images."""
    return images.build_all()


@pytest.fixture(scope="session")
def installed(machine: None, built: list[str]) -> Iterator[Installation]:
    """The platform on one node, installed as docs/install.md says."""
    at = layout()
    if node.pid(at):
        pytest.fail("a node of this checkout runs already: `python -m cluster down` first")
    try:
        yield up(SINGLE_NODE, built)
    finally:
        node.down(at)
