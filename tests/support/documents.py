"""The project's pages as data: code blocks, code in sentences, and the commands in them.

A block is tried (tests/e2e/test_documentation.py) when an HTML comment stands above it: ``<!-- tried -->`` as the platform's
administrator, ``<!-- tried as GROUP -->`` as somebody of that group; with ``, dry run`` at the end the API server checks all and keeps
nothing.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PATTERNS = (
    "*.md",
    "docs/**/*.md",
    "deploy/**/*.md",
    "libs/*/README.md",
    "services/*/README.md",
    "tests/README.md",
    "tests/*/README.md",
)
_FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark>```+)(?P<language>\w*)[^\n]*\n(?P<body>.*?)^ *(?P=mark) *$",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"`([^`\n]+)`")
_HEREDOC = re.compile(r"<<-?'?(\w+)'?.*?^\1$", re.MULTILINE | re.DOTALL)
_TRIED = re.compile(r"<!-- tried(?: as (?P<group>[\w-]+))?(?P<dry>, dry run)? -->")
_ENDS_COMMAND = frozenset(("|", "||", "&&", ";", "&", ">", "…"))


@dataclass(frozen=True)
class Block:
    """A fenced code block of a page.

    Attributes:
        page: its path in the repository.
        language: as the fence says.
        body: what is in it.
        tried: whether it is run on a platform.
        group: in whose name; empty for the administrator.
        dry_run: whether nothing is to come of it.
    """

    page: str
    language: str
    body: str
    tried: bool
    group: str = ""
    dry_run: bool = False


def pages() -> dict[str, str]:
    """Text of every page that is written for people, by its path in the repository."""
    found = sorted({path for pattern in _PATTERNS for path in ROOT.glob(pattern)})
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in found}


def blocks(*languages: str) -> list[Block]:
    """The code blocks in these languages, in the order of the pages."""
    return [
        block
        for page, text in pages().items()
        for block in _blocks(page, text)
        if block.language in languages
    ]


def inline_code() -> list[tuple[str, str]]:
    """``(page, code)`` of every piece of code inside a sentence."""
    return [(page, code) for page, text in pages().items() for code in _INLINE.findall(prose(text))]


def prose(text: str) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", text)


def shell_commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """``(page, arguments)`` of every call of a program in the shell blocks, up to the end of the command."""
    for block in blocks("sh"):
        for line in _lines(block.body):
            for words in _commands(line):
                if Path(words[0]).name == program:
                    yield block.page, words[1:]


def _blocks(page: str, text: str) -> Iterator[Block]:
    for match in _FENCE.finditer(text):
        above = _TRIED.fullmatch(text[: match.start()].rstrip().rpartition("\n")[2].strip())
        what = (page, match["language"], match["body"])
        if above:
            yield Block(*what, tried=True, group=above["group"] or "", dry_run=bool(above["dry"]))
        else:
            yield Block(*what, tried=False)


def _lines(script: str) -> list[str]:
    return _HEREDOC.sub("", script).replace("\\\n", " ").splitlines()


def _commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in _ENDS_COMMAND:
            if words:
                yield words
            words = []
        elif words or "=" not in word:  # what stands before a command sets its environment
            words.append(word)
    if words:
        yield words
