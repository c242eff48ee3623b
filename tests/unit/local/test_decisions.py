"""The small pure decisions: ports, restart delays, paths, the env file, options."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_platform.local import StateError
from app_platform.local.envfile import read_env, write_env
from app_platform.local.identities import (
    administrator,
    keep_signing_key,
    keep_tokens,
    service_account,
    token_file,
)
from app_platform.local.options import Service, require_importable
from app_platform.local.paths import StateDir, cache_dir, workspace_root
from app_platform.local.ports import FIRST, LAST, choose
from app_platform.local.supervise.child import (
    FIRST_DELAY,
    LONGEST_DELAY,
    STABLE_AFTER,
    Child,
    describe_exit,
    restart_delay,
)


def always_free(_port: int) -> bool:
    return True


@given(st.lists(st.text(max_size=5), unique=True, max_size=20), st.text(max_size=10))
def test_ports_are_distinct_and_the_same_for_the_same_seed(names: list[str], seed: str) -> None:
    ports = choose(names, {}, seed, free=always_free)
    assert len(set(ports.values())) == len(names)
    assert all(FIRST <= port <= LAST for port in ports.values())
    assert choose(names, {}, seed, free=always_free) == ports


def test_kept_ports_stay_even_when_no_longer_needed() -> None:
    ports = choose(["etcd", "git"], {"etcd": 20001, "watcher-1": 20002}, "seed", free=always_free)
    assert (ports["etcd"], ports["watcher-1"]) == (20001, 20002)
    assert ports["git"] not in (20001, 20002)


def test_a_port_of_another_program_is_not_chosen() -> None:
    taken = choose(["one"], {}, "seed", free=always_free)["one"]
    assert choose(["one"], {}, "seed", free=lambda port: port != taken)["one"] != taken


def test_no_free_port_at_all_is_said() -> None:
    with pytest.raises(StateError, match="no port between 20000 and 31999 is free"):
        choose(["one"], {}, "seed", free=lambda _: False)


def test_the_first_death_is_followed_by_a_quick_start() -> None:
    assert restart_delay(0, 0.01) == FIRST_DELAY


def test_a_child_that_keeps_dying_waits_ever_longer_up_to_a_bound() -> None:
    delays = [FIRST_DELAY]
    for _ in range(10):
        delays.append(restart_delay(delays[-1], 0.01))
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY


def test_a_child_that_had_been_stable_starts_quickly_again() -> None:
    assert restart_delay(LONGEST_DELAY, STABLE_AFTER) == FIRST_DELAY


def test_exits_in_words() -> None:
    assert describe_exit(-9) == "was killed by signal 9"
    assert describe_exit(2) == "ended with code 2"


def test_a_child_survives_the_way_over_the_socket() -> None:
    child = Child("name", ("a", "b"), {"K": "v"}, "http://127.0.0.1:1/readyz", "ca", 2, 3.5)
    assert Child.from_json(child.to_json()) == child


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(st.characters(exclude_categories=["C", "Z"]))
    )
)
def test_the_env_file_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("env") / "env"
    write_env(path, values)
    assert read_env(path) == values


def test_no_env_file_is_an_empty_environment(tmp_path: Path) -> None:
    assert read_env(tmp_path / "none") == {}


def test_a_long_state_path_still_gets_a_socket_the_kernel_accepts(tmp_path: Path) -> None:
    deep = StateDir.at(tmp_path / ("x" * 120))
    assert len(str(deep.control_socket)) < 108
    assert deep.control_socket == StateDir.at(tmp_path / ("x" * 120)).control_socket
    assert deep.control_socket != StateDir.at(tmp_path / ("y" * 120)).control_socket


def test_the_cache_follows_xdg() -> None:
    assert cache_dir({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/app-platform/tools")
    assert cache_dir({"HOME": "/h"}) == Path("/h/.cache/app-platform/tools")


def test_the_workspace_holds_the_pins() -> None:
    assert (workspace_root() / "deploy" / "local" / "go.sum").is_file()


def test_services_that_cannot_be_run_are_named() -> None:
    with pytest.raises(StateError, match=r"cannot run no_such_module, app_platform\.local\.tools:"):
        require_importable((Service("a", "no_such_module"), Service("b", "app_platform.local.tools")))
    require_importable((Service("c", "app_platform.local"),))


def test_tokens_are_private_distinct_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    first = keep_tokens(path, ["admin", "git"])
    second = keep_tokens(path, ["admin", "git", "watcher"])
    assert {name: second[name] for name in first} == first
    assert len(set(second.values())) == 3
    assert path.stat().st_mode & 0o077 == 0


def test_the_signing_key_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keep_signing_key(path)
    content = path.read_text()
    keep_signing_key(path)
    assert path.read_text() == content
    assert path.stat().st_mode & 0o077 == 0


def test_the_token_file_is_what_the_api_server_reads() -> None:
    text = token_file([administrator("admin"), service_account("watcher")], {"admin": "t1", "watcher": "t2"})
    groups = "system:serviceaccounts,system:serviceaccounts:app-platform-system"
    assert text.splitlines() == [
        "t1,admin,admin,system:masters",
        f't2,system:serviceaccount:app-platform-system:watcher,watcher,"{groups}"',
    ]
