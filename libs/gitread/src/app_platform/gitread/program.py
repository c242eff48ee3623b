"""Runs the program git. Guarantees: it ends with the caller, or when its time is up; what it reads is what it is given, so no prompt is waited for."""

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Final

SECONDS: Final = 300.0


class GitError(Exception):
    """git could not do it; the text is what it said."""


async def run_git(
    env: Mapping[str, str], *arguments: str, given: bytes = b"", seconds: float = SECONDS
) -> bytes:
    """What git writes to its standard output.

    Args:
        env: All of its environment.
        arguments: After ``git``; they show in the list of processes, so no credential may be among them.
        given: Its standard input.
        seconds: That it may take.

    Raises:
        GitError: It failed, took longer, or is not installed.
    """
    process = await _started(env, arguments)
    try:
        async with asyncio.timeout(seconds):
            output, errors = await process.communicate(given)
    except TimeoutError:
        raise GitError(f"git took more than {seconds:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise GitError(errors.decode(errors="replace").strip() or f"git ended with {process.returncode}")
    return output


async def _started(env: Mapping[str, str], arguments: Sequence[str]) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            "git", *arguments, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
    except FileNotFoundError:
        raise GitError("the program git is not installed, or not in a folder of PATH") from None
