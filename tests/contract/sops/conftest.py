"""The real `sops` program, run in a directory of its own."""

from support.tools import sops_binary

__all__ = ["sops_binary"]
