#!/bin/bash
# Check the C sources:
#
#   lint.sh BUILD format        the layout of all, by clang-format
#   lint.sh BUILD list          print the sources that `file` is for
#   lint.sh BUILD file FILE...  clang-tidy and cppcheck
#
# `make lint` runs these, side by side, and what else looks at the tree (tests/runner/suites.py).
set -euo pipefail
build=$1 what=$2
shift 2
sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

case $what in
format) sources '*.c' '*.h' | xargs clang-format --dry-run --Werror ;;
list) sources 'src/*.c' 'examples/*.c' | grep -v '^src/guest/' ;;
file)
    # one file a process: with several the analyzer of Debian's clang-tidy 14 forgets va_start
    printf '%s\n' "$@" | xargs -n 1 clang-tidy --quiet -p "$build" 2>/dev/null
    # it looks up no system header, and lists are macros of one
    lists=$(echo '#include <sys/queue.h>' | cc -E -M -x c - | grep -o '[^ ]*/sys/queue.h')
    cppcheck --quiet --include="$lists" --error-exitcode=1 --std=c11 --inline-suppr \
        --enable=warning,performance,portability \
        --suppress=missingIncludeSystem -D_GNU_SOURCE '-DCLO_VERSION="0"' -Iinclude -Isrc "$@"
    ;;
*)
    echo "lint.sh: \"$what\" is none of format, list, file" >&2
    exit 2
    ;;
esac
