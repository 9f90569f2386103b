#!/bin/bash
# Check the C sources: clang-format, what may include what (structure.py), clang-tidy, cppcheck.
# `lint.sh BUILD [format|structure|tidy|cppcheck]`.
set -euo pipefail
build=$1
which=${2:-all}
sources() { git ls-files --cached --others --exclude-standard -- "$@"; }
hosted() { sources 'src/*.c' 'examples/*.c' | grep -v '^src/guest/'; }

if [ "$which" = format ] || [ "$which" = all ]; then
    echo "clang-format"
    sources '*.c' '*.h' | xargs clang-format --dry-run --Werror
fi
if [ "$which" = structure ] || [ "$which" = all ]; then
    echo "structure"
    tools/structure.py
fi
if [ "$which" = tidy ] || [ "$which" = all ]; then
    echo "clang-tidy"
    # one file a process: with several the analyzer of Debian's clang-tidy 14 forgets va_start
    hosted | xargs -P 2 -n 1 clang-tidy --quiet -p "$build" 2>/dev/null
fi
if [ "$which" = cppcheck ] || [ "$which" = all ]; then
    echo "cppcheck"
    # it looks up no system header, and lists are macros of one
    lists=$(echo '#include <sys/queue.h>' | cc -E -M -x c - | grep -o '[^ ]*/sys/queue.h')
    hosted | xargs cppcheck --quiet --include="$lists" --error-exitcode=1 --std=c11 --inline-suppr \
        --enable=warning,performance,portability \
        --suppress=missingIncludeSystem -D_GNU_SOURCE '-DCLO_VERSION="0"' -Iinclude -Isrc
fi
