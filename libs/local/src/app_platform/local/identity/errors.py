"""What stops the provider from starting."""

from app_platform.local.errors import LocalError


class ConfigurationError(LocalError):
    """A file that the provider cannot serve. The message has a line per mistake, and never a digest."""
