#!/bin/sh
# Install the Debian packages of the named groups (tools/packages/GROUP.txt) that are missing.
# A line is a package, or a package and a command: it is then wanted only where the command is not
# there already, from whatever source.
set -eu
here=$(dirname "$0")
missing=
for group in "$@"; do
    while read -r package command; do
        [ -n "$package" ] || continue
        if [ -n "$command" ] && command -v "$command" >/dev/null; then continue; fi
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing="$missing $package"
    done < "$here/packages/$group.txt"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then sudo=
elif command -v sudo >/dev/null; then sudo=sudo
else
    echo "These Debian packages are missing and need root to install:$missing" >&2
    echo "Run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install="$sudo apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 $missing"
# The package lists may be old or absent: refresh them only when the first try fails.
$install >"$log" 2>&1 || { $sudo apt-get update -q >"$log" 2>&1 && $install >"$log" 2>&1; } || {
    tail -20 "$log" >&2
    echo "apt-get could not install:$missing (its last words are above)" >&2
    exit 1
}
