"""Whatever is broken, a command ends with one line that says what to do, and with the documented status; never with a traceback.

On a cluster without services, so that commands which wait for one have something to fail on.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import yaml

from app_platform.cli.options import Exit
from app_platform.contracts.crd import registration_crd
from app_platform.kube import CUSTOM_RESOURCE_DEFINITIONS, Invalid, KubeClient, Object
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Platform
from support.cli import app_platform
from support.cluster import Cluster
from support.platform import PlatformFactory, eventually

APP = "broken"
OF_NATS = [
    ("events", "list"),
    ("events", "show", "1"),
    ("dead-letters", "list"),
    ("dead-letters", "show", "1"),
    ("dead-letters", "redrive", "--all"),
    ("replay", "--service", "git-committer", "--all"),
    ("replay", "--service", "git-committer", "--all", "--dry-run"),
]
OF_CLUSTER = [
    ("status",),
    ("status", "--app", APP),
    ("verify", "--app", APP),
    ("verify", "--all"),
    ("export", "--app", APP),
    ("export",),
    ("rotate-key", "--app", APP),
]
DOCTOR: list[tuple[str, ...]] = [("doctor",), ("doctor", "--app", APP)]
Environment = Mapping[str, str]


def kubeconfig(platform: Platform, folder: Path, change: Callable[[Object], None]) -> Environment:
    """The administrator's kubeconfig with something broken in it."""
    content = yaml.safe_load(Path(platform.env["KUBECONFIG"]).read_text())
    change(content)
    broken = folder / "kubeconfig"
    broken.write_text(yaml.safe_dump(content))
    return {"KUBECONFIG": str(broken)}


def away(content: Object) -> None:
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"


def stranger(content: Object) -> None:
    content["users"][0]["user"] = {"token": "of-nobody"}


def keys(file: object) -> Environment:
    return {"NATS_READER_NKEY": str(file), "NATS_OPERATOR_NKEY": str(file)}


def rubbish(folder: Path) -> Path:
    file = folder / "rubbish"
    file.write_text("correct-horse\n")
    return file


BREAKS: Mapping[str, tuple[Callable[[Platform, Path], Environment], list[tuple[str, ...]], str]] = {
    "no kubeconfig": (
        lambda _p, _f: {"KUBECONFIG": "/nowhere"},
        OF_CLUSTER + DOCTOR,
        "names no file that exists",
    ),
    "no .local/env": (lambda _p, _f: {"KUBECONFIG": ""}, OF_CLUSTER + DOCTOR, "set KUBECONFIG"),
    "a kubeconfig that is none": (
        lambda _p, folder: {"KUBECONFIG": str(rubbish(folder))},
        OF_CLUSTER + DOCTOR,
        "is not a kubeconfig",
    ),
    "no API server": (
        lambda p, folder: kubeconfig(p, folder, away),
        OF_CLUSTER,
        "the API server does not answer",
    ),
    "a stranger": (
        lambda p, folder: kubeconfig(p, folder, stranger),
        OF_CLUSTER,
        "does not know your credential",
    ),
    "no NATS": (
        lambda _p, _f: {"NATS_URL": "nats://user:correct-horse@127.0.0.1:1"},
        OF_NATS,
        "NATS at 127.0.0.1:1 does not",
    ),
    "no NATS_URL": (lambda _p, _f: {"NATS_URL": ""}, OF_NATS, "NATS_URL"),
    "no key": (lambda _p, _f: keys("/nowhere"), OF_NATS, "the NATS key /nowhere cannot be read"),
    "a key that is none": (
        lambda _p, folder: keys(rubbish(folder)),
        OF_NATS,
        "holds no NATS key: wanted is an NKey seed",
    ),
    "another's key": (
        lambda p, _f: keys(p.state.config / "nats" / "watcher.nk"),
        [("events", "list"), ("dead-letters", "list")],
        "the key in use is not let do this",
    ),
    "a certificate that is none": (
        lambda _p, folder: {"NATS_CA": str(rubbish(folder))},
        OF_NATS,
        "the certificates for NATS cannot be used",
    ),
    "no such app": (lambda _p, _f: {}, [c for c in OF_CLUSTER if "--app" in c], f"there is no app '{APP}'"),
}


@pytest.fixture
def environment(platform: Platform) -> Environment:
    wanted = ("KUBECONFIG", "NATS_URL", "NATS_READER_NKEY", "NATS_OPERATOR_NKEY")
    return {name: platform.env[name] for name in wanted}


def failed(environment: Environment, *arguments: str) -> str:
    """The one line that a command says when it is not possible."""
    done = app_platform(environment, *arguments)
    assert (done.returncode, done.stdout) == (Exit.IMPOSSIBLE, ""), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("app-platform: ")
    assert "correct-horse" not in line
    return line


@pytest.mark.parametrize("broken", BREAKS)
def test_one_line_says_what_to_do(
    platform: Platform, environment: Environment, tmp_path: Path, broken: str
) -> None:
    breaking, commands, told = BREAKS[broken]
    changed = {**environment, **breaking(platform, tmp_path)}
    wrong = {words: line for words in commands if told not in (line := failed(changed, *words))}
    assert wrong == {}


