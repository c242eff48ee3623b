"""Bare repositories as a forge's API writes them: blobs, trees, commits and references, by Git's own plumbing."""

import os
import subprocess
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from pathlib import Path
from typing import Any

_ENV = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}


class GitError(Exception):
    """Git refused; its words."""


@dataclass(frozen=True)
class Bare:
    """One bare repository."""

    path: Path

    def create(self) -> None:
        """Make it, empty."""
        self.path.mkdir(parents=True)
        self.git("init", "--quiet", "--bare", "--initial-branch", "main", ".")

    def git(self, *arguments: str, stdin: bytes = b"", **env: str) -> str:
        """Output of a git command; raises ``GitError``."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            input=stdin,
            env={**_ENV, **env},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="replace")

    def ref(self, name: str) -> str:
        """Commit of a reference such as ``heads/main``; empty when there is none."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"refs/{name}").strip()
        except GitError:
            return ""

    def branches(self) -> dict[str, str]:
        """Commit by name of branch."""
        lines = self.git(
            "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads"
        ).splitlines()
        return dict(line.rsplit(" ", 1) for line in lines)

    def move(self, name: str, sha: str, old: str) -> None:
        """Set a reference, if it is still at ``old``; empty: if there is none."""
        self.git("update-ref", f"refs/{name}", sha, old or "0" * 40)

    def drop(self, name: str) -> None:
        """Remove a reference."""
        self.git("update-ref", "-d", f"refs/{name}")

    def has(self, sha: str) -> bool:
        """Whether an object is there."""
        try:
            self.git("cat-file", "-e", sha)
        except GitError:
            return False
        return True

    def descends(self, sha: str, ancestor: str) -> bool:
        """Whether ``ancestor`` is in the history of ``sha``."""
        try:
            self.git("merge-base", "--is-ancestor", ancestor, sha)
        except GitError:
            return False
        return True

    def blob(self, content: bytes) -> str:
        """Write a loose object (gitformat-pack, "loose objects"); as quick as it gets for hundreds of files."""
        raw = b"blob %d\0" % len(content) + content
        sha = sha1(raw, usedforsecurity=False).hexdigest()
        file = self.path / "objects" / sha[:2] / sha[2:]
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(zlib.compress(raw, 1))
        return sha

    def tree(self, base: str, entries: Sequence[Mapping[str, Any]]) -> str:
        """Write a tree: ``base`` changed by the entries; raises ``GitError`` for one deleted that is not there."""
        with tempfile.TemporaryDirectory() as folder:
            index = f"{folder}/index"
            self.git("read-tree", f"{base}^{{tree}}" if base else "--empty", GIT_INDEX_FILE=index)
            there = set(self.git("ls-files", "-z", GIT_INDEX_FILE=index).split("\0"))
            lines = []
            for entry in entries:
                path = entry["path"]
                if entry.get("sha", "") is None:
                    if path not in there:
                        raise GitError("GitRPC::BadObjectState")
                    lines.append(f"0 {'0' * 40}\t{path}")
                    continue
                sha = entry.get("sha") or self.blob(entry["content"].encode())
                lines.append(f"{entry['mode']} {sha}\t{path}")
            self.git(
                "update-index",
                "-z",
                "--index-info",
                stdin="\0".join([*lines, ""]).encode(),
                GIT_INDEX_FILE=index,
            )
            return self.git("write-tree", GIT_INDEX_FILE=index).strip()

    def commit(self, body: Mapping[str, Any]) -> str:
        """Write a commit as the body of a request describes it."""
        lines = [f"tree {body['tree']}", *(f"parent {sha}" for sha in body.get("parents") or ())]
        author = body["author"]
        lines += [f"author {_who(author)}", f"committer {_who(body.get('committer') or author)}"]
        if body.get("signature"):
            lines.append("gpgsig " + body["signature"].rstrip("\n").replace("\n", "\n "))
        text = "\n".join([*lines, "", body["message"]]).encode()
        return self.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text).strip()

    def describe(self, sha: str) -> dict[str, Any]:
        """A commit as the API shows it."""
        self.git("cat-file", "-e", f"{sha}^{{commit}}")
        tree, parents, message = self.git("log", "-1", "--format=%T%n%P%n%B", sha).split("\n", 2)
        return {
            "sha": sha,
            "tree": {"sha": tree},
            "parents": [{"sha": parent} for parent in parents.split()],
            "message": message.rstrip("\n"),
        }

    def entries(self, sha: str, *, recursive: bool) -> list[dict[str, Any]]:
        """Entries of a tree as the API lists them."""
        options = ["-r", "-t"] if recursive else []
        listing = self.git("ls-tree", "-z", *options, f"{sha}^{{tree}}")
        found = []
        for line in filter(None, listing.split("\0")):
            meta, path = line.split("\t", 1)
            mode, kind, blob = meta.split()
            found.append({"path": path, "mode": mode, "type": kind, "sha": blob})
        return found


def _who(person: Mapping[str, str]) -> str:
    moment = datetime.fromisoformat(person["date"])
    return f"{person['name']} <{person['email']}> {int(moment.timestamp())} {moment.strftime('%z')}"
