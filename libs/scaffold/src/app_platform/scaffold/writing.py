"""Kubernetes objects as people write them in YAML. Pure; the same objects give the same text."""

from typing import Any

import yaml

Object = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Lists indented, texts of several lines as blocks, as people write them; nothing shared by anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        super().increase_indent(flow, False)  # noqa: FBT003 - as above

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(*objects: Object) -> str:
    """Objects as one text, with `---` between them."""
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=120)
