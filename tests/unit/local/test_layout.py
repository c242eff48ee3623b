"""A state directory of another version is noticed, and its owner told what to do."""

from pathlib import Path

import pytest

from app_platform.local import Platform, StateError
from app_platform.local.layout import LAYOUT, keep_layout
from app_platform.local.paths import StateDir


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir.at(tmp_path / "state")
    made.create()
    return made


def test_a_new_directory_notes_its_layout(state: StateDir) -> None:
    keep_layout(state)
    assert state.layout_file.read_text() == f"{LAYOUT}\n"
    keep_layout(state)


def test_one_that_works_and_was_made_before_layouts_were_noted_is_kept(state: StateDir) -> None:
    state.options_file.write_text('{"cluster": null}\n')
    state.nats_keys.mkdir()
    keep_layout(state)
    assert state.layout_file.exists()


def test_one_from_before_nats_accounts_is_refused_untouched(state: StateDir) -> None:
    state.options_file.write_text('{"cluster": null}\n')
    (state.data / "nats").mkdir()
    before = sorted(state.root.rglob("*"))
    with pytest.raises(StateError, match=rf"layout 1, this one has {LAYOUT}\): `make reset` forgets"):
        Platform(state.root).up()
    assert sorted(state.root.rglob("*")) == before


@pytest.mark.parametrize("noted", ["1", str(LAYOUT + 1), "", "x"])
def test_any_other_layout_is_refused(state: StateDir, noted: str) -> None:
    state.layout_file.write_text(noted)
    with pytest.raises(StateError, match=f"layout {noted}, this one has {LAYOUT}"):
        keep_layout(state)


def test_reset_forgets_a_directory_of_another_layout(state: StateDir) -> None:
    state.options_file.write_text('{"cluster": null}\n')
    Platform(state.root).reset()
    assert not state.root.exists()
