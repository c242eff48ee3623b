"""``make bench``: the figures of the platform, as ratios measured side by side in one run.

Prints a table and writes ``.local/bench.json``. Figures are of this machine and this run; the ratios are what to compare.
``BENCH_SECRETS`` and ``BENCH_APPS`` (default 1000 each) set how many intents and apps, ``BENCH_WATCHERS`` (2) by how many
replicas of watcher these are watched.
"""

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from app_platform.local.options import Options
from app_platform.local.platform import Platform
from bench import baseline, costs, github, kubeseal, many_apps, pages, pipeline, sops_files

RESULT: Final = Path(".local/bench.json")
_NOTICED: Final = 0.0001
"""Seconds of CPU, of which less is not shown."""


@dataclass(frozen=True)
class Row:
    """One figure and what to hold it against.

    Attributes:
        bound: What limits it.
    """

    what: str
    figure: str
    wanted: str
    met: bool
    bound: str


def main() -> int:
    """Run all; returns 1 when a wanted ratio was not reached."""
    count = int(os.environ.get("BENCH_SECRETS", "1000"))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        platform = Platform(
            Path(folder), Options(with_caller=True), report=lambda line: print(line, file=sys.stderr)
        )
        platform.up()
        try:
            rows = measure(platform, count, Path(folder))
        finally:
            platform.down()
    with tempfile.TemporaryDirectory(prefix="bench-apps-") as folder:
        apps = int(os.environ.get("BENCH_APPS", "1000"))
        watchers = int(os.environ.get("BENCH_WATCHERS", "2"))
        say(f"{apps} apps, watched by {watchers} replicas")
        rows += of_many_apps(apps, watchers, many_apps.measure(Path(folder), apps, watchers))
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        say(f"pages of the dashboard, {apps} rows")
        rows += of_pages(apps, pages.measure(Path(folder), apps))
    with tempfile.TemporaryDirectory(prefix="bench-costs-") as folder:
        say("what a secret, a round and being there cost, with 50 apps")
        rows += of_costs(costs.measure(Path(folder), 50))
    show(rows)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    print(f"written: {RESULT}")
    return 0 if all(row.met for row in rows) else 1


def measure(platform: Platform, count: int, folder: Path) -> list[Row]:
    """Run the benches one after the other."""
    say("libs/sops against the sops program, per file")
    ours, theirs = sops_files.compare(platform.env)
    say("and against kubeseal, per Secret")
    sealed = kubeseal.seconds()
    say("one intent on an idle platform, 30 times")
    idle = asyncio.run(pipeline.idle(platform.env, 30))
    say(f"{count} intents, two targets each")
    bulk = asyncio.run(pipeline.bulk(platform.env, count))
    memory = pipeline.peak_memory(platform.control)
    say(f"the API server's part of that alone: {count} Secrets created and marked twice")
    floor = asyncio.run(pipeline.floor(platform.env, count))
    say(f"the same {count} secrets by a shell loop of sops and git")
    loop = baseline.shell_loop(platform.env, count, folder / "loop")
    say(f"{count} secrets over an emulated GitHub, under GitHub's limits")
    hub, one_by_one = github.compare(count)
    return [
        Row(
            f"{count} intents x 2 targets, created to Committed",
            f"{bulk.seconds:.1f} s against {loop:.1f} s: {loop / bulk.seconds:.1f} times faster",
            "20 times",
            loop / bulk.seconds >= 20,
            f"CPU: {os.cpu_count()} cores shared by kube-apiserver, etcd, four services and the creator",
        ),
        Row(
            "of which the API server's writes alone",
            f"{floor:.1f} s: {loop / floor:.1f} times faster than the loop, with nothing else done",
            "-",
            met=True,
            bound="three writes an intent; the loop has none",
        ),
        Row(
            "commits for them",
            str(bulk.commits),
            "at most 30",
            bulk.commits <= 30,
            "one commit while the next batch gathers",
        ),
        Row(
            "one intent: created to Committed",
            f"median {idle.committed_median * 1000:.0f} ms, worst {idle.committed_worst * 1000:.0f} ms",
            "-",
            met=True,
            bound="five git processes for a fetch, a commit and a push",
        ),
        Row(
            "one intent: created to live in both namespaces",
            f"median {idle.live_median:.2f} s, worst {idle.live_worst:.2f} s",
            "-",
            met=True,
            bound="fetch by the source-controller stand-in, then kustomize-controller's build and apply",
        ),
        Row(
            "encrypting one file, libs/sops against sops",
            f"{ours * 1000:.2f} ms against {theirs * 1000:.1f} ms: {theirs / ours:.0f} times faster",
            "30 times",
            theirs / ours >= 30,
            "ours: rendering YAML; sops: starting a process",
        ),
        Row(
            "encrypting one Secret, libs/sops against kubeseal",
            f"{ours * 1000:.2f} ms against {sealed * 1000:.1f} ms: {sealed / ours:.0f} times faster",
            "10 times",
            sealed / ours >= 10,
            "ours: rendering YAML; kubeseal: starting a process",
        ),
        Row(
            f"{count} secrets x 2 targets committed to GitHub",
            f"{hub.writes} writes, {hub.requests} requests, {hub.seconds:.1f} s without the network",
            "at most 30 writes",
            hub.writes <= 30,
            "batches of 250: a tree, a commit and a reference each",
        ),
        Row(
            "the same with PyGithub as it comes, a commit per file",
            f"{one_by_one.writes} writes, {one_by_one.seconds / 3600:.1f} h, computed from {one_by_one.sample} secrets",
            "-",
            met=True,
            bound="GitHub's 500 content writes an hour",
        ),
        *(
            Row(
                f"peak memory of {name}",
                f"{mebibytes:.0f} MiB",
                "under 128 MiB",
                mebibytes < 128,
                "imported libraries, and one batch in hand",
            )
            for name, mebibytes in memory.items()
        ),
    ]


