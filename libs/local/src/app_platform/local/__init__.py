"""The local platform: real programs, found or built, supervised, and thrown away without a trace.

`Platform` is what tests use, `python -m app_platform.local` what people use; both do the same.
"""

from app_platform.local.errors import (
    ClusterError,
    ControlError,
    LocalError,
    NotReadyError,
    StateError,
    ToolError,
)
from app_platform.local.options import SERVICES, Options, Service
from app_platform.local.platform import Platform
from app_platform.local.tools import find_tool

__all__ = [
    "SERVICES",
    "ClusterError",
    "ControlError",
    "LocalError",
    "NotReadyError",
    "Options",
    "Platform",
    "Service",
    "StateError",
    "ToolError",
    "find_tool",
]
