"""The HTTP face of the Git server.

    PUT    /api/repos/<owner>/<name>                          create: 201, or 200 if it exists
    GET    /api/repos/<owner>/<name>                          {"name", "cloneUrl", "defaultBranch", "empty"}, or 404
    DELETE /api/repos/<owner>/<name>                          204, whether it existed or not
    PUT    /api/repos/<owner>/<name>/credentials/<username>   {"password", "access": "read"|"write"}: 204
    POST   /api/repos/<owner>/<name>/keys                     {"key": "ssh-… …"}, a deploy key that may read over SSH: 204
    GET    /healthz                                           200
    *      /<owner>/<name>.git/…                              Git's smart HTTP protocol

The API wants `Authorization: Bearer <token>`; Git wants Basic credentials: `admin` and the token for everything, or a
credential of that repository. Errors of the API are {"error": "…"}.
"""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from app_platform.local.git import backend
from app_platform.local.git.access import Verdict, basic_credentials, is_administrator, is_write, may_access
from app_platform.local.git.hooks import Hooks, refs_of
from app_platform.local.git.ssh import NotAKeyError, public_line
from app_platform.local.git.store import BadNameError, Repository, Store, is_empty

_LARGEST_PUSH = 1 << 30
_PUSH = "git-receive-pack"


class GitServer:
    """The routes, over one store.

    Args:
        store: the repositories.
        token: the administrator's.
        base_url: under which clients reach the server; only used in answers.
        hooks: who is told of pushes.
    """

    def __init__(self, store: Store, token: str, base_url: str, hooks: Hooks | None = None) -> None:
        self._store = store
        self._token = token
        self._base_url = base_url
        self._hooks = hooks or Hooks()

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[_errors_as_json], client_max_size=_LARGEST_PUSH)
        app.router.add_get("/healthz", self.healthz)
        app.router.add_put("/api/repos/{owner}/{name}", self.create)
        app.router.add_get("/api/repos/{owner}/{name}", self.show)
        app.router.add_delete("/api/repos/{owner}/{name}", self.delete)
        app.router.add_put("/api/repos/{owner}/{name}/credentials/{username}", self.set_credential)
        app.router.add_post("/api/repos/{owner}/{name}/keys", self.add_key)
        app.on_cleanup.append(self._finish)
        app.router.add_route("*", "/{owner}/{name}.git/{rest:.+}", self.git)
        return app

    async def _finish(self, _: web.Application) -> None:
        await self._hooks.close()

    async def healthz(self, _request: web.Request) -> web.Response:
        """Says that the server answers."""
        return web.json_response({"status": "ok"})

    async def create(self, request: web.Request) -> web.Response:
        """Create a repository."""
        repository = self._administered(request)
        created = await self._store.create(repository)
        status = HTTPStatus.CREATED if created else HTTPStatus.OK
        return web.json_response(await self._description(repository), status=status)

    async def show(self, request: web.Request) -> web.Response:
        """Describe a repository."""
        return web.json_response(await self._description(self._existing(request)))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a repository and its credentials."""
        self._administered(request).delete()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def set_credential(self, request: web.Request) -> web.Response:
        """Add or replace a credential."""
        repository = self._existing(request)
        body = await request.json()
        password, access = body.get("password"), body.get("access")
        if not isinstance(password, str) or not password or access not in ("read", "write"):
            raise web.HTTPBadRequest(text='the body must be {"password": "…", "access": "read" or "write"}')
        repository.set_credential(request.match_info["username"], password, access)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def add_key(self, request: web.Request) -> web.Response:
        """Add a deploy key."""
        repository = self._existing(request)
        try:
            line = public_line(str((await request.json()).get("key", "")))
        except NotAKeyError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        repository.add_deploy_key(line)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def git(self, request: web.Request) -> web.StreamResponse:
        """Git's own protocol."""
        owner, name, rest = (request.match_info[part] for part in ("owner", "name", "rest"))
        repository = self._store.repository(owner, name)
        header = request.headers.get("Authorization", "")
        write = is_write(rest, request.query.get("service", ""))
        verdict = may_access(header, self._token, repository.credentials(), write=write)
        if verdict is Verdict.UNKNOWN:
            challenge = {"WWW-Authenticate": 'Basic realm="app-platform"'}
            raise web.HTTPUnauthorized(text="a credential of this repository is needed", headers=challenge)
        if verdict is Verdict.FORBIDDEN:
            raise web.HTTPForbidden(text="this credential may only read")
        if not repository.exists:
            raise web.HTTPNotFound(text="no such repository")
        user, _ = basic_credentials(header) or ("admin", "")
        path = f"{owner}/{name}.git/{rest}"
        if not (self._hooks.urls and rest == _PUSH):
            return await backend.serve(request, self._store.root, path, user)
        before = await refs_of(repository)
        answer = await backend.serve(request, self._store.root, path, user)
        self._hooks.pushed(repository, before, await refs_of(repository), user)
        return answer

    def _administered(self, request: web.Request) -> Repository:
        if not is_administrator(request.headers.get("Authorization", ""), self._token):
            raise web.HTTPUnauthorized(text="the administrator's token is needed")
        return self._store.repository(request.match_info["owner"], request.match_info["name"])

    def _existing(self, request: web.Request) -> Repository:
        repository = self._administered(request)
        if not repository.exists:
            raise web.HTTPNotFound(text=f"no repository {repository.owner}/{repository.name}")
        return repository

    async def _description(self, repository: Repository) -> dict[str, Any]:
        return {
            "name": repository.name,
            "cloneUrl": f"{self._base_url}/{repository.owner}/{repository.name}.git",
            "defaultBranch": "main",
            "empty": await is_empty(repository),
        }


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's own type is private
    try:
        answer: web.StreamResponse = await handler(request)
    except BadNameError as error:
        return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_REQUEST)
    except web.HTTPException as error:
        headers = {key: value for key, value in error.headers.items() if key == "WWW-Authenticate"}
        return web.json_response({"error": error.text}, status=error.status, headers=headers)
    except ValueError:  # a body that is not JSON
        return web.json_response({"error": "the body is not JSON"}, status=HTTPStatus.BAD_REQUEST)
    return answer
