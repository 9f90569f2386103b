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
./install.sh
case $? in
0) ;;
77)
    echo "e2e: NO NETWORK HERE TO INSTALL NODE 22 AND THE CLIENTS: NOTHING IS RUN"
    echo "e2e: 0 passed, 0 failed, 1 skipped"
    exit 0
    ;;
*)
    echo "e2e: npm ci could not install Node 22 and the clients" >&2
    echo "e2e: 0 passed, 1 failed, 0 skipped"
    exit 1
    ;;
esac

[ $# -gt 0 ] || set -- *.test.mjs model-server/*.test.mjs clients/*.test.mjs
hypervisor=yes
[ "${CLOCHE_ISOLATION:-}" = process ] || ../../tools/hypervisor.sh || hypervisor=
skipped=0
files=
for file; do
    case $file,$hypervisor in
    model-server/*) files="$files $file" ;; # the only ones that do not start the host
    *,) skipped=$((skipped + 1)) && echo "e2e: NO /dev/kvm HERE: $file IS NOT RUN" ;;
    *) files="$files $file" ;;
    esac
done

counts=$(mktemp)
trap 'rm -f "$counts"' EXIT
status=0
# Each file is a process with servers of its own, and much of its time is waiting.
# shellcheck disable=SC2086
[ -z "$files" ] || "$node" --test --test-concurrency=$(($(nproc) + 1)) \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=./lib/counts.mjs --test-reporter-destination="$counts" \
    --test-timeout=300000 --test-force-exit $files || status=$?
[ -z "$files" ] || [ -s "$counts" ] || echo "0 1 0" >"$counts"
awk -v skipped=$skipped '{ p += $1; f += $2; s += $3 }
    END { printf "e2e: %d passed, %d failed, %d skipped\n", p, f, s + skipped }' "$counts"
exit $status
