#!/bin/bash
# Build the fuzz targets and run each for SECONDS: run.sh BUILD SECONDS. Findings land in BUILD-fuzz/.
# The last line is `fuzz: N passed, N failed, 0 skipped`, one for each target.
set -euo pipefail
build=$1-fuzz seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
[ -f "$build/build.ninja" ] ||
    CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
ninja -C "$build" $(cd "$here" && ls ./*.c | sed 's#^\./\(.*\)\.c$#fuzz/fuzz_\1#') >/dev/null
passed=0 failed=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=${target##*/fuzz_}
    corpus=$build/corpus-$name
    mkdir -p "$corpus"
    log=$build/fuzz-$name.log
    if "$target" -max_total_time="$seconds" -print_final_stats=1 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$build/finding-$name-" "$corpus" "$here/seeds/$name" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, nothing found"
    else
        failed=$((failed + 1))
        echo "fuzz: $name: FAILED"
        tail -n 40 "$log"
    fi
done
echo "fuzz: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
