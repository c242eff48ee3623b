"""One Git request through `git http-backend`, streamed both ways, so that large packs never lie in memory.

The interface is CGI (RFC 3875): the request in environment variables and standard input, headers and body on standard
output.
"""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from pathlib import Path

from aiohttp import web

from app_platform.local.git.store import isolated_env

_BLOCK = 1 << 16
_PASSED_ON = {
    "Content-Type": "CONTENT_TYPE",
    "Content-Length": "CONTENT_LENGTH",
    "Content-Encoding": "HTTP_CONTENT_ENCODING",
    "Git-Protocol": "GIT_PROTOCOL",
}


async def serve(request: web.Request, root: Path, path: str, user: str) -> web.StreamResponse:
    """Answer `request` for the repository file `path` below `root`.

    Args:
        request: already allowed; who may do what is not decided here.
        root: the folder of all repositories.
        path: such as `apps/my-app-platform.git/info/refs`.
        user: the name that git sees as the pusher.
    """
    process = await asyncio.create_subprocess_exec(
        "git", "http-backend", env=_environment(request, root, path, user), stdin=PIPE, stdout=PIPE
    )
    feeding = asyncio.create_task(_feed(request, process))
    try:
        return await _answer(request, process)
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding
        if process.returncode is None:
            # The answer is complete, or the client has gone: either way nobody waits for the rest.
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def _environment(request: web.Request, root: Path, path: str, user: str) -> dict[str, str]:
    environment = isolated_env() | {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{path}",
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "REMOTE_USER": user,
        "REMOTE_ADDR": "127.0.0.1",
    }
    return environment | {
        variable: request.headers[header]
        for header, variable in _PASSED_ON.items()
        if header in request.headers
    }


async def _feed(request: web.Request, process: Process) -> None:
    if process.stdin is None:
        return
    with contextlib.suppress(ConnectionError):  # git may answer before it has read everything
        async for block in request.content.iter_chunked(_BLOCK):
            process.stdin.write(block)
            await process.stdin.drain()
    process.stdin.close()


async def _answer(request: web.Request, process: Process) -> web.StreamResponse:
    output = process.stdout
    if output is None:
        raise web.HTTPInternalServerError(text="git http-backend has no output")
    response = web.StreamResponse()
    while line := (await output.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            response.set_status(int(value.split()[0]))
        else:
            response.headers[name] = value.strip()
    await response.prepare(request)
    while block := await output.read(_BLOCK):
        await response.write(block)
    await process.wait()
    await response.write_eof()
    return response
