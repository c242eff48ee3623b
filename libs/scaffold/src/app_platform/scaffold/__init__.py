"""The files of an app repository as the guide lays it out. Pure.

Guarantees: what is made is deployed by Flux as it is, follows the guide's container best practices, and gets no warning from
the platform's admission policies; the same input gives the same bytes.
Leaves out: writing files, and the app itself beyond a page that says hello.
"""

from app_platform.scaffold.archives import tar_gz, zipped
from app_platform.scaffold.flux import deploy_key_of, flux_manifests
from app_platform.scaffold.tree import files
from app_platform.scaffold.wanted import ScaffoldError, Wanted
from app_platform.scaffold.writing import yaml_text

__all__ = [
    "ScaffoldError",
    "Wanted",
    "deploy_key_of",
    "files",
    "flux_manifests",
    "tar_gz",
    "yaml_text",
    "zipped",
]