@pytest.mark.parametrize(
    "broken", ["no API server", "a stranger", "no NATS", "no key", "a certificate that is none"]
)
def test_the_doctor_makes_findings_of_it(
    platform: Platform, environment: Environment, tmp_path: Path, broken: str
) -> None:
    breaking, _, _ = BREAKS[broken]
    for words in DOCTOR:
        done = app_platform({**environment, **breaking(platform, tmp_path)}, *words)
        assert done.returncode in {Exit.PROBLEM, Exit.UNKNOWN}, done.stderr
        assert done.stderr == ""
        assert "correct-horse" not in done.stdout


@pytest.mark.parametrize(
    "broken",
    ["no NATS", "no NATS_URL", "no key", "a key that is none", "another's key", "a certificate that is none"],
)
def test_status_shows_the_apps_all_the_same(
    platform: Platform, environment: Environment, tmp_path: Path, broken: str
) -> None:
    breaking, _, told = BREAKS[broken]
    changed = {**environment, **breaking(platform, tmp_path)}
    done = app_platform(changed, "status")
    assert (done.returncode, done.stdout.split()[:2]) == (Exit.UNKNOWN, ["APP", "READY"])
    (line,) = done.stderr.splitlines()
    assert line.startswith("app-platform: the services could not be asked: ")
    assert told in line
    assert "correct-horse" not in line
    piped = app_platform(changed, "status", "--json")
    found = json.loads(piped.stdout)
    assert (piped.returncode, piped.stderr) == (Exit.UNKNOWN, "")
    assert (found["services"], found["dead_letters"]) == (None, None)
    assert told in found["error"]


def test_who_may_not_is_told_which_right_is_missing(
    platform: Platform, environment: Environment, tmp_path: Path
) -> None:
    def as_a_service(content: Object) -> None:
        tokens = yaml.safe_load((platform.state.config / "kubeconfig-git-committer.yaml").read_text())
        content["users"][0]["user"] = tokens["users"][0]["user"]

    changed = {**environment, **kubeconfig(platform, tmp_path, as_a_service)}
    for words in (("status",), ("verify", "--all"), ("export",)):
        assert 'cannot list resource "appplatformregistrations"' in failed(changed, *words), words


@pytest.fixture(scope="module")
def of_another_version(new_platform: PlatformFactory) -> Iterator[Environment]:
    """A cluster with one registration that was stored when its definition allowed anything, and one that is right."""
    running = new_platform("of-another-version")
    running.up()
    cluster = Cluster(Path(running.env["KUBECONFIG"]))
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    lax = registration_crd()
    lax["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = anything
    odd = REGISTRATIONS.manifest(APP, spec={"namespaces": "correct-horse", "access": [{"role": "king"}]})
    cluster.do(
        partial(
            KubeClient.apply, resource=CUSTOM_RESOURCE_DEFINITIONS, obj=lax, field_manager="test", force=True
        )
    )
    eventually(lambda: is_taken(cluster, odd), "the API server takes anything")
    right = REGISTRATIONS.manifest("right", spec={"namespaces": ["right-dev"]})
    cluster.do(partial(KubeClient.create, resource=REGISTRATIONS, obj=right))
    cluster.close()
    yield {
        name: running.env[name]
        for name in ("KUBECONFIG", "NATS_URL", "NATS_READER_NKEY", "NATS_OPERATOR_NKEY")
    }
    running.reset()


def is_taken(cluster: Cluster, body: Object) -> bool:
    try:
        cluster.do(partial(KubeClient.create, resource=REGISTRATIONS, obj=body))
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("words", [words for words in OF_CLUSTER if "--app" in words], ids=" ".join)
def test_a_registration_that_does_not_parse_is_named_with_its_fields(
    of_another_version: Environment, words: tuple[str, ...]
) -> None:
    line = failed(of_another_version, *words)
    assert f"registration '{APP}' does not parse: namespaces: " in line
    assert "access.0.group: Field required" in line
    assert f"kubectl edit apr {APP}" in line


def test_a_registration_that_does_not_parse_hides_no_other(of_another_version: Environment) -> None:
    status = app_platform(of_another_version, "status", "--json")
    assert status.returncode == Exit.DONE, status.stderr
    found = {app["name"]: app["message"] for app in json.loads(status.stdout)["apps"]}
    assert found["right"] == "no service has looked at it"
    assert "does not parse" in found[APP]
    doctor = app_platform(of_another_version, "doctor")
    assert doctor.returncode == Exit.PROBLEM
    assert f"registration '{APP}' does not parse" in doctor.stdout
    assert "right is not Ready" in doctor.stdout
    of_app = app_platform(of_another_version, "doctor", "--app", APP)
    assert (of_app.returncode, of_app.stderr) == (Exit.PROBLEM, "")
    assert "The app is registered: registration 'broken' does not parse" in of_app.stdout
    exported = app_platform(of_another_version, "export")
    assert exported.returncode == Exit.UNKNOWN
    assert [line.split(": ")[2] for line in exported.stderr.splitlines()] == [
        f"registration '{APP}' does not parse",
        "right",
    ]
