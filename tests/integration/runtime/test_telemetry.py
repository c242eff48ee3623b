"""What a process tells from its start."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from prometheus_client import generate_latest
from app_platform.runtime import telemetry
telemetry.setup(sys.argv[1], "r-0")
print(generate_latest().decode())
"""


@pytest.mark.parametrize("service", ["dashboard", "nats-bootstrap"])
def test_a_service_tells_who_it_is_before_it_does_anything(service: str) -> None:
    """In a process of its own, as the providers are set once."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, service], capture_output=True, text=True, check=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("app_platform_service_info{")]
    assert f'service="{service}"' in line
    assert 'version="0.1.0"' in line
    assert line.endswith(" 1.0")
