#!/bin/bash
# headers.sh DIR: the headers of DIR without comments and blank lines, for the keys of what is
# compiled with them: a better comment there must not cost minutes of compiling.
set -euo pipefail
for header in "$1"/*.h; do
    printf '== %s\n' "${header##*/}"
    gcc -fpreprocessed -dD -E -P "$header"
done
