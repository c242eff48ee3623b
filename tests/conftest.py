"""Fixtures shared by all tests live in tests/support, one module per kind."""

pytest_plugins = ["support.platform", "support.tools"]
