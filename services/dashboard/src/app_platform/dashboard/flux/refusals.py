"""Which field of a form a refusal of Kubernetes belongs to, and what it says there. Pure.

Guarantees: nothing of a refusal is lost; what belongs to no field stands above the form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app_platform.dashboard import words
from app_platform.kube import AlreadyExists, KubeError

Faults = dict[str, str]
"""Field of a form to what is wrong with it; the empty name is for the form as a whole."""
WHOLE: Final = ""


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Attributes:
        name: In the form.
        words: What the sentence calls it, at its beginning.
    """

    name: str
    words: str


SOURCE_FIELDS: Final[Mapping[str, Field]] = {
    "spec.url": Field("url", "The URL"),
    "spec.secretRef": Field("url", "A deploy key"),
    "spec.interval": Field("interval", "The interval"),
    "spec.ref": Field("branch", "The branch"),
    "metadata.name": Field("name", "The name"),
    "another name": Field("name", "another name"),
}
SYNC_FIELDS: Final[Mapping[str, Field]] = {
    "spec.sourceRef": Field("source", "The source"),
    "spec.path": Field("path", "The path"),
    "spec.interval": Field("interval", "The interval"),
    "spec.dependsOn": Field("depends", "“Depends on”"),
    "spec.targetNamespace": Field("target", "The target namespace"),
    "metadata.name": Field("name", "The name"),
    "another name": Field("name", "another name"),
}


def at_field(error: KubeError, fields: Mapping[str, Field]) -> Faults:
    """A refusal, put where its author looks.

    Args:
        error: What Kubernetes said.
        fields: What a refusal names, to the field of the form.
    """
    said = words.sentence(error)
    if isinstance(error, AlreadyExists):
        return {"name": said}
    told = {cause.field for cause in error.causes}
    for named, field in fields.items():
        if named in told or re.search(rf"{re.escape(named)}\b", said, re.IGNORECASE):
            return {field.name: _in_words(said, named, field.words)}
    return {WHOLE: said}


def _in_words(said: str, named: str, instead: str) -> str:
    text = re.sub(rf"{re.escape(named)}\b:?", instead, said, flags=re.IGNORECASE)
    return text[:1].upper() + text[1:]
