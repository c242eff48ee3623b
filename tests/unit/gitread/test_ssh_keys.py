"""Key pairs, and the lines by which a server is known."""

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from app_platform.gitread import github_known_hosts, known_lines, new_key_pair

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def test_a_key_pair_is_one_that_ssh_reads() -> None:
    pair = new_key_pair()
    private = load_ssh_private_key(pair.private.encode(), None)
    public = load_ssh_public_key(pair.public.encode())
    assert private.public_key() == public
    assert new_key_pair().public != pair.public


def test_the_private_half_does_not_show() -> None:
    pair = new_key_pair()
    assert pair.private not in repr(pair)
    assert "PRIVATE" not in repr(pair)


def test_github_is_known() -> None:
    assert len(known_lines(github_known_hosts(), "GitHub.com")) == 3
    assert known_lines(github_known_hosts(), "github.com", 22)
    assert known_lines(github_known_hosts(), "github.com", 443) == []


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        (f"git.example {KEY}", "git.example", None),
        (f"  git.example,10.0.0.1 {KEY} comment", "10.0.0.1", 22),
        (f"[git.example]:2222 {KEY}", "git.example", 2222),
    ],
)
def test_a_line_names_its_servers(line: str, host: str, port: int | None) -> None:
    assert known_lines(f"# of ours\n{line}\n\n", host, port) == [line.strip()]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "git.example",
        "git.example ssh-ed25519",
        f"# git.example {KEY}",
        f"@revoked git.example {KEY}",
        f"|1|c2FsdA==|aGFzaA== {KEY}",
        f"[git.example]:2222 {KEY}",
        f"git.example.evil {KEY}",
    ],
)
def test_other_lines_do_not(line: str) -> None:
    assert known_lines(line, "git.example") == []
