"""GitHub's REST API over real bare repositories; see README.md beside it for the sources of each endpoint."""

import base64
import hashlib
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.github.faults import Faults, Limits
from support.github.objects import Bare, GitError

ORGANIZATION = "example-org"
TOKEN = "ghp_the-administrators"
APP_ID = 4711
INSTALLATION_ID = 815
_DOCS = "https://docs.github.com/rest"
_LARGEST = 1 << 28
_JWT_SECONDS = 600 + 60

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Repo:
    """A repository and what the API keeps beside it."""

    number: int
    owner: str
    name: str
    bare: Bare
    visibility: str = "private"
    archived: bool = False
    disabled: bool = False
    protected: bool = False
    default_branch: str = "main"
    topics: list[str] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    ssh_base: str = "git@github.com:"
    before: dict[str, str] = field(default_factory=dict)
    """References from before their last change."""

    def shown(self) -> dict[str, Any]:
        """As the API describes it."""
        full = f"{self.owner}/{self.name}"
        return {
            "id": self.number,
            "name": self.name,
            "full_name": full,
            "owner": {"login": self.owner},
            "private": self.visibility != "public",
            "visibility": self.visibility,
            "archived": self.archived,
            "disabled": self.disabled,
            "default_branch": self.default_branch,
            "topics": self.topics,
            "ssh_url": f"{self.ssh_base}{full}.git",
            "clone_url": f"https://github.com/{full}.git",
        }


