"""A small supervisor of processes: one daemon that owns its children, and a socket to talk to it.

It knows nothing about what the children are. Its promises: a child that dies is started again and the log says so; no
child outlives the daemon; at most one daemon runs per state directory.
"""

from app_platform.local.supervise.child import Child, ChildStatus
from app_platform.local.supervise.control import Control

__all__ = ["Child", "ChildStatus", "Control"]
