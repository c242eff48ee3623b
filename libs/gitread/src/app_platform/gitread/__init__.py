"""Reads a Git repository with the credential that Flux has for it, and makes the keys of such credentials.

Guarantees: a credential reaches git by its environment or by files that only their owner may read, never by the command
line; no prompt is ever waited for; nothing is pushed. Leaves out: working trees, and everything that writes.
"""

from app_platform.gitread.clone import Changed, Clone, Commit, cloned
from app_platform.gitread.credentials import Credential, CredentialError, credential
from app_platform.gitread.program import GitError, run_git
from app_platform.gitread.ssh_keys import HASHED, KeyPair, github_known_hosts, known_lines, new_key_pair

__all__ = [
    "HASHED",
    "Changed",
    "Clone",
    "Commit",
    "Credential",
    "CredentialError",
    "GitError",
    "KeyPair",
    "cloned",
    "credential",
    "github_known_hosts",
    "known_lines",
    "new_key_pair",
    "run_git",
]
