"""The only writer of platform repositories: makes them, commits to them, and keeps the managed Flux objects."""
