"""The ``app-platform`` command: what happened, what was given up, and giving it to a service again."""
