"""What is counted of registrations and intents."""

from datetime import timedelta

from app_platform.contracts import names
from app_platform.watcher import census
from support.fakes.diagnosis import healthy_registration, intent, oidc_client
from support.samples import NOW


def test_an_intent_waits_since_its_status_was_written() -> None:
    pending = intent(secret_status="Pending")
    fields: dict[str, object] = {"f:metadata": {"f:annotations": {f"f:{names.SECRET_STATUS}": {}}}}
    pending["metadata"]["managedFields"] = [
        {"time": (NOW + timedelta(seconds=100)).isoformat(), "fieldsV1": fields}
    ]
    new = intent("new")
    new["metadata"]["annotations"].clear()
    seen = [census.intent_seen(each) for each in (pending, new, intent("done"))]
    assert dict(census.by_status(seen)) == {"Pending": 1, "New": 1, "Committed": 1}
    assert census.oldest_pending(seen, NOW + timedelta(seconds=130)) == 130.0
    assert census.oldest_pending(seen[:1], NOW + timedelta(seconds=130)) == 30.0
    assert census.oldest_pending(seen[2:], NOW + timedelta(days=1)) == 0.0


def test_an_intent_whose_deletion_hangs_waits_whatever_its_status_was() -> None:
    hanging = intent()
    hanging["metadata"]["deletionTimestamp"] = (NOW + timedelta(seconds=100)).isoformat()
    seen = [census.intent_seen(hanging)]
    assert dict(census.by_status(seen)) == {"Deleting": 1}
    assert census.oldest_pending(seen, NOW + timedelta(seconds=190)) == 90.0


def test_oidc_clients_are_counted_by_the_first_word_of_their_status() -> None:
    failed = oidc_client(status="Failed: key 'hostname' is missing")
    pending, odd, new = oidc_client(status="Pending"), oidc_client(status="my-app's own"), oidc_client()
    new["metadata"]["annotations"].clear()
    new["metadata"]["creationTimestamp"] = NOW.isoformat()
    seen = [census.client_seen(each) for each in (failed, pending, odd, new, oidc_client())]
    counted = {"Failed": 1, "Pending": 1, "Unknown": 1, "New": 1, "Registered": 1}
    assert dict(census.by_status(seen)) == counted
    assert census.oldest_pending(seen[3:], NOW + timedelta(seconds=700)) == 700.0
    assert census.oldest_pending([seen[0], seen[4]], NOW + timedelta(days=1)) == 0.0


def test_registrations_are_counted_by_condition() -> None:
    seen = [census.conditions_seen(healthy_registration()) for _ in range(2)]
    counted = census.by_condition([*seen, ()])
    assert counted[census.ConditionSeen("Ready", "True", "Fine")] == 2
    assert census.NOT_SEEN not in counted


def test_a_registration_that_nobody_looked_at_is_counted_too() -> None:
    new, begun = healthy_registration(), healthy_registration()
    del new["status"]
    begun["status"]["conditions"] = [c for c in begun["status"]["conditions"] if c["type"] == "SyncReady"]
    counted = census.by_condition(census.conditions_seen(each) for each in (new, begun))
    assert counted[census.ConditionSeen("Ready", "Unknown", "NotSeen")] == 2
    assert counted[census.ConditionSeen("SyncReady", "True", "Fine")] == 1
