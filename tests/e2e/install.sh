#!/bin/bash
# Put what package-lock.json pins, Node 22 among it, at node_modules here: a link into the cache
# (${CLOCHE_CACHE:-~/.cache/cloche}/clients), where each lock file is installed once for all clones
# and builds, as a whole or not at all. Exit status 77: no network.
set -u
cd "$(dirname "$0")" || exit 2
cache=${CLOCHE_CACHE:-$HOME/.cache/cloche}/clients
mkdir -p "$cache" && cache=$(cd "$cache" && pwd) || exit 1
place=$cache/npm-$({ uname -sm && cat package.json package-lock.json; } | sha256sum | cut -c1-16)

install_into() { # FOLDER LOG
    cp package.json package-lock.json "$1" && (
        cd "$1" && npm ci --no-audit --no-fund --loglevel=error &&
            node_modules/.bin/node -e 'process.exit(process.versions.node.startsWith("22.") ? 0 : 1)'
    ) >"$2" 2>&1
}

if [ ! -d "$place" ]; then
    exec 9>"$place.lock"
    flock 9 # another run may be installing the same
fi
if [ ! -d "$place" ]; then
    rm -rf "$place".new.* # of a run that was killed
    new=$(mktemp -d "$place.new.XXXXXX") || exit 1
    log=$(mktemp)
    trap 'rm -rf "$log" "$new"' EXIT
    if ! install_into "$new" "$log"; then
        cat "$log" >&2
        grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT' "$log" && exit 77
        exit 1
    fi
    chmod 755 "$new" && mv "$new" "$place" || exit 1
fi

[ "$(readlink node_modules)" = "$place/node_modules" ] && exit 0
if [ -d node_modules ] && [ ! -L node_modules ]; then rm -rf node_modules; fi # of npm itself, here
ln -s "$place/node_modules" "node_modules.$$" && mv -T "node_modules.$$" node_modules
