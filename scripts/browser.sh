#!/bin/sh
# Finds Chromium for the browser tests; installs Debian's when run as root, says what to do otherwise.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Chromium"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null
    exit 0
fi
echo "missing: Chromium, for the browser tests. On Debian: sudo apt-get install chromium" >&2
exit 1