class Refusal(Exception):  # noqa: N818 - an answer
    """An answer that is an error."""

    def __init__(self, status: int, message: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.errors = status, message, errors


class GitHubServer:
    """The API and its state, which tests may look at and change.

    Args:
        folder: For the repositories.
        limits: GitHub's, by default.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self._folder = folder
        self.limits = limits or Limits()
        self.faults = Faults()
        self.repos: list[Repo] = []
        self._numbers = itertools.count(1)
        self.renamed: dict[tuple[str, str], Repo] = {}
        self.tokens = {TOKEN}
        self.requests: list[tuple[str, str, int]] = []
        self.url = ""
        self.ssh_base = Repo.ssh_base
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.issued = 0

    # What tests look at

    @property
    def private_key(self) -> str:
        """Of the App, as PEM."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    def repo(self, name: str) -> Repo:
        """A repository of the organisation."""
        return next(repo for repo in self.repos if repo.name == name)

    def writes(self) -> list[tuple[str, str, int]]:
        """All requests that write, as verb, path and status."""
        return [each for each in self.requests if each[0] != "GET" and "access_tokens" not in each[1]]

    def add(self, name: str, **fields: Any) -> Repo:
        """Make a repository by hand."""
        number = next(self._numbers)
        bare = Bare(self._folder / f"{number}-{name}.git")
        bare.create()
        repo = Repo(number, ORGANIZATION, name, bare, ssh_base=self.ssh_base, **fields)
        self.repos.append(repo)
        return repo

    def opened_by(self, public_key: str) -> dict[str, Path]:
        """The repositories that a deploy key opens: folder by ``owner/name``."""
        return {
            f"{repo.owner}/{repo.name}": repo.bare.path
            for repo in self.repos
            for key in repo.keys
            if " ".join(str(key["key"]).split()[:2]) == public_key
        }

    def push(self, repo: Repo, files: dict[str, str | None], message: str = "by hand") -> str:
        """Somebody else commits on ``main``: content by path, or none to delete."""
        parent = repo.bare.ref("heads/main")
        entries = [
            {"path": path, "mode": "100644", "sha": None}
            if text is None
            else {"path": path, "mode": "100644", "content": text}
            for path, text in files.items()
        ]
        who = {"name": "Somebody", "email": "s@example.invalid", "date": "2026-01-31T12:00:00+01:00"}
        tree = repo.bare.tree(parent, entries)
        sha = repo.bare.commit(
            {"message": message, "tree": tree, "parents": [parent] if parent else [], "author": who}
        )
        self._move(repo, "heads/main", sha)
        return sha

    def rename(self, repo: Repo, name: str, owner: str = ORGANIZATION) -> None:
        """Rename or transfer; the old address leads to the new one."""
        self.renamed[repo.owner, repo.name] = repo
        repo.owner, repo.name = owner, name

    def _move(self, repo: Repo, ref: str, sha: str) -> None:
        old = repo.bare.ref(ref)
        repo.before[ref] = old
        repo.bare.move(ref, sha, old)

    # The application

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._middleware], client_max_size=_LARGEST)
        one = "/repos/{owner}/{name}"
        app.add_routes(
            [
                web.post("/app/installations/{id}/access_tokens", self.access_token),
                web.post("/orgs/{org}/repos", self.create),
                web.get(one, self.show),
                web.get("/repositories/{number}", self.show),
                web.patch(one, self.change),
                web.put(f"{one}/topics", self.set_topics),
                web.get(f"{one}/branches", self.branches),
                web.get(f"{one}/keys", self.list_keys),
                web.post(f"{one}/keys", self.add_key),
                web.delete(f"{one}/keys/{{key}}", self.delete_key),
                web.put(f"{one}/contents/{{path:.+}}", self.put_content),
                web.post(f"{one}/git/blobs", self.create_blob),
                web.post(f"{one}/git/trees", self.create_tree),
                web.get(f"{one}/git/trees/{{sha}}", self.show_tree),
                web.post(f"{one}/git/commits", self.create_commit),
                web.get(f"{one}/git/commits/{{sha}}", self.show_commit),
                web.get(f"{one}/git/ref/{{ref:.+}}", self.show_ref),
                web.post(f"{one}/git/refs", self.create_ref),
                web.patch(f"{one}/git/refs/{{ref:.+}}", self.update_ref),
                web.get(f"{one}/compare/{{basehead}}", self.compare),
            ]
        )
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.faults.away:
            return _cut(request)
        verb, path = request.method, request.path
        try:
            answer = await self._guarded(request, handler)
        except Refusal as refusal:
            body = {"message": refusal.message, "documentation_url": _DOCS}
            answer = _json({**body, "errors": refusal.errors} if refusal.errors else body, refusal.status)
        answer.headers.update(self.limits.headers())
        self.requests.append((verb, path, answer.status))
        return _cut(request) if self.faults.takes(self.faults.lost, verb, path) else answer

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        verb, path = request.method, request.path
        if not path.startswith("/app/"):
            self._authenticate(request)
        refused = self.limits.enter(write=verb != "GET" and not path.startswith("/app/"))
        if refused:
            return _json({"message": refused[0], "documentation_url": _DOCS}, 403, **refused[1])
        if self.faults.takes(self.faults.broken, verb, path):
            return _json({"message": "Server Error"}, 502)
        refusal = self.faults.refusal(verb, path)
        if refusal:
            status, message, headers = refusal
            return _json({"message": message, "documentation_url": _DOCS}, status, **headers)
        await self.faults.hold(path)
        self.faults.run_before(verb, path)
        if request.match_info.http_exception is not None:
            raise Refusal(404, "Not Found")
        answer = await handler(request)
        return self._conditional(request, answer)

    def _authenticate(self, request: web.Request) -> None:
        if self.faults.suspended:
            raise Refusal(403, "This installation has been suspended")
        if request.headers.get("Authorization", "").partition(" ")[2] not in self.tokens:
            raise Refusal(401, "Bad credentials")

    def _conditional(self, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
        if request.method != "GET" or answer.status != HTTPStatus.OK or not isinstance(answer, web.Response):
            return answer
        digest = hashlib.sha256(answer.text.encode() if answer.text else b"").hexdigest()
        etag = f'W/"{digest}"'
        if request.headers.get("If-None-Match") == etag:
            self.limits.refund()
            return web.Response(status=304, headers={"ETag": etag})
        answer.headers["ETag"] = etag
        return answer

    def _repo(self, request: web.Request, permission: str = "") -> Repo:
        owner, name = request.match_info["owner"].lower(), request.match_info["name"].lower()
        found = [r for r in self.repos if (r.owner.lower(), r.name.lower()) == (owner, name)]
        if not found:
            moved = next(
                (r for k, r in self.renamed.items() if (k[0].lower(), k[1].lower()) == (owner, name)), None
            )
            if moved is None or moved not in self.repos:
                raise Refusal(404, "Not Found")
            rest = request.path.split("/", 4)[4:]
            location = "/".join([f"{self.url}/repositories/{moved.number}", *rest])
            status = 301 if request.method == "GET" else 307
            raise web.HTTPMovedPermanently(location) if status == 301 else web.HTTPTemporaryRedirect(location)
        if permission in self.faults.forbidden:
            raise Refusal(403, "Resource not accessible by integration")
        if permission and found[0].archived:
            raise Refusal(403, "Repository was archived so is read-only.")
        return found[0]

    def _with_history(self, request: web.Request, permission: str = "") -> Repo:
        repo = self._repo(request, permission)
        if not repo.bare.branches():
            raise Refusal(409, "Git Repository is empty.")
        return repo

    # Apps and repositories

    async def access_token(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").partition(" ")[2]
        options: Any = {"require": ["exp", "iat", "iss"]}
        try:
            claims = jwt.decode(token, self.key.public_key(), ["RS256"], options, issuer=str(APP_ID))
        except jwt.PyJWTError as error:
            raise Refusal(401, f"A JSON web token could not be decoded: {type(error).__name__}") from None
        if claims["exp"] - claims["iat"] > _JWT_SECONDS:
            raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
        if request.match_info["id"] != str(INSTALLATION_ID):
            raise Refusal(404, "Not Found")
        if self.faults.suspended:
            raise Refusal(403, "This installation has been suspended")
        self.issued += 1
        made = f"ghs_{secrets.token_hex(8)}"
        self.tokens.add(made)
        expires = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return _json({"token": made, "expires_at": expires, "permissions": {}}, 201)

    async def create(self, request: web.Request) -> web.Response:
        if request.match_info["org"].lower() != ORGANIZATION:
            raise Refusal(404, "Not Found")
        if "administration" in self.faults.forbidden:
            raise Refusal(403, "Resource not accessible by integration")
        body = await request.json()
        if any(r.name.lower() == body["name"].lower() and r.owner == ORGANIZATION for r in self.repos):
            raise Refusal(
                422, "Repository creation failed.", [{"message": "name already exists on this account"}]
            )
        repo = self.add(body["name"], visibility=body.get("visibility", "public"))
        return _json(repo.shown(), 201)

    async def show(self, request: web.Request) -> web.Response:
        number = request.match_info.get("number")
        if number is None:
            return _json(self._repo(request).shown())
        return _json(next(r for r in self.repos if r.number == int(number)).shown())

    async def change(self, request: web.Request) -> web.Response:
        repo = self._repo(request, "administration")
        body = await request.json()
        branch = body.get("default_branch")
        if branch is not None and branch not in repo.bare.branches():
            raise Refusal(422, "Validation Failed", [{"message": f"The branch {branch} was not found."}])
        repo.visibility = body.get("visibility", repo.visibility)
        repo.default_branch = branch or repo.default_branch
        return _json(repo.shown())

    async def set_topics(self, request: web.Request) -> web.Response:
        repo = self._repo(request, "administration")
        repo.topics = list((await request.json())["names"])
        return _json({"names": repo.topics})

    async def branches(self, request: web.Request) -> web.Response:
        found = self._repo(request).bare.branches()
        return _json([{"name": name, "commit": {"sha": sha}} for name, sha in found.items()][:1])

    # Deploy keys

    async def list_keys(self, request: web.Request) -> web.Response:
        return _json(self._repo(request).keys)

    async def add_key(self, request: web.Request) -> web.Response:
        repo = self._repo(request, "administration")
        if self.faults.no_deploy_keys:
            raise Refusal(422, "Deploy keys are disabled for this repository")
        body = await request.json()
        if any(key["key"] == body["key"] for each in self.repos for key in each.keys):
            raise Refusal(422, "Validation Failed", [{"message": "key is already in use"}])
        number = max((key["id"] for each in self.repos for key in each.keys), default=0) + 1
        repo.keys.append(
            {"id": number, "key": body["key"], "title": body["title"], "read_only": body["read_only"]}
        )
        return _json(repo.keys[-1], 201)

    async def delete_key(self, request: web.Request) -> web.Response:
        repo = self._repo(request, "administration")
        left = [key for key in repo.keys if str(key["id"]) != request.match_info["key"]]
        if len(left) == len(repo.keys):
            raise Refusal(404, "Not Found")
        repo.keys = left
        return web.Response(status=204)

    # Contents and objects

    async def put_content(self, request: web.Request) -> web.Response:
        repo = self._repo(request, "contents")
        body, path = await request.json(), request.match_info["path"]
        ref = f"heads/{body.get('branch', repo.default_branch)}"
        parent = repo.bare.ref(ref)
        if (
            parent
            and path in {e["path"] for e in repo.bare.entries(parent, recursive=True)}
            and "sha" not in body
        ):
            raise Refusal(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        if not parent and repo.bare.branches():
            raise Refusal(404, f"Branch {body['branch']} not found")
        text = base64.b64decode(body["content"])
        tree = repo.bare.tree(parent, [{"path": path, "mode": "100644", "sha": repo.bare.blob(text)}])
        # Without an author it is the authenticated user's, now.
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        user = {"name": "app", "email": "app@example.invalid", "date": now}
        made = {"author": user, **body, "tree": tree, "parents": [parent] if parent else []}
        sha = repo.bare.commit(made)
        self._move(repo, ref, sha)
        content = {"name": path.rpartition("/")[2], "path": path, "type": "file"}
        return _json({"content": content, "commit": repo.bare.describe(sha)}, 201)

    async def create_blob(self, request: web.Request) -> web.Response:
        repo = self._with_history(request, "contents")
        body = await request.json()
        text = (
            base64.b64decode(body["content"])
            if body.get("encoding") == "base64"
            else body["content"].encode()
        )
        return _json({"sha": repo.bare.blob(text)}, 201)

    async def create_tree(self, request: web.Request) -> web.Response:
        repo = self._with_history(request, "contents")
        body = await request.json()
        try:
            sha = repo.bare.tree(body.get("base_tree", ""), body["tree"])
        except GitError as error:
            raise Refusal(422, str(error)) from None
        return _json({"sha": sha, "tree": repo.bare.entries(sha, recursive=False), "truncated": False}, 201)

    tree_limit = 100_000

    async def show_tree(self, request: web.Request) -> web.Response:
        repo = self._with_history(request)
        try:
            found = repo.bare.entries(request.match_info["sha"], recursive="recursive" in request.query)
        except GitError:
            raise Refusal(404, "Not Found") from None
        shown = found[: self.tree_limit] if "recursive" in request.query else found
        return _json({"sha": request.match_info["sha"], "tree": shown, "truncated": len(shown) < len(found)})

    async def create_commit(self, request: web.Request) -> web.Response:
        repo = self._with_history(request, "contents")
        sha = repo.bare.commit(await request.json())
        return _json(repo.bare.describe(sha), 201)

    async def show_commit(self, request: web.Request) -> web.Response:
        repo = self._with_history(request)
        try:
            return _json(repo.bare.describe(request.match_info["sha"]))
        except GitError:
            raise Refusal(404, "Not Found") from None

    # References

    async def show_ref(self, request: web.Request) -> web.Response:
        repo, ref = self._with_history(request), request.match_info["ref"]
        sha = repo.bare.ref(ref)
        if self.faults.stale_reads > 0 and ref in repo.before:
            self.faults.stale_reads -= 1
            sha = repo.before[ref]
            if not sha:
                raise Refusal(409, "Git Repository is empty.")
        if not sha:
            raise Refusal(404, "Not Found")
        return _json({"ref": f"refs/{ref}", "object": {"type": "commit", "sha": sha}})

    async def create_ref(self, request: web.Request) -> web.Response:
        repo, body = self._with_history(request, "contents"), await request.json()
        ref = body["ref"].removeprefix("refs/")
        if repo.bare.ref(ref):
            raise Refusal(422, "Reference already exists")
        self._move(repo, ref, body["sha"])
        return _json({"ref": body["ref"], "object": {"sha": body["sha"]}}, 201)

    async def update_ref(self, request: web.Request) -> web.Response:
        repo, body, ref = (
            self._with_history(request, "contents"),
            await request.json(),
            request.match_info["ref"],
        )
        old = repo.bare.ref(ref)
        if not old:
            raise Refusal(422, "Reference does not exist")
        if repo.protected:
            raise Refusal(
                422, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n"
            )
        if not body.get("force") and not repo.bare.descends(body["sha"], old):
            raise Refusal(422, "Update is not a fast forward")
        self._move(repo, ref, body["sha"])
        return _json({"ref": f"refs/{ref}", "object": {"sha": body["sha"]}})

    async def compare(self, request: web.Request) -> web.Response:
        repo = self._with_history(request)
        base, head = request.match_info["basehead"].split("...")
        if not (repo.bare.has(base) and repo.bare.has(head)):
            raise Refusal(404, "Not Found")
        ahead, behind = repo.bare.descends(head, base), repo.bare.descends(base, head)
        status = {(True, True): "identical", (True, False): "ahead", (False, True): "behind"}
        return _json({"status": status.get((ahead, behind), "diverged"), "files": [], "commits": []})


def _json(body: Any, status: int = 200, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(text=json.dumps(body), status=status, content_type="application/json", headers=named)


def _cut(request: web.Request) -> web.Response:
    """Break the connection instead of answering."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


@asynccontextmanager
async def github_server(folder: Path, limits: Limits | None = None) -> AsyncIterator[GitHubServer]:
    """A server on a port of its own."""
    server = GitHubServer(folder, limits)
    runner = web.AppRunner(server.application(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
