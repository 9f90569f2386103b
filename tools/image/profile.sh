#!/bin/bash
# profile.sh: unpack the profile of the repository, guests/python/profile.xz (train.sh makes it), for
# gcc. Leaves $work/profile-KEY/{guest_*.gcda,functions.txt} (link: $work/profile).
set -euo pipefail
. "$(dirname "$0")/common.sh"

key=$(digest "$here"/{profile.sh,counts.py} "$recipe/profile.xz")
( # in a shell of its own: it is small, and not a step
    unset CLOCHE_CHECK
    stage profile "$key"
    python3 "$here/counts.py" unpack "$recipe/profile.xz" "$dir.new"
    stage_done
)
