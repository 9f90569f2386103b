#!/bin/sh
# container.sh ARCHIVE CONTEXT: build the container image TAG (cloche) on BASE (the Dockerfile's) from the
# archive of `make dist`. CONTEXT is a folder that is made anew. docker is $DOCKER, and may be podman.
#
# ADD of a Dockerfile does not unpack zstd everywhere, so it is unpacked here. A base such as
# debian:12-slim has no certificates of authorities, without which no model server is reached by https:
# they come from this machine's package ca-certificates.
set -eu
archive=$1 context=$2
here=$(dirname "$0")
docker=${DOCKER:-docker}
authorities=${AUTHORITIES:-/etc/ssl/certs/ca-certificates.crt}
[ -f "$archive" ] || { echo "there is no archive \"$archive\": make dist" >&2; exit 1; }
[ -s "$authorities" ] || {
    echo "there are no certificates in $authorities: install ca-certificates, or set AUTHORITIES" >&2
    exit 1
}
command -v "$docker" >/dev/null || {
    echo "there is no \"$docker\": install docker.io (or podman, and set DOCKER=podman)" >&2
    exit 1
}
rm -rf "$context"
mkdir -p "$context/cloche" "$context/certificates" "$context/state"
tar --extract --zstd --file "$archive" --directory "$context/cloche" --strip-components=1 --no-same-owner
cp "$authorities" "$context/certificates/ca-certificates.crt"
cp /usr/share/doc/ca-certificates/copyright "$context/certificates/copyright" 2>/dev/null ||
    echo "Mozilla's certificates of authorities, Mozilla Public License 2.0" >"$context/certificates/copyright"
cp "$here/../deploy/Dockerfile" "$context/Dockerfile"
"$docker" build --tag "${TAG:-cloche}" ${BASE:+--build-arg "BASE=$BASE"} "$context"
