#!/bin/sh
# End-to-end tests of the program in a build folder: tests/e2e/run.sh [BUILD [FILE.test.mjs…]].
# Needs npm for the first run; the tests themselves run on the Node that package-lock.json pins.
# CLOCHE_BIN, if set, is tested in place of BUILD/cloche. Ends with one line:
# e2e: N passed, N failed, N skipped
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${1:-$here/../../build}
[ $# -gt 0 ] && shift
CLOCHE_BUILD=$(cd "$build" && pwd) || exit 2
export CLOCHE_BUILD
cd "$here" || exit 2

node=node_modules/.bin/node
if ! cmp -s package-lock.json node_modules/.lock-installed; then
    npm ci --no-audit --no-fund --loglevel=error >&2 && cp package-lock.json node_modules/.lock-installed
fi
if ! "$node" -e 'process.exit(process.versions.node.startsWith("22.") ? 0 : 1)'; then
    echo "e2e: Node 22 could not be installed by npm ci" >&2
    echo "e2e: 0 passed, 1 failed, 0 skipped"
    exit 1
fi

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
[ $# -gt 0 ] || set -- *.test.mjs model-server/*.test.mjs
E2E_SKIPPED=0
if ! ../../tools/hypervisor.sh; then
    for file; do # all but the model server's own tests start the host
        shift
        case $file in
        model-server/*) set -- "$@" "$file" ;;
        *) E2E_SKIPPED=$((E2E_SKIPPED + 1)) && echo "e2e: NO /dev/kvm HERE: $file IS NOT RUN" ;;
        esac
    done
    if [ $# -eq 0 ]; then
        echo "e2e: 0 passed, 0 failed, $E2E_SKIPPED skipped"
        exit 0
    fi
fi
export E2E_SKIPPED
"$node" --test --test-concurrency=1 \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=./lib/counts.mjs --test-reporter-destination="$counts" \
    --test-timeout=300000 --test-force-exit \
    "$@"
status=$?
cat "$counts"
[ -s "$counts" ] || echo "e2e: 0 passed, 1 failed, 0 skipped"
exit $status
