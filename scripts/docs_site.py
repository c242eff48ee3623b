"""Hooks of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks): pages are read where they lie in the repository.

MkDocs wants all pages in one folder, but a service's README belongs beside the service. Here a page's source path is its path in the
repository, so that links between pages are the same in the repository and on the site, and MkDocs checks each of them.

Guarantees: the navigation is the list of pages; a page of ``docs/`` that it lacks, or a link to what is not on the site, ends a strict
build. Leaves out: links to folders and to source code; name these as text.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).resolve().parent.parent
_DOCS: Final = "docs/"

NavValue = str | list["NavItem"]
NavItem = str | dict[str, NavValue]
"""A path, or a title with a path or with a list of items."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace each path with a ``*`` in the navigation by the files that match it."""
    nav = config.nav or []
    config.nav = expanded(nav, named=frozenset(paths_in(nav)))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Name the pages of ``docs/`` by their path in the repository, and add the pages and attachments from elsewhere."""
    named = {path for path in paths_in(config.nav or []) if (ROOT / path).is_file()}  # MkDocs tells of others
    pages = {*named, *_matching("docs/**/*.md")}
    attached = [path for pattern in config.extra["attachments"] for path in _matching(pattern)]
    of_theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*of_theme, *(_file(path, config) for path in sorted({*pages, *attached}))])


def expanded(items: Sequence[NavItem], named: frozenset[str]) -> list[NavItem]:
    """The navigation without patterns; those paths that are ``named`` elsewhere do not match again."""
    found: list[NavItem] = []
    for item in items:
        if isinstance(item, str):
            found.extend(_new(item, named))
        else:
            found.append({title: _expanded_value(value, named) for title, value in item.items()})
    return found


def paths_in(items: Iterable[NavItem]) -> list[str]:
    """All paths that a navigation names."""
    return [path for item in items for path in _paths_of(item)]


def destination(path: str) -> str:
    """Where on the site a file of the repository lies, as MkDocs names it: ``docs/a/b.md`` is ``a/b/index.html``."""
    short = path.removeprefix(_DOCS)
    if not short.endswith(".md"):
        return short
    folder, _, name = short.removesuffix(".md").rpartition("/")
    leaf = "" if name in ("index", "README") else name.lower()
    return "/".join(filter(None, (folder, leaf, "index.html")))


def _expanded_value(value: NavValue, named: frozenset[str]) -> NavValue:
    if isinstance(value, list):
        return expanded(value, named)
    return [*_new(value, named)] if "*" in value else value


def _new(path: str, named: frozenset[str]) -> list[str]:
    return [found for found in _matching(path) if found not in named] if "*" in path else [path]


def _paths_of(item: NavItem) -> list[str]:
    values = [item] if isinstance(item, str) else item.values()
    return [path for value in values for path in ([value] if isinstance(value, str) else paths_in(value))]


def _matching(pattern: str) -> list[str]:
    # README files, which introduce their folder, come first.
    found = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)]
    return sorted(found, key=lambda path: (not path.endswith("README.md"), path))


def _file(path: str, config: MkDocsConfig) -> File:
    return File(path, str(ROOT), config.site_dir, use_directory_urls=True, dest_uri=destination(path))
