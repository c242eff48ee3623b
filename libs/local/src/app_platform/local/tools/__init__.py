"""The programs of the local platform: what is pinned, and how each is found, fetched or built."""

from app_platform.local.tools.lookup import find_definition, find_definitions, find_tool
from app_platform.local.tools.pins import Definition, Tool, pinned_tools, tool

__all__ = ["Definition", "Tool", "find_definition", "find_definitions", "find_tool", "pinned_tools", "tool"]
