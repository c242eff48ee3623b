#!/bin/sh
# Makes the virtual environment: third-party packages by hash from requirements.lock, the workspace members in place.
set -eu
venv=$1
need() { echo "missing: $1. $2" >&2; exit 1; }

python=${PYTHON_BASE:-python3}
command -v "$python" >/dev/null || need "$python" "Install Python 3.11 or later."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || need "Python 3.11 or later" "$("$python" --version) is too old; set PYTHON_BASE to a newer one."
"$python" -c 'import ensurepip, venv' 2>/dev/null || need "Python's venv module" "On Debian: apt-get install python3-venv."
command -v git >/dev/null || need git "Install Git."

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
if ! [ -x "$venv/bin/uv" ]; then
    echo "installing uv"
    # Only uv's own lines, so that pip checks its hash and uv can do the rest faster.
    awk '/^uv==/{on=1} on{print} on && !/\\$/{exit}' requirements.lock > "$venv/uv.lock.txt"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$venv/uv.lock.txt"
fi
echo "installing packages"
"$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes requirements.lock
set --
for member in libs/*/ services/*/; do
    [ -f "$member/pyproject.toml" ] && set -- "$@" -e "./${member%/}"
done
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation "$@"
echo "installed into $venv"
