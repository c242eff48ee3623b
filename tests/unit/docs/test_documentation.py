"""What the pages name exists: make targets, commands with their options, variables, labels; and their examples are right."""

import re
from typing import Any

import pytest
import typer
import yaml
from settings_page import settings_classes, variables
from typer.core import TyperGroup

from app_platform.cli.__main__ import app
from app_platform.contracts import Registration, names
from app_platform.dashboard.pages.sidebar import PAGES
from app_platform.runtime import RuntimeSettings
from app_platform.runtime.settings import SECRETS_DIR
from support.documents import ROOT, Block, blocks, inline_code, pages, prose, shell_commands

SERVICES = sorted(folder.name for folder in (ROOT / "services").iterdir())
Command = Any
"""Typer has its own copy of Click, without public types."""
OTHER_VARIABLES = {"APP_PLATFORM_TOOL_", SECRETS_DIR}
"""Of the local platform, where the program's name follows; and the one that says where settings are."""
OTHER_NAMES = {
    "v1alpha1": "the version in apiVersion",
    "looked-at": "an example of an annotation without a meaning",
}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def known_names() -> set[str]:
    values = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    ours = {value.removeprefix(f"{names.GROUP}/") for value in values if value.startswith(f"{names.GROUP}/")}
    return ours | set(SERVICES) | OTHER_NAMES.keys()


def command_of(words: list[str]) -> tuple[Command, typer.Context, list[str]]:
    """The command that words lead to, and what is left for it."""
    command: Command = typer.main.get_command(app)
    context = typer.Context(command, info_name="app-platform")
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        name, command, words = command.resolve_command(context, words)
        context = typer.Context(command, info_name=name, parent=context)
    return command, context, words


def test_make_targets_exist() -> None:
    written = [(page, words[0]) for page, words in shell_commands("make") if words]
    written += [(page, code.split()[1]) for page, code in inline_code() if code.startswith("make ")]
    assert len(written) > 20
    assert [each for each in written if each[1] not in make_targets()] == []


@pytest.mark.parametrize(("page", "words"), list(shell_commands("app-platform")))
def test_commands_in_blocks_can_be_run_as_written(page: str, words: list[str]) -> None:
    command, context, left = command_of(words)
    assert not isinstance(command, TyperGroup), (
        f"{page}: app-platform {' '.join(words)} is not a whole command"
    )
    command.parse_args(context, left)


def test_commands_in_sentences_exist_with_their_options() -> None:
    written = [(page, code.split()[1:]) for page, code in inline_code() if code.startswith("app-platform ")]
    assert written
    for page, words in written:
        command, _, left = command_of([word for word in words if word != "…"])
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in left if word.startswith("-")} <= known, f"{page}: {' '.join(words)}"


def test_variables_are_settings_of_a_service() -> None:
    known = {
        variable for service in SERVICES for each in settings_classes(service) for variable in variables(each)
    }
    known |= variables(RuntimeSettings).keys() | OTHER_VARIABLES
    wrong = {
        f"{page}: {variable}"
        for page, text in pages().items()
        for variable in re.findall(r"APP_PLATFORM_[A-Z0-9_]+", text)
        if variable not in known
    }
    assert wrong == set()


def test_labels_and_annotations_are_the_platforms() -> None:
    wrong = {
        f"{page}: {name}"
        for page, text in pages().items()
        for name in re.findall(r"(?<![\w.])labrats\.work/([a-z][a-z0-9-]*)", text)
        if name not in known_names()
    }
    assert wrong == set()


@pytest.mark.parametrize("block", blocks("yaml"), ids=lambda block: block.page)
def test_examples_are_valid(block: Block) -> None:
    for document in yaml.safe_load_all(block.body):
        if isinstance(document, dict) and document.get("kind") == "AppPlatformRegistration":
            Registration.from_object({**document, "metadata": {"uid": "1", **document["metadata"]}})


def test_files_that_pages_name_exist() -> None:
    folders = ("deploy/", "docs/", "libs/", "services/", "tests/", "scripts/")
    wrong = [
        f"{page}: {code}"
        for page, code in inline_code()
        if code.startswith(folders) and not re.search(r"[…<>*{ ]", code) and not (ROOT / code).exists()
    ]
    assert wrong == []


def test_the_guide_names_every_page_of_the_dashboard_in_its_order() -> None:
    rows = re.findall(r"^\| ([A-Z][\w ]+) \|", pages()["docs/guide/index.md"], re.MULTILINE)
    assert rows == [page.label for page in PAGES]


def test_the_page_about_tests_names_every_helper() -> None:
    text = (ROOT / "tests" / "README.md").read_text()
    assert [
        file.name for file in (ROOT / "tests" / "support").glob("*.py") if f"`{file.name}`" not in text
    ] == []


@pytest.mark.parametrize("page", pages())
def test_a_list_begins_after_an_empty_line(page: str) -> None:
    """Otherwise Markdown's original syntax, which the site has, takes it for the end of the paragraph."""
    lines = prose((ROOT / page).read_text()).splitlines()
    item = re.compile(r"^\s*([-*]|\d+\.) ")
    wrong = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if item.match(line) and before.strip() and not item.match(before) and not before.startswith(" ")
    ]
    assert wrong == []


def test_the_list_of_decisions_is_that_of_the_files() -> None:
    folder = ROOT / "docs" / "adr"
    rows = re.findall(
        r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$", (folder / "README.md").read_text(), re.MULTILINE
    )
    headings = [
        (file.name[:4], file.name, file.read_text().partition("\n")[0])
        for file in sorted(folder.glob("0*.md"))
    ]
    assert [(number, name, f"# {int(number)}. {title}") for number, name, title in rows] == headings
    assert [int(number) for number, *_ in headings] == list(range(1, len(headings) + 1))
