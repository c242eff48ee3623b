#!/bin/sh
# Installs one member of the workspace and what it needs, by hash, into a virtual environment: install.sh MEMBER TARGET.
# The build stage of deploy/Dockerfile runs it, and so do tests. TARGET/bin/start runs the member.
set -eu
member=$1 target=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1

python3 "$root/scripts/locked.py" "$member" "$work"

# uv_build writes into the folder that it builds, so it builds a copy.
python3 -m venv "$work/build"
"$work/build/bin/pip" install --require-hashes --no-deps -r "$work/build.txt"
while read -r folder; do
    cp -R "$folder" "$work/source"
    PATH="$work/build/bin:$PATH" "$work/build/bin/pip" wheel --no-deps --no-build-isolation --wheel-dir "$work/wheels" "$work/source"
    rm -rf "$work/source"
done < "$work/members.txt"

python3 -m venv "$target"
"$target/bin/pip" install --require-hashes --no-deps -r "$work/third-party.txt"
"$target/bin/pip" install --no-deps --no-index "$work"/wheels/*.whl
"$target/bin/pip" check
"$target/bin/pip" uninstall --yes setuptools pip

cat > "$target/bin/start" <<START
#!$target/bin/python
import runpy

runpy.run_module("app_platform.$(echo "$member" | tr - _)", run_name="__main__", alter_sys=True)
START
chmod +x "$target/bin/start"
