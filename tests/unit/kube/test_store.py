"""What an informer makes of what it sees."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app_platform.kube import Change, Key
from app_platform.kube.store import Store


def obj(name: str, version: int, uid: str = "u", label: str = "") -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "n",
            "name": name,
            "uid": uid,
            "resourceVersion": str(version),
            "label": label,
        }
    }


def store() -> Store[str]:
    return Store(lambda seen: str(seen["metadata"]["label"]))


def kinds(changes: list[Change[str]]) -> list[tuple[str, str, str]]:
    return [(change.type, change.uid, change.value) for change in changes]


def test_an_object_comes_changes_and_goes() -> None:
    objects = store()
    assert kinds(objects.see(obj("a", 1, label="x"))) == [("added", "u", "x")]
    assert objects.see(obj("a", 1, label="x")) == []
    assert kinds(objects.see(obj("a", 2, label="y"))) == [("modified", "u", "y")]
    assert objects.items[Key("n", "a")].value == "y"
    assert kinds(objects.drop(obj("a", 3, label="z"))) == [("deleted", "u", "z")]
    assert objects.drop(obj("a", 3)) == []
    assert not objects.items


def test_a_namesake_is_a_deletion_and_an_addition() -> None:
    objects = store()
    objects.see(obj("a", 1, "old", "x"))
    assert kinds(objects.see(obj("a", 5, "new", "y"))) == [("deleted", "old", "x"), ("added", "new", "y")]
    assert objects.drop(obj("a", 4, "old")) == []
    assert Key("n", "a") in objects.items


def test_what_vanished_is_told_with_its_last_value() -> None:
    objects = store()
    for name in ("a", "b"):
        objects.see(obj(name, 1, label=name))
    (missing,) = objects.missing([Key("n", "b")])
    assert kinds(objects.lose(missing)) == [("deleted", "u", "a")]
    assert objects.lose(missing) == []


EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["u", "v"]), st.booleans()))


@given(EVENTS)
def test_replaying_the_changes_gives_the_same_picture(events: list[tuple[str, str, bool]]) -> None:
    objects, picture = store(), dict[Key, str]()
    for version, (name, uid, exists) in enumerate(events):
        seen = obj(name, version, uid)
        for change in objects.see(seen) if exists else objects.drop(seen):
            if change.type == "deleted":
                assert picture.pop(change.key) == change.uid
            else:
                assert (change.key in picture) == (change.type == "modified")
                picture[change.key] = change.uid
    assert picture == {key: change.uid for key, change in objects.items.items()}
