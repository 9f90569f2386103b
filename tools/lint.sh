#!/bin/bash
# Check the C sources: clang-format, clang-tidy, cppcheck. `lint.sh BUILD [format|tidy|cppcheck]`.
set -euo pipefail
build=$1
which=${2:-all}
sources() { git ls-files --cached --others --exclude-standard -- "$@"; }
hosted() { sources 'src/*.c' 'examples/*.c' | grep -v '^src/guest/'; }

if [ "$which" = format ] || [ "$which" = all ]; then
    echo "clang-format"
    sources '*.c' '*.h' | xargs clang-format --dry-run --Werror
fi
if [ "$which" = tidy ] || [ "$which" = all ]; then
    echo "clang-tidy"
    # one file a process: with several the analyzer of Debian's clang-tidy 14 forgets va_start
    hosted | xargs -P 2 -n 1 clang-tidy --quiet -p "$build" 2>/dev/null
fi
if [ "$which" = cppcheck ] || [ "$which" = all ]; then
    echo "cppcheck"
    # it reads no headers of the system, and must know the lists
    lists=$(echo '#include <sys/queue.h>' | cc -E - | sed -n 's/^# 1 "\(.*queue\.h\)".*/\1/p')
    hosted | xargs cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
        --enable=warning,performance,portability --include="$lists" \
        --suppress=missingIncludeSystem -D_GNU_SOURCE '-DCLO_VERSION="0"' -Iinclude -Isrc
fi
