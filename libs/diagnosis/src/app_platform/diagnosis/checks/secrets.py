"""Checks of secret intents: are they in Git, are they live, and if not, at which stage do they stand and why."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from app_platform.contracts import Delivery, Stage, names, read_deliveries
from app_platform.diagnosis.advice import PENDING_ADVICE, STAGE_ADVICE
from app_platform.diagnosis.facts import AppFacts
from app_platform.diagnosis.findings import Reference, Said, ok, problem, warning
from app_platform.kube import Object
from app_platform.kube.objects import annotations_of, labels_of, made_at, written_at

_SOON: Final = timedelta(seconds=60)
_SHOWN: Final = 10


def all_intents(facts: AppFacts) -> Iterator[Said]:
    """Every secret is committed and live."""
    _ = facts.registration
    wrong = [said for obj in facts.intents.values() for said in _intent(facts, obj) if said.advice]
    total = len(facts.intents)
    concerned = len({said.about for said in wrong})
    yield ok(f"{total - concerned} of {total} secrets are as they should be")
    yield from wrong[:_SHOWN]
    if wrong[_SHOWN:]:
        yield problem(
            f"{len(wrong) - _SHOWN} more are not",
            "See `app-platform status --app`, or Secrets in the dashboard.",
        )


def exists(facts: AppFacts, name: str) -> Iterator[Said]:
    """The secret is there and an intent."""
    _ = facts.registration
    about = Reference("Secret", name, facts.home)
    found = facts.secrets.get(name)
    if found is None:
        yield problem(f"there is no secret {name!r} in {facts.home}", "Create it under Secrets.", about)
    elif labels_of(found).get(names.SECRET_INTENT_LABEL) != "true":
        yield problem(
            f'Secret {name!r} is not labelled {names.SECRET_INTENT_LABEL}: "true", so nothing is done with it',
            "Create it under Secrets, or with that label.",
            about,
        )
    else:
        keys = annotations_of(found).get(names.SECRET_KEYS)
        yield ok(f"it holds the keys {', '.join(keys.split(','))}" if keys else "it is there", about)


def status(facts: AppFacts, name: str) -> Iterator[Said]:
    """The secret is committed."""
    obj = facts.intents.get(name)
    if obj is not None:
        yield _status(facts, obj)


def targets(facts: AppFacts, name: str) -> Iterator[Said]:
    """Its target namespaces are the app's."""
    obj = facts.intents.get(name)
    if obj is not None:
        yield _targets(facts, obj)


def deliveries(facts: AppFacts, name: str) -> Iterator[Said]:
    """It is live in every target namespace."""
    obj = facts.intents.get(name)
    if obj is not None:
        yield from _deliveries(facts, obj)


def _intent(facts: AppFacts, obj: Object) -> Iterator[Said]:
    yield _targets(facts, obj)
    yield _status(facts, obj)
    yield from _deliveries(facts, obj)


def _about(facts: AppFacts, obj: Object) -> Reference:
    return Reference("Secret", obj["metadata"]["name"], facts.home)


def _targets(facts: AppFacts, obj: Object) -> Said:
    wanted = names.listed(annotations_of(obj).get(names.TARGET_NAMESPACES, ""))
    foreign = [name for name in wanted if name not in facts.registration.spec.namespaces]
    if not wanted:
        return problem(
            "it names no target namespace",
            f"Name at least one in the annotation {names.TARGET_NAMESPACES}.",
            _about(facts, obj),
        )
    if foreign:
        return problem(
            f"its target {', '.join(foreign)} is not among the app's namespaces",
            "Add it under Namespaces, or take it off the targets.",
            _about(facts, obj),
        )
    return ok(f"its targets are {', '.join(wanted)}", _about(facts, obj))


def _status(facts: AppFacts, obj: Object) -> Said:
    notes, about = annotations_of(obj), _about(facts, obj)
    if "deletionTimestamp" in obj["metadata"]:
        held = ", ".join(obj["metadata"].get("finalizers") or ()) or "nobody"
        return warning(
            f"it is being deleted; held by {held}",
            "It goes when its files have left Git. " + PENDING_ADVICE,
            about,
        )
    match notes.get(names.SECRET_STATUS):
        case "Committed":
            return ok(f"Committed with {notes.get(names.SECRET_COMMIT, '?')[:12]}", about)
        case "Failed":
            why = notes.get(names.SECRET_MESSAGE, "no reason is given")
            return problem(f"Failed: {why}", "Change what the message says; it heals at once.", about)
        case "Pending":
            return _waiting(facts, obj, "Pending", names.SECRET_STATUS)
        case _:
            return _waiting(facts, obj, "no service has looked at it", "")


def _waiting(facts: AppFacts, obj: Object, what: str, annotation: str) -> Said:
    began = (written_at(obj, annotation) if annotation else None) or made_at(obj)
    age = facts.now - began if began else _SOON
    told = f"{what} for {int(age.total_seconds())} s"
    make = warning if age < _SOON else problem
    return make(told, PENDING_ADVICE, _about(facts, obj))


def _deliveries(facts: AppFacts, obj: Object) -> Iterator[Said]:
    notes = annotations_of(obj)
    if notes.get(names.SECRET_STATUS) != "Committed":
        return
    said: Mapping[str, Delivery] = read_deliveries(notes.get(names.SECRET_DELIVERY))
    for target, delivery in said.items():
        text = f"in {target}: {delivery.stage}" + (f": {delivery.message}" if delivery.message else "")
        if delivery.stage is Stage.APPLIED:
            yield ok(text, _about(facts, obj))
        elif delivery.stage is Stage.WAITING:
            yield _waiting_for_flux(facts, obj, text)
        else:
            yield problem(text, STAGE_ADVICE[delivery.stage], _about(facts, obj))


def _waiting_for_flux(facts: AppFacts, obj: Object, text: str) -> Said:
    began = written_at(obj, names.SECRET_DELIVERY) or facts.now
    if facts.now - began < _SOON:
        return warning(text, "Flux fetches and applies it within a minute.", _about(facts, obj))
    return problem(
        text,
        "Check that Flux runs, and see the GitRepository and the Kustomization of the platform namespace.",
        _about(facts, obj),
    )