def of_many_apps(count: int, watchers: int, found: many_apps.ManyApps) -> list[Row]:
    """The figures of many apps."""
    return [
        Row(
            f"{count} apps registered, until their namespaces are ready",
            f"{found.registering:.0f} s, {count / found.registering:.0f} a second",
            "-",
            met=True,
            bound="some 25 writes an app to the API server",
        ),
        Row(
            f"a change in one of {count} apps, until it is told",
            f"median {found.among_many * 1000:.0f} ms, worst {found.worst * 1000:.0f} ms; "
            f"{found.among_many / found.alone:.1f} times as long as with one app",
            "at most 5 times as long",
            found.among_many / found.alone <= 5,
            "one watch per platform namespace and app; JetStream's write to disk",
        ),
        Row(
            f"connections of one of {watchers} replicas of watcher",
            str(found.connections),
            "-",
            met=True,
            bound="HTTP/1.1: a connection for each watch",
        ),
        *(
            Row(
                f"peak memory of {name} with {count} apps",
                f"{mebibytes:.0f} MiB",
                "under 256 MiB",
                mebibytes < 256,
                "each watch: a connection, its buffers and what is known of its secrets",
            )
            for name, mebibytes in found.memory.items()
        ),
    ]


def of_pages(count: int, found: pages.Pages) -> list[Row]:
    """The figures of the dashboard's pages."""
    figures = {
        "App Registrations": found.registrations,
        "Secrets": found.secrets,
        "OIDC clients": found.clients,
        "Timeline (5,000 events)": found.timeline,
    }
    return [
        Row(
            f"page {name} with {count} rows, in the server",
            f"median {each.seconds * 1000:.0f} ms; {each.seconds / each.alone:.1f} times the API server's list alone; "
            f"{each.kib:.0f} KiB, {each.elements} elements",
            "at most 3 times",
            each.seconds / each.alone <= 3,
            "the list from the API server, whole at each request",
        )
        for name, each in figures.items()
    ]


def of_costs(found: costs.Costs) -> list[Row]:
    """What work costs: figures to size by, without a wish."""
    what = {
        "one secret, created with others until it is committed": found.secret,
        f"one app in a round, with {found.secrets} secrets that did not change": found.look,
        "one app in an hour without a round and a change": found.app,
        "an hour without any app": found.platform,
    }
    return [
        Row(f"CPU for {label}", _spent(spent), "-", met=True, bound="see docs/sizing.md")
        for label, spent in what.items()
    ]


def _spent(spent: costs.Spent) -> str:
    most_first = sorted(spent.cpu.items(), key=lambda each: -each[1])
    parts = [f"{name} {cpu * 1000:.1f} ms" for name, cpu in most_first if cpu >= _NOTICED]
    return ", ".join((*parts, f"{spent.stored:.0f} bytes of history"))


def say(text: str) -> None:
    """Tell what is being done."""
    print(f"… {text}", file=sys.stderr, flush=True)


def show(rows: list[Row]) -> None:
    """Print the table."""
    width = max(len(row.what) for row in rows)
    for row in rows:
        mark = "ok  " if row.met else "MISS"
        print(f"{mark} {row.what:<{width}}  {row.figure}  (wanted: {row.wanted}; bounded by {row.bound})")


if __name__ == "__main__":
    sys.exit(main())
