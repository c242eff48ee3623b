"""The ``app-platform`` command: what is wrong and what to do, how apps and services are, what happened, what was given up, and steering it."""
