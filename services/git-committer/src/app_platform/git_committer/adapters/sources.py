"""GitRepositories of apps and the public halves of their keys, in the cluster (port ``Sources``).

Guarantees: of the key's Secret only metadata is read. A finalizer is put on and taken off under the version that was read, so that nobody
else's is lost. Only annotations and the finalizer are written.
"""

from collections.abc import Mapping
from typing import Any, Final

from app_platform.contracts import names
from app_platform.git_committer.ports import AppSource
from app_platform.kube import GIT_REPOSITORIES, SECRETS, KubeClient, NotFound, Object, Selector

_FINALIZER: Final = names.DEPLOY_KEY_FINALIZER


class KubernetesSources:
    """The ``Sources`` port on Kubernetes.

    Args:
        client: To the cluster.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def find(self, app: str, name: str) -> AppSource | None:
        """See ``Sources.find``."""
        obj = await self._get(app, name)
        return _source(app, obj, await self._public(app, obj)) if obj else None

    async def hold(self, source: AppSource, repository: str) -> None:
        """See ``Sources.hold``."""
        await self._change(source, {names.DEPLOY_KEY_REPOSITORY: repository}, held=True)

    async def say(self, source: AppSource, status: str) -> None:
        """See ``Sources.say``."""
        if status != source.status:
            await self._patch(source, {"annotations": {names.DEPLOY_KEY_STATUS: status}})

    async def let_go(self, source: AppSource, status: str) -> None:
        """See ``Sources.let_go``."""
        told = {names.DEPLOY_KEY_REPOSITORY: None, names.DEPLOY_KEY_STATUS: status or None}
        await self._change(source, told, held=False)

    async def _change(self, source: AppSource, annotations: Mapping[str, str | None], *, held: bool) -> None:
        obj = await self._get(source.app, source.name)
        if obj is None or obj["metadata"]["uid"] != source.uid:
            return
        meta = obj["metadata"]
        others = [each for each in meta.get("finalizers", ()) if each != _FINALIZER]
        change = {
            "resourceVersion": meta["resourceVersion"],
            "annotations": annotations,
            "finalizers": [*others, _FINALIZER] if held else others,
        }
        await self._patch(source, change)

    async def _patch(self, source: AppSource, metadata: Mapping[str, Any]) -> None:
        home = names.platform_namespace(source.app)
        try:
            await self._client.merge_patch(GIT_REPOSITORIES, source.name, home, {"metadata": metadata})
        except NotFound:
            return

    async def _get(self, app: str, name: str) -> Object | None:
        try:
            return await self._client.get(GIT_REPOSITORIES, name, names.platform_namespace(app))
        except NotFound:
            return None

    async def _public(self, app: str, obj: Mapping[str, Any]) -> str:
        """Of the key that the dashboard made for it; nobody else may write a Secret of that name."""
        secret = names.DEPLOY_KEY + obj["metadata"]["name"]
        if (obj["spec"].get("secretRef") or {}).get("name") != secret:
            return ""
        one = Selector(fields=f"metadata.name={secret}")
        found = await self._client.list(SECRETS, names.platform_namespace(app), one, metadata_only=True)
        return "".join(
            (each["metadata"].get("annotations") or {}).get(names.PUBLIC_KEY, "") for each in found
        )


def _source(app: str, obj: Mapping[str, Any], public: str) -> AppSource:
    meta = obj["metadata"]
    told = meta.get("annotations") or {}
    return AppSource(
        app=app,
        name=meta["name"],
        uid=meta["uid"],
        url=str(obj["spec"].get("url", "")),
        public=public,
        added_to=told.get(names.DEPLOY_KEY_REPOSITORY, ""),
        status=told.get(names.DEPLOY_KEY_STATUS, ""),
        deleting="deletionTimestamp" in meta,
        held=_FINALIZER in meta.get("finalizers", ()),
    )
