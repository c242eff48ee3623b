"""The demo's own judgement: which lines of a diff changed, and what a failed step says."""

import io

import pytest

from app_platform.local.demo import DemoError, Report, steps
from app_platform.local.demo.repository import keys_of_lines

DIFF = """\
--- a/secrets/a-dev/database.yaml
+++ b/secrets/a-dev/database.yaml
@@ -10 +10,2 @@ data:
-    password: ENC[AES256_GCM,data:one,type:str]
+    api-token: ENC[AES256_GCM,data:two,type:str]
+    password: ENC[AES256_GCM,data:three,type:str]
@@ -27,2 +28,2 @@ sops:
-    lastmodified: "2026-01-01T00:00:00Z"
-    mac: ENC[AES256_GCM,data:four,type:str]
+    lastmodified: "2026-01-01T00:00:01Z"
+    mac: ENC[AES256_GCM,data:five,type:str]
"""


def test_changed_keys_leave_out_what_sops_always_writes() -> None:
    assert keys_of_lines(DIFF) == ({"password"}, {"password", "api-token"})


def test_a_line_that_was_only_removed_is_seen() -> None:
    assert keys_of_lines("@@ -1 +0,0 @@\n-    username: ENC[x]\n") == ({"username"}, set())


def test_a_step_prints_its_title_what_was_seen_and_times() -> None:
    out, times = io.StringIO(), iter([0.0, 1.0, 2.5, 3.0])
    report = Report(out, lambda: next(times))
    with report.step(2, "The platform works"):
        report.seen("it does")
    assert out.getvalue() == "\n2  The platform works\n     1.5 s  it does\n     2.0 s  done\n"


def test_a_failed_step_is_named_and_not_called_done() -> None:
    out = io.StringIO()
    report = Report(out)
    expected = pytest.raises(DemoError, match=r"^step 3 \(A secret is created\): no file in Git$")
    with expected, report.step(3, "A secret is created"):
        raise DemoError("no file in Git")
    assert "done" not in out.getvalue()


def test_every_step_has_a_title_of_its_own() -> None:
    titles = [title for title, _ in steps()]
    assert len(set(titles)) == len(titles)
