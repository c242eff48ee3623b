"""`app-platform doctor` and `status` on a cluster where no service runs, and where nothing answers."""

import json
from pathlib import Path

import pytest

from app_platform.contracts import SecretRemoved
from app_platform.kube import ClusterConfig, KubeClient
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Platform
from app_platform.runtime import RuntimeSettings, streams
from app_platform.runtime.connection import connected
from app_platform.runtime.publish import Publisher
from app_platform.runtime.streams import ensure_consumer, ensure_streams
from support.cli import app_platform
from support.nats import NatsServer

APP = "doctored"


@pytest.fixture
async def registered(kubeconfig: Path) -> str:
    async with KubeClient(ClusterConfig.load({"KUBECONFIG": str(kubeconfig)})) as client:
        spec = {"namespaces": [f"{APP}-dev"], "access": [{"group": "team", "role": "reader"}]}
        await client.apply(REGISTRATIONS, REGISTRATIONS.manifest(APP, spec=spec), field_manager="test")
    return APP


def environment(platform: Platform) -> dict[str, str]:
    return {name: platform.env[name] for name in ("KUBECONFIG", "NATS_URL", "NATS_READER_NKEY")}


def test_it_says_what_is_wrong_and_what_to_do(platform: Platform, registered: str) -> None:
    done = app_platform(environment(platform), "doctor", "--app", registered)
    assert done.returncode == 3, done.stderr
    assert "problem  The platform namespace exists: namespace doctored-platform does not exist" in done.stdout
    assert "→ Check that the platform namespace (doctored-platform) exists" in done.stdout
    assert "\nok " not in done.stdout
    assert "\x1b" not in done.stdout, "no colours into a pipe"


def test_for_pipes_each_finding_is_a_line(platform: Platform, registered: str) -> None:
    for option in ("--json", "-ojson"):
        done = app_platform(environment(platform), "doctor", "--app", registered, option)
        assert done.returncode == 3
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert found[0] == {
            "check": "registered",
            "title": "The app is registered",
            "state": "ok",
            "detail": "registered with 1 namespaces",
            "advice": "",
            "about": {"kind": "AppPlatformRegistration", "name": "doctored", "namespace": ""},
        }


def test_no_service_runs_here_and_it_says_so(platform: Platform) -> None:
    done = app_platform(environment(platform), "doctor")
    assert done.returncode == 3
    assert "no replica of watcher is alive" in done.stdout
    assert "no replica of secrets-encryptor asks for events" in done.stdout


async def test_a_service_that_was_killed_with_events_in_hand_is_a_problem(
    platform: Platform, nats_server: NatsServer
) -> None:
    settings = RuntimeSettings(nats_url=nats_server.url)
    async with connected(settings, "git-committer") as client:
        js = client.jetstream()
        await ensure_streams(js, settings)
        await ensure_consumer(js, "git-committer", [SecretRemoved], settings)
        event = SecretRemoved(app=APP, name="database", uid="u", resource_version="1")
        await Publisher(js, "secrets-encryptor", settings).publish(event)
        await (await js.pull_subscribe_bind("git-committer", streams.EVENTS)).fetch(1)
    done = app_platform({**environment(platform), "NATS_URL": nats_server.url}, "doctor")
    assert done.returncode == 3, done.stderr
    told = "no replica of git-committer asks for events; 0 events wait, 1 are in hand"
    assert f"problem  Every service takes events: {told}" in done.stdout


def test_without_nats_url_the_rest_is_looked_at(platform: Platform, registered: str) -> None:
    done = app_platform({"KUBECONFIG": platform.env["KUBECONFIG"]}, "doctor", "--app", registered)
    assert (
        "unknown  Every service takes events: nothing is known of the event store here: set NATS_URL"
        in done.stdout
    )
    assert "problem  The platform namespace exists" in done.stdout


def test_nats_that_does_not_answer_is_a_finding(platform: Platform) -> None:
    away = {"KUBECONFIG": platform.env["KUBECONFIG"], "NATS_URL": "nats://user:hunter2@127.0.0.1:1"}
    done = app_platform(away, "doctor")
    assert done.returncode == 3
    assert "problem  The event store answers: NATS at 127.0.0.1:1 does not serve" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_a_group_that_is_not_named_is_told(platform: Platform, registered: str) -> None:
    done = app_platform(environment(platform), "doctor", "--app", registered, "--as-group", "teams")
    assert done.returncode == 3
    assert (
        "none of the groups (teams) is among those of spec.access (team). Did you mean team?" in done.stdout
    )


def test_a_user_without_groups_is_no_problem_for_that(platform: Platform, registered: str) -> None:
    done = app_platform(
        environment(platform), "doctor", "--app", registered, "--as-user", "oidc:ada", "--json"
    )
    found = {each["check"]: each["state"] for each in map(json.loads, done.stdout.splitlines())}
    assert (found["groups"], found["rights"]) == ("skipped", "unknown")


def test_status_lists_the_apps(platform: Platform, registered: str) -> None:
    done = app_platform(environment(platform), "status")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith(f"{registered} "))
    assert row.split()[:8] == [registered, "Unknown", "-", "1", "0", "0", "-", "0"]
    found = json.loads(app_platform(environment(platform), "status", "--json").stdout)
    assert list(found) == ["apps", "services", "dead_letters", "error"]
    assert next(app for app in found["apps"] if app["name"] == registered)["secrets"] == 0


def test_status_of_an_app_that_is_not_there(platform: Platform) -> None:
    done = app_platform(environment(platform), "status", "--app", "nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "app-platform: there is no app 'nowhere': see `app-platform status`\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--secret", "a"),
        ("--app", "a", "--secret", "b", "--client", "c"),
        ("--app", "a", "--flux", "Deployment/x"),
        ("--app", "a", "--flux", "Kustomization/"),
        ("--as-group", "g"),
        ("--app", "a", "--as-user", "ada"),
        ("--app", "a", "--as-user", "oidc:"),
        ("--app", "a", "--as-user", "system:admin"),
    ],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...]) -> None:
    done = app_platform({"KUBECONFIG": "/nowhere"}, "doctor", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["doctor", "status"])
def test_without_a_cluster_one_line_says_what_to_set(command: str, nats_server: NatsServer) -> None:
    done = app_platform({"NATS_URL": nats_server.url}, command)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == "app-platform: no cluster: set KUBECONFIG to a kubeconfig file, or run inside Kubernetes\n"
    )
