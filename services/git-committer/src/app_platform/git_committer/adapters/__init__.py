"""The real forge and the real cluster, behind this service's ports."""
