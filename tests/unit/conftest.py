"""Unit tests talk to nobody: every socket is refused, but for the pair by which an event loop wakes itself."""

import pytest
from hypothesis import settings
from pytest_socket import disable_socket

# No deadline, as no test goes by the clock; few examples, so that the folder stays a matter of seconds.
settings.register_profile("unit", max_examples=25, deadline=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    disable_socket(allow_unix_socket=True)
