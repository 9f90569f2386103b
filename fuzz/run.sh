#!/bin/bash
# Build the fuzz targets and run each for SECONDS, AT_ONCE of them together (2): run.sh BUILD SECONDS
# [AT_ONCE]. Findings land in BUILD-fuzz/. The last line is `fuzz: N passed, N failed, 0 skipped`, one
# for each target.
set -euo pipefail
build=$1-fuzz seconds=$2 at_once=${3:-2}
here=$(cd "$(dirname "$0")" && pwd)
[ -f "$build/build.ninja" ] ||
    CC=clang meson setup "$build" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
names=$(cd "$here" && ls ./*.c | sed 's#^\./\(.*\)\.c$#\1#')
ninja -C "$build" $(printf 'fuzz/fuzz_%s ' $names) >/dev/null
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

run_target() { # BUILD SEEDS SECONDS NAME
    local corpus=$1/corpus-$4 log=$1/fuzz-$4.log
    mkdir -p "$corpus"
    if "$1/fuzz/fuzz_$4" -max_total_time="$3" -print_final_stats=1 -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="$1/finding-$4-" "$corpus" "$2/$4" >"$log" 2>&1; then
        echo "fuzz: $4: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
            "executions, nothing found"
    else
        echo "fuzz: $4: FAILED"
        tail -n 40 "$log"
    fi
}
export -f run_target

results=$build/results.txt
printf '%s\n' $names | xargs -P "$at_once" -I{} bash -c 'run_target "$@"' sh "$build" "$here/seeds" \
    "$seconds" {} | tee "$results"
passed=$(grep -c 'nothing found$' "$results" || true)
failed=$(($(wc -w <<<"$names") - passed))
echo "fuzz: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
