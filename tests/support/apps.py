"""Apps on a whole platform: written to as users do, and compared with what was written.

Values are canaries: each begins with `CANARY`, and a password ends with a number that only ever grows, so that a lost or
repeated write shows in the history of a file.
"""

import base64
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app_platform import sops
from app_platform.contracts import names
from app_platform.kube import (
    GIT_REPOSITORIES,
    KUSTOMIZATIONS,
    SECRETS,
    AlreadyExists,
    Conflict,
    KubeClient,
    NotFound,
    Object,
    Resource,
    Selector,
)
from app_platform.kube.registrations import REGISTRATIONS
from app_platform.local import Platform
from support.cluster import Cluster
from support.gitrepo import run_git

CANARY = "c4n4ry-v4lu3"
INTENTS = Selector(labels=f"{names.SECRET_INTENT_LABEL}=true")
DELIVERED = Selector(labels=names.SECRET_NAME_LABEL)
PATIENCE = 120.0

_numbers = itertools.count(1)

Values = dict[str, str]


@dataclass(frozen=True)
class Wanted:
    """What a secret should hold, and where."""

    values: Values
    targets: tuple[str, ...]


class App:
    """One app: registration, intents, repository, what is live.

    Args:
        platform: where it is.
        cluster: its API server.
        name: of the app.
    """

    def __init__(self, platform: Platform, cluster: Cluster, name: str) -> None:
        self.platform, self.cluster, self.name = platform, cluster, name
        self.home = names.platform_namespace(name)
        self.dev, self.prod = f"{name}-dev", f"{name}-prod"
        self.wanted: dict[str, Wanted] = {}
        self.writes: dict[str, int] = {}

    # The registration

    def register(self, namespaces: Sequence[str] = (), access: Sequence[Mapping[str, str]] = ()) -> None:
        """Create or change the registration; its namespaces are dev and prod unless given."""
        spec = {"namespaces": list(namespaces or (self.dev, self.prod)), "access": list(access)}
        manifest = REGISTRATIONS.manifest(self.name, spec=spec)
        self.cluster.do(
            lambda client: client.apply(REGISTRATIONS, manifest, field_manager="test", force=True)
        )

    def unregister(self) -> None:
        """Delete the registration that is there, and no later one of its name; returns at once."""
        found = self.registration()
        if found:
            self.cluster.do(
                lambda client: _delete(client, REGISTRATIONS, self.name, uid=found["metadata"]["uid"])
            )

    def registration(self) -> Object | None:
        """The registration now."""
        return self.cluster.do(lambda client: client.find(REGISTRATIONS, self.name))

    def condition(self, kind: str) -> Mapping[str, Any]:
        """One of its conditions; empty when it is not there."""
        return condition(self.registration(), kind)

    def until_ready(self) -> None:
        """Wait until the platform says that it has done all that is asked for now."""
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if time.monotonic() > deadline:
                status = (self.registration() or {}).get("status")
                pytest.fail(f"{self.name} not Ready within {PATIENCE:.0f} s: {status}; {self._flux()}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        found = self.registration() or {"metadata": {}, "status": {}}
        settled = found.get("status", {}).get("observedGeneration") == found["metadata"].get("generation")
        return settled and condition(found, "Ready").get("status") == "True"

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Any:
        """An object now; none when there is no such object."""
        return self.cluster.do(lambda client: client.find(resource, name, namespace))

    # Writing intents

    def create(self, name: str, targets: Sequence[str] = (), **more: str) -> None:
        """Create an intent with fresh values; for dev and prod unless told otherwise."""
        values = {"constant": f"{CANARY}-{name}", "password": _password(), **more}
        self.create_raw(name, ",".join(targets or (self.dev, self.prod)), values)
        self._wrote(name, Wanted(values, tuple(targets or (self.dev, self.prod))))

    def create_raw(self, name: str, targets: str | None, values: Values) -> None:
        """Create an intent that need not be right, once a former one of its name has gone."""
        manifest = SECRETS.manifest(name, self.home, stringData=values)
        manifest["metadata"]["labels"] = {names.SECRET_INTENT_LABEL: "true"}
        manifest["metadata"]["annotations"] = {} if targets is None else {names.TARGET_NAMESPACES: targets}
        deadline = time.monotonic() + PATIENCE
        while not self.cluster.do(lambda client: _create(client, manifest)):
            assert time.monotonic() < deadline, f"the former {name} never goes"
            time.sleep(0.1)

    def ask_for_client(self, name: str, values: Values) -> None:
        """Create a Secret that asks for an OIDC client and need not be right."""
        manifest = SECRETS.manifest(name, self.home, stringData=values)
        labels = {names.OIDC_CLIENT_LABEL: f"{self.name}-{name}", names.APP_LABEL: self.name}
        manifest["metadata"]["labels"] = labels
        self.cluster.do(lambda client: client.create(SECRETS, manifest, metadata_only=True))

    def update(self, name: str) -> None:
        """Change the password."""
        before = self.wanted[name]
        values = {**before.values, "password": _password()}
        self.patch(name, {"stringData": {"password": values["password"]}})
        self._wrote(name, Wanted(values, before.targets))

    def retarget(self, name: str, *targets: str) -> None:
        """Change the targets."""
        self.patch(name, {"metadata": {"annotations": {names.TARGET_NAMESPACES: ",".join(targets)}}})
        self._wrote(name, Wanted(self.wanted[name].values, targets))

    def delete(self, name: str) -> None:
        """Delete an intent; returns at once."""
        self.cluster.do(lambda client: _delete(client, SECRETS, name, self.home))
        self._wrote(name, None)

    def patch(self, name: str, change: Mapping[str, Any]) -> None:
        """Merge a change into an intent."""
        self.cluster.do(
            lambda client: client.merge_patch(SECRETS, name, self.home, change, metadata_only=True)
        )

    def _wrote(self, name: str, wanted: Wanted | None) -> None:
        self.writes[name] = self.writes.get(name, 0) + 1
        if wanted:
            self.wanted[name] = wanted
        else:
            self.wanted.pop(name, None)

    # What became of it

    def intents(self) -> dict[str, Any]:
        """The metadata of every intent by name."""
        listed = self.cluster.do(lambda client: client.list(SECRETS, self.home, INTENTS, metadata_only=True))
        return {item["metadata"]["name"]: item["metadata"] for item in listed}

    def annotation(self, name: str, annotation: str) -> str:
        """An annotation of an intent, empty when it is not there."""
        return str(self.intents().get(name, {}).get("annotations", {}).get(annotation, ""))

    def status(self, name: str) -> str:
        """The status of an intent."""
        return self.annotation(name, names.SECRET_STATUS)

    def live(self, namespace: str) -> dict[str, Values]:
        """What is delivered to a namespace: values by name."""
        listed = self.cluster.do(lambda client: client.list(SECRETS, namespace, DELIVERED))
        return {item["metadata"]["name"]: _decoded(item["data"]) for item in listed}

    @property
    def repository(self) -> Path:
        """The bare repository, as the Git server has it."""
        return self.platform.state.data / "git" / "apps" / f"{self.home}.git"

    def git(self, *arguments: str) -> str:
        """Output of a git command in the bare repository."""
        done = run_git(*arguments, folder=self.repository)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def head(self) -> str:
        """The head of the branch."""
        return self.git("rev-parse", names.BRANCH).strip()

    def files(self) -> dict[str, str]:
        """Content of every SOPS file by path."""
        head = self.head()  # one commit: the branch may move between two commands
        listed = self.git("ls-tree", "-r", "--name-only", head, "secrets/").split()
        return {path: self.content(head, path) for path in listed if path.endswith(".yaml")}

    def content(self, commit: str, path: str) -> str:
        """Content of a file in a commit."""
        return self.git("show", f"{commit}:{path}")

    def age_key(self) -> str:
        """The app's age key file."""
        return _decoded(self.find(SECRETS, names.AGE_KEY_SECRET, self.home)["data"])[names.AGE_KEY_ENTRY]

    def decrypt(self, text: str, key: str) -> Values:
        """The values in a SOPS file."""
        return _decoded(sops.decrypt(text, sops.parse_identities(key))["data"])

    def refetch(self) -> None:
        """Have Flux fetch the platform repository, as its interval would within a minute."""
        note = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": str(next(_numbers))}}}
        self.cluster.do(lambda client: client.merge_patch(GIT_REPOSITORIES, self.home, self.home, note))

    def settle(self, within: float = PATIENCE) -> None:
        """Wait until all is as it was last written: intents Committed, Git and live Secrets right, the deleted gone."""
        deadline = time.monotonic() + within
        while problem := self.problem():
            if time.monotonic() > deadline:
                pytest.fail(f"{self.name} not as written within {within:.0f} s: {problem}; {self._flux()}")
            time.sleep(0.1)

    def problem(self) -> str:
        """What is not yet as it was written; empty when all is."""
        intents = self.intents()
        if intents.keys() != self.wanted.keys():
            return f"intents: {sorted(intents.keys() ^ self.wanted.keys())} are there or missing"
        for name, metadata in intents.items():
            annotations = metadata.get("annotations", {})
            if annotations.get(names.SECRET_STATUS) != "Committed":
                return (
                    f"{name}: {annotations.get(names.SECRET_STATUS)} {annotations.get(names.SECRET_MESSAGE)}"
                )
        return self._git_problem() or self._live_problem()

    def _git_problem(self) -> str:
        key, files = self.age_key(), self.files()
        wanted = {
            names.secret_path(target, name): each.values
            for name, each in self.wanted.items()
            for target in each.targets
        }
        if files.keys() != wanted.keys():
            return f"Git: {sorted(files.keys() ^ wanted.keys())} are there or missing"
        wrong = [path for path, text in files.items() if not self._holds(text, key, wanted[path])]
        return f"Git: {sorted(wrong)} hold other values" if wrong else ""

    def _holds(self, text: str, key: str, values: Values) -> bool:
        try:
            return self.decrypt(text, key) == values
        except sops.SopsError:  # somebody else wrote it
            return False

    def _live_problem(self) -> str:
        for namespace in (self.dev, self.prod):
            wanted = {name: each.values for name, each in self.wanted.items() if namespace in each.targets}
            live = self.live(namespace)
            wrong = sorted(name for name in live.keys() | wanted.keys() if live.get(name) != wanted.get(name))
            if wrong:
                how = {name: _how_wrong(name in live, name in wanted) for name in wrong}
                return f"live in {namespace}: {how}"
        return ""

    def _flux(self) -> str:
        """How far Flux says it is, for who reads of a failure."""
        source, applied = (
            self.find(kind, self.home, self.home) or {} for kind in (GIT_REPOSITORIES, KUSTOMIZATIONS)
        )
        fetched = (source.get("status") or {}).get("artifact", {}).get("revision")
        status = applied.get("status") or {}
        entries = sorted(each["id"] for each in (status.get("inventory") or {}).get("entries") or ())
        return (
            f"head {self.head()}, fetched {fetched}, applied {status.get('lastAppliedRevision')}, "
            f"{dict(condition(source, 'Ready'))}, {dict(condition(applied, 'Ready'))}, inventory {entries}"
        )

    # What must hold of the history, however it came about

    def check_history(self) -> None:
        """No empty commit, no merge, no write twice, nothing old over something new."""
        for line in self.git("log", "--format=%T %P", names.BRANCH).splitlines():
            tree, *parents = line.split()
            assert len(parents) <= 1, "a merge"
            assert all(self.git("rev-parse", f"{parent}^{{tree}}").strip() != tree for parent in parents), (
                "an empty commit"
            )
        key = self.age_key()
        for path in set(
            self.git("log", "--format=", "--name-only", names.BRANCH, "--", "secrets/*/").split()
        ):
            self._check_file(path, key)

    def _check_file(self, path: str, key: str) -> None:
        parsed = names.parse_secret_path(path)
        assert parsed, f"{path} is no file of ours"
        commits = self.git("log", "--reverse", "--format=%H", names.BRANCH, "--", path).split()
        assert len(commits) <= self.writes[parsed[1]], f"{path} was committed more often than it was written"
        numbers = [number for commit in commits if (number := self._number_in(commit, path, key))]
        assert numbers == sorted(numbers), f"{path} went back to an older value: {numbers}"

    def _number_in(self, commit: str, path: str, key: str) -> int | None:
        if not self.git("ls-tree", commit, path):
            return None
        return int(self.decrypt(self.content(commit, path), key)["password"].rpartition("-")[2])


def condition(obj: Any, kind: str) -> Mapping[str, Any]:
    """A condition of any object; empty when it is not there."""
    found: list[Mapping[str, Any]] = ((obj or {}).get("status") or {}).get("conditions", [])
    return next((each for each in found if each["type"] == kind), {})


@pytest.fixture(scope="session")
def cluster(whole_platform: Platform) -> Iterator[Cluster]:
    """The API server of the whole platform."""
    opened = Cluster(Path(whole_platform.env["KUBECONFIG"]))
    yield opened
    opened.close()


@pytest.fixture
def app(whole_platform: Platform, cluster: Cluster) -> Iterator[App]:
    """A registered app of the test's own, ready; taken off afterwards, as Flux fetches each one every minute."""
    made = App(whole_platform, cluster, f"app-{next(_numbers)}")
    made.register()
    made.until_ready()
    yield made
    made.unregister()


@pytest.fixture
def other(whole_platform: Platform, cluster: Cluster) -> Iterator[App]:
    """One more."""
    made = App(whole_platform, cluster, f"other-{next(_numbers)}")
    made.register()
    made.until_ready()
    yield made
    made.unregister()


def _how_wrong(is_live: bool, is_wanted: bool) -> str:  # noqa: FBT001 - private, one caller
    return "is to be gone" if not is_wanted else "has other values" if is_live else "is missing"


async def _create(client: KubeClient, manifest: Object) -> bool:
    """Create; false when a former object of that name is still going."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    try:
        await client.create(SECRETS, manifest, metadata_only=True)
    except AlreadyExists:
        found = await client.find(SECRETS, name, namespace, metadata_only=True)
        # One that is not going is ours: the answer to an earlier try was lost.
        return bool(found and "deletionTimestamp" not in found["metadata"])
    return True


async def _delete(
    client: KubeClient, resource: Resource, name: str, namespace: str | None = None, uid: str | None = None
) -> None:
    try:
        await client.delete(resource, name, namespace, uid=uid)
    except (NotFound, Conflict):
        return  # the answer to an earlier try was lost


def _password() -> str:
    return f"{CANARY}-{next(_numbers)}"


def _decoded(data: Mapping[str, str]) -> Values:
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
