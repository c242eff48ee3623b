"""Fixtures shared by all tests live in tests/support, one module per kind."""

pytest_plugins = [
    "support.nats",
    "support.nats_cluster",
    "support.metrics",
    "support.platform",
    "support.overlays",
    "support.tools",
    "support.apps",
    "support.dashboard",
    "support.browser",
    "support.ssh_git",
]
