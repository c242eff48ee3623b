"""What Flux and the API server say of an object, made fit to be shown: pure.

Guarantees: no value that an error quotes, no credential of a URL, and no folder or time that differs at each try is left.
Leaves out: understanding it.

The texts are those of kustomize-controller ``internal/controller`` and ``internal/decryptor``, of fluxcd/pkg ``ssa/errors``
(``DryRunErr``), and of apimachinery ``validation/field`` (``Invalid value: …``).
"""

import re
from typing import Final

_QUOTED: Final = re.compile(r"""Invalid value: ("(?:[^"\\]|\\.)*"|\S+)""")
_CREDENTIAL: Final = re.compile(r"//[^/@\s]*@")
_FOLDER: Final = re.compile(r"/\S*?/kustomization-\d+/")
"""Where kustomize-controller unpacks, under another name each time."""
_DURATION: Final = re.compile(r" after [0-9][0-9.hmsµn]*s\b")
_MANIFEST: Final = re.compile(r"(name from): .*", re.DOTALL)


def without_values(message: str) -> str:
    """The message without what may be a value or a credential, or a whole manifest, or is another at each try."""
    text = _QUOTED.sub("Invalid value", message)
    return _MANIFEST.sub(r"\1 a file", _FOLDER.sub("", _DURATION.sub("", _CREDENTIAL.sub("//", text))))
