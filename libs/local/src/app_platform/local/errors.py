"""Everything that can go wrong with the local platform, as one small tree.

    LocalError
    ├── ToolError        a program cannot be found, fetched or built
    ├── StateError       the state directory, a port, or a wish that contradicts what is there
    ├── ControlError     the supervisor is not there, or refused a command
    ├── NotReadyError    a program did not become ready in time
    └── ClusterError     the API server refused or could not be understood

Messages say what to change; the command line prints them as they are, without a traceback.
"""


class LocalError(Exception):
    """Base of all errors of this library."""


class ToolError(LocalError):
    """A program cannot be found, fetched or built."""


class StateError(LocalError):
    """The state directory holds something that contradicts what is asked for."""


class ControlError(LocalError):
    """The supervisor cannot be reached, or refused a command."""


class NotReadyError(LocalError):
    """A program did not become ready in time."""


class ClusterError(LocalError):
    """The Kubernetes API refused a request, or a kubeconfig cannot be used."""
