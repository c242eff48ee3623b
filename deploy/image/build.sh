#!/bin/sh
# Builds the image of every member that is run as one: build.sh REGISTRY VERSION [push]. By docker, podman or buildah, whichever is there, or BUILDER.
set -eu
[ $# -ge 2 ] || { echo "usage: deploy/image/build.sh REGISTRY VERSION [push]" >&2; exit 2; }
registry=$1 version=$2 push=${3:-}
cd "$(dirname "$0")/../.."
for builder in ${BUILDER:-docker podman buildah}; do
    command -v "$builder" >/dev/null && break
    builder=
done
[ -n "$builder" ] || { echo "no builder of images: install docker, podman or buildah, or name one in BUILDER" >&2; exit 1; }
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

for member in watcher namespace-rbac secrets-encryptor git-committer oidc-registrar dashboard cli local; do
    case $member in
    git-committer | cli | local) packages=git ;;
    *) packages= ;;
    esac
    image=$registry/app-platform-$member:$version
    echo "$image"
    # docker: the format that has health checks; what Docker itself builds has them anyway.
    "$builder" build $([ "$builder" = docker ] || echo --format=docker) \
        --file deploy/Dockerfile --tag "$image" --build-arg "SERVICE=$member" --build-arg "PACKAGES=$packages" \
        --build-arg "VERSION=$version" --build-arg "REVISION=$revision" .
    [ "$push" != push ] || "$builder" push "$image"
done
