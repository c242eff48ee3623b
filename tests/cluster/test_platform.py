"""The platform on a real node, installed as docs/install.md says: what it is allowed, the main job, pods that go, versions that come.

In order: the later tests change the installation, the last one to the overlay for high availability.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen, run
from typing import Any

import pytest

from app_platform.local import SERVICES
from app_platform.runtime.permissions import READER
from cluster import images
from cluster.install import NAMESPACES, SYSTEM, Installation
from support.cli import app_platform
from support.platform import eventually

PODS = (*(service.name for service in SERVICES), "nats-bootstrap", "nats")
HOME, TARGETS = "my-app-platform", ("my-app-dev", "my-app-prod")
PATIENCE = 120.0
_STATUS = "import json; print(json.dumps(dict(l.split(':\\t', 1) for l in open('/proc/self/status').read().splitlines() if ':\\t' in l)))"
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"


def objects(installed: Installation, namespace: str, kind: str, *more: str) -> list[Any]:
    """The objects of a kind in a namespace."""
    found = json.loads(installed.kubectl("-n", namespace, "get", kind, "-o", "json", *more))
    return list(found["items"])


def pods_of(installed: Installation, name: str) -> list[Any]:
    return objects(installed, SYSTEM, "pods", "-l", f"app.kubernetes.io/name={name}")


def python(installed: Installation, name: str, code: str, *arguments: str) -> tuple[int, str]:
    """Run Python in a pod of ours; its exit status and what it printed."""
    pod = pods_of(installed, name)[0]["metadata"]["name"]
    command = ["kubectl", "-n", SYSTEM, "exec", pod, "--", "python3", "-c", code, *arguments]
    done = run(command, env=installed.env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def intend(installed: Installation, *names: str) -> None:
    """Ask for secrets, as users do."""
    annotations = {"labrats.work/target-namespaces": ",".join(TARGETS)}
    for name in names:
        labels = {"labrats.work/secret-intent": "true"}
        meta = {"name": name, "namespace": HOME, "labels": labels, "annotations": annotations}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": meta,
            "stringData": {"password": f"of-{name}"},
        }
        installed.run("kubectl", "create", "-f", "-", text=json.dumps(body))


def until_live(installed: Installation, *names: str) -> None:
    """Wait until secrets are committed and in every target."""

    def live() -> bool:
        committed = {
            each["metadata"]["name"]
            for each in objects(installed, HOME, "secrets", "-l", "labrats.work/secret-intent=true")
            if each["metadata"]["annotations"].get("labrats.work/secret-status") == "Committed"
        }
        there = [
            {each["metadata"]["name"] for each in objects(installed, target, "secrets")} for target in TARGETS
        ]
        return all(set(names) <= found for found in (committed, *there))

    eventually(live, "the secrets are committed and live", within=PATIENCE)


def restarts(installed: Installation) -> dict[str, int]:
    """How often containers were started again, by pod, where it was."""
    found = {
        pod["metadata"]["name"]: sum(
            each["restartCount"] for each in pod["status"].get("containerStatuses", ())
        )
        for namespace in NAMESPACES
        for pod in objects(installed, namespace, "pods")
    }
    return {name: count for name, count in found.items() if count}


def test_every_pod_became_ready_at_its_first_start(installed: Installation) -> None:
    assert {name: len(pods_of(installed, name)) for name in PODS} == dict.fromkeys(PODS, 1)
    assert restarts(installed) == {}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_on_its_node(installed: Installation, name: str) -> None:
    status, said = python(installed, name, _STATUS)
    assert status == 0, said
    process = json.loads(said)
    assert process["Uid"].split() == ["1001"] * 4
    assert int(process["CapEff"], 16) == int(process["CapBnd"], 16) == 0
    assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
    written, why = python(installed, name, "open('/written', 'w')")
    assert written != 0
    assert "Read-only file system" in why


def test_the_main_job(installed: Installation) -> None:
    spec = {"namespaces": TARGETS, "access": [{"group": "my-app-admins", "role": "admin"}]}
    app = {"apiVersion": "labrats.work/v1alpha1", "kind": "AppPlatformRegistration"}
    installed.run(
        "kubectl", "apply", "-f", "-", text=json.dumps({**app, "metadata": {"name": "my-app"}, "spec": spec})
    )
    installed.kubectl("wait", "--for=condition=Ready", "--timeout=2m", "apr/my-app")
    intend(installed, "database")
    until_live(installed, "database")
    (secret,) = [
        each for each in objects(installed, TARGETS[0], "secrets") if each["metadata"]["name"] == "database"
    ]
    assert secret["data"] == {"password": "b2YtZGF0YWJhc2U="}


@pytest.mark.parametrize(
    ("name", "host", "port", "what"),
    [
        ("watcher", "nats", "4222", "reached"),
        ("watcher", "kubernetes.default.svc", "443", "reached"),
        ("watcher", "git.forge.svc", "3000", "kept out"),
        ("watcher", "authelia.authelia.svc", "80", "kept out"),
        ("watcher", "nats", "8222", "kept out"),
        ("git-committer", "git.forge.svc", "3000", "reached"),
        ("oidc-registrar", "authelia.authelia.svc", "80", "reached"),
        ("nats-bootstrap", "kubernetes.default.svc", "443", "kept out"),
    ],
)
def test_a_pod_reaches_whom_a_policy_names(
    installed: Installation, name: str, host: str, port: str, what: str
) -> None:
    status, said = python(installed, name, _CONNECT, host, port)
    # A name that is not known would be kept out too.
    assert (status == 0) == (what == "reached"), said
    assert what == "reached" or "ConnectionRefused" in said or "TimeoutError" in said


def test_the_doctor_finds_nothing(installed: Installation) -> None:
    with forwarded(installed, "nats-0", 4222) as port:
        for arguments in (("doctor",), ("doctor", "--app", "my-app"), ("status",)):
            done = app_platform(installed.env | operator(installed, port), *arguments)
            assert done.returncode == 0, done.stdout + done.stderr


def operator(installed: Installation, port: int) -> dict[str, str]:
    """How a person with the command `app-platform` reaches NATS."""
    return {
        "NATS_URL": f"nats://127.0.0.1:{port}",
        "NATS_READER_NKEY": str(installed.work / "nats-keys" / f"{READER}.nk"),
    }


@contextmanager
def forwarded(installed: Installation, pod: str, port: int) -> Iterator[int]:
    """A port of this machine that leads to a pod's."""
    command = ["kubectl", "-n", SYSTEM, "port-forward", f"pod/{pod}", f":{port}"]
    with Popen(command, env=installed.env, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
        finally:
            process.terminate()


def test_pods_that_go_while_secrets_come_lose_none(installed: Installation) -> None:
    names = [f"load-{number}" for number in range(3 * len(PODS))]
    for number, name in enumerate(PODS):
        gone = pods_of(installed, name)[0]["metadata"]["name"]
        installed.kubectl("-n", SYSTEM, "delete", "pod", gone, "--wait=false", "--grace-period=1")
        intend(installed, *names[3 * number : 3 * number + 3])
    until_live(installed, *names)
    installed.ready(SYSTEM)


def test_another_version_comes_and_goes_back(installed: Installation) -> None:
    other = "0.1.1"
    images.load(installed.at, [images.member("watcher", other)])
    installed.kubectl(
        "-n", SYSTEM, "set", "image", "deployment/watcher", f"service={images.reference('watcher', other)}"
    )
    installed.ready(SYSTEM)
    assert used(installed, "watcher") == images.reference("watcher", other)
    intend(installed, "upgraded")
    until_live(installed, "upgraded")
    installed.kubectl("-n", SYSTEM, "rollout", "undo", "deployment/watcher")
    installed.ready(SYSTEM)
    assert used(installed, "watcher") == images.reference("watcher")
    intend(installed, "gone-back")
    until_live(installed, "gone-back")


def used(installed: Installation, name: str) -> str:
    """The image of a Deployment's newest pod."""
    pods = sorted(pods_of(installed, name), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    return str(pods[-1]["spec"]["containers"][0]["image"])


def test_a_version_that_is_not_there_takes_nothing_away(installed: Installation) -> None:
    missing = images.reference("secrets-encryptor", "9.9.9")
    installed.kubectl("-n", SYSTEM, "set", "image", "deployment/secrets-encryptor", f"service={missing}")
    eventually(lambda: len(pods_of(installed, "secrets-encryptor")) == 2, "a pod of that version is tried")
    intend(installed, "meanwhile")
    until_live(installed, "meanwhile")
    installed.kubectl("-n", SYSTEM, "rollout", "undo", "deployment/secrets-encryptor")
    installed.ready(SYSTEM)


def test_one_node_becomes_highly_available(installed: Installation) -> None:
    installed.become_highly_available()
    installed.ready(SYSTEM)
    wanted = {name: 1 if name == "nats-bootstrap" else 2 for name in PODS} | {"nats": 3}
    eventually(lambda: {name: len(pods_of(installed, name)) for name in PODS} == wanted, "old pods are gone")
    assert objects(installed, SYSTEM, "poddisruptionbudgets") != []
    intend(installed, "after-the-change")
    until_live(installed, "after-the-change")
