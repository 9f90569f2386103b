#!/bin/bash
# What every script here shares: where things are, numbered steps, and how a failure is told.
# Sourced, never run. A step's output goes to a log; it is shown only when the step fails.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
recipe=$repo/guests/python
work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work
logs=$work/logs
jobs=${CLOCHE_JOBS:-2}

# One fixed moment, so that no build date enters the image: 2025-01-01 00:00:00 UTC.
export SOURCE_DATE_EPOCH=1735689600 LC_ALL=C TZ=UTC PYTHONHASHSEED=0
mkdir -p "$logs"

die() {
    printf 'image: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf '  hint: %s\n' "$2" >&2; fi
    exit 1
}

# step LABEL COMMAND...: run a command, show its number, label and seconds; if it fails, its end.
step_number=0
step_of=${step_of:-0}
step() {
    local label=$1 log start
    shift
    step_number=$((step_number + 1))
    log=$logs/$(printf '%02d' "$step_number")-${label//[^a-zA-Z0-9]/-}.log
    start=$SECONDS
    printf '[%2d/%d] %-44s' "$step_number" "$step_of" "$label"
    if "$@" >"$log" 2>&1 </dev/null; then
        printf ' %4d s%s\n' $((SECONDS - start)) "$(sed -n 's/^image-note: /  /p' "$log" | tail -1)"
    else
        printf ' FAILED after %d s\n' $((SECONDS - start))
        tail -n 25 "$log" >&2
        printf 'image: step "%s" failed; its whole log: %s\n' "$label" "$log" >&2
        exit 1
    fi
}

# note TEXT: one short remark that step shows beside the seconds.
note() { printf 'image-note: %s\n' "$*"; }

# digest FILE...: one hash over the names (below the repository) and contents of files.
digest() {
    sha256sum "$@" | sed "s#  $repo/#  #; s#  $work/#  #" | sha256sum | cut -c1-16
}

# A stage is a folder made from nothing, moved to its final name only when it is whole.
# stage_ready DIR: is it there?  stage_begin DIR: an empty DIR.new to build in.  stage_end DIR:
# done.
stage_ready() { [ -e "$1/.done" ]; }
stage_begin() { rm -rf "$1" "$1.new"; mkdir -p "$1.new"; }
stage_end() { touch "$1.new/.done"; mv "$1.new" "$1"; }

# stage_clean PREFIX KEEP: of the stages of one kind keep the given one and the two newest others.
stage_clean() {
    local old
    find "$work" -maxdepth 1 -type d -regextype posix-extended ! -path "$2" \
        -regex ".*/$1-[0-9a-f]{16}(\.new)?" -printf '%T@ %p\n' | sort -rn |
        tail -n +3 | cut -d' ' -f2- | while read -r old; do rm -rf "$old"; done
}
