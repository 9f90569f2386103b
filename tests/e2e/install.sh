#!/bin/sh
# Install what package-lock.json pins, Node 22 among it, once. Exit status 77: no network.
set -u
cd "$(dirname "$0")" || exit 2
cmp -s package-lock.json node_modules/.lock-installed && exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1 &&
    node_modules/.bin/node -e 'process.exit(process.versions.node.startsWith("22.") ? 0 : 1)'; then
    cp package-lock.json node_modules/.lock-installed
    exit 0
fi
cat "$log" >&2
grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT' "$log" && exit 77
exit 1
