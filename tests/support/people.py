"""Impersonation by the administrator of the test's cluster, of services and of Kubernetes' own users too."""

from app_platform.kube import User


class Anybody(User):
    """Said as it is: our own code makes requests for people only."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request headers that say so."""
        return [("Impersonate-User", self.name), *(("Impersonate-Group", group) for group in self.groups)]
