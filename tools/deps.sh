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
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt="apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300"
# The package lists may be old or absent: refresh them only when the first try fails.
all=$(apt-get install -s -q --no-install-recommends $missing 2>/dev/null | grep -c '^Inst ') || all=
echo "installing$missing"
echo "  ${all:+$all Debian packages with what they need; }some 2 minutes, by the network"
install() { $sudo $apt $missing >"$log" 2>&1; }
(install || { $sudo apt-get update -q >"$log" 2>&1 && install; }) &
started=$(date +%s) said=0
while kill -0 $! 2>/dev/null; do # how far it is: in place on a terminal, else a line every 20 s
    sleep 1
    seconds=$(($(date +%s) - started))
    text="  $(grep -c '^Get:' "$log" || true) fetched, $(grep -c '^Setting up' "$log" || true) of ${all:-?} installed"
    if [ -t 1 ]; then
        printf '\r%s after %d s ' "$text" "$seconds"
    elif [ $((seconds - said)) -ge 20 ]; then
        said=$seconds
        echo "$text"
    fi
done
if [ -t 1 ]; then printf '\r%60s\r' ''; fi
wait $! || {
    tail -20 "$log" >&2
    echo "apt-get could not install:$missing (its last words are above)" >&2
    exit 1
}
echo "  installed in $(($(date +%s) - started)) s"
