#!/bin/bash
# What every script here shares: where things are, the environment, folders of results, what a script
# says to steps.py, which runs it. Sourced, never run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
recipe=$repo/guests/python
work=${CLOCHE_CACHE:-$HOME/.cache/cloche}/work
jobs=${CLOCHE_JOBS:-2}

# What is built must not depend on who builds it. So of the environment only this stays: CPython's
# configure keeps what it sees there and what it finds on PATH, and both are in the frozen sysconfig.
while read -r variable; do
    case $variable in
    HOME | TMPDIR | TERM | COLUMNS | PWD | CLOCHE_* | APT_CONFIG | *_proxy | *_PROXY) ;;
    *) unset "$variable" ;;
    esac
done < <(compgen -e)
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# One fixed moment, so that no build date enters the image: 2025-01-01 00:00:00 UTC.
export SOURCE_DATE_EPOCH=1735689600 LC_ALL=C TZ=UTC PYTHONHASHSEED=0
umask 022
mkdir -p "$work"

die() {
    printf 'image: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf '  hint: %s\n' "$2" >&2; fi
    exit 1
}

# note TEXT: a short remark that stands beside the step's seconds. total N WORD: N lines of the output
# will begin with WORD; they are counted to show how far the step is.
note() { printf 'image-note: %s\n' "$*"; }
total() { printf 'image-total: %d %s\n' "$1" "$2"; }

# digest FILE...: one hash over the names (below the repository) and contents of files.
digest() {
    sha256sum "$@" | sed "s#  $repo/#  #; s#  $work/#  #" | sha256sum | cut -c1-16
}

# wasm_compilers: the versions of what compiles and links for Wasm, for keys.
wasm_compilers() {
    dpkg-query -W -f '${Package} ${Version}\n' clang-19 lld-19 llvm-19 libclang-rt-19-dev-wasm32
}

# trained_on: one hash of what a training runs, for the profile and for who wants to know whether it is
# this training's.
trained_on() {
    digest "$recipe"/training/* "$here/trainer.c"
}

# ---- folders of results

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

# stage NAME KEY [LINK]: what follows in the script makes $dir.new; if $work/NAME-KEY is there already
# the script ends here. LINK (NAME) in $work leads to it. With CLOCHE_CHECK=1 the script only says
# by its exit status whether it is there: 3 if not.
stage() {
    stage_name=$1 stage_link=$work/${3:-$1}
    dir=$work/$1-$2
    if stage_ready "$dir"; then
        ln -sfn "$dir" "$stage_link"
        note "cached"
        exit 0
    fi
    if [ -n "${CLOCHE_CHECK:-}" ]; then exit 3; fi
    stage_begin "$dir"
}
stage_done() {
    stage_end "$dir"
    stage_clean "$stage_name" "$dir"
    ln -sfn "$dir" "$stage_link"
}
