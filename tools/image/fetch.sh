#!/bin/bash
# Fetch what the image is made of from Debian (fetch.txt) into $work/fetch, checked by apt against
# the signed package lists; the upstream tarballs also against guests/python/sources.sha256.
# Once everything is there the network is not used again; "fetch.sh --refresh" asks Debian anew.
# Leaves $work/fetch/{deb,src}/ and versions.txt (kind, package, version), a key for later steps.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$here/apt.sh"

fetch=$work/fetch
wanted() { sed 's/#.*//' "$here/fetch.txt" | awk 'NF == 3'; }

# Nothing to do when the same list was fetched whole.
if [ "${1:-}" != --refresh ] && [ -e "$fetch/versions.txt" ] &&
    wanted | cmp -s - "$fetch/wanted.txt"; then
    note "already fetched"
    exit 0
fi

if [ -n "${CLOCHE_CHECK:-}" ]; then exit 3; fi

rm -rf "$fetch.new"
mkdir -p "$fetch.new"/{deb,src}

for suite in $(wanted | cut -d' ' -f1 | sort -u); do
    apt_private "$suite"
    echo "== package lists of $suite"
    apt_run "$suite" apt-get update ||
        die "the package lists of Debian $suite could not be had" \
            "does 'apt-get update' work on this machine? Its mirror must carry $suite and sources"
done

cd "$fetch.new/deb"
mapfile -t debs < <(wanted | awk '$1 == "trixie" && $2 == "deb" { print $3 }')
echo "== packages: ${debs[*]}"
apt_run trixie apt-get download "${debs[@]}" ||
    die "a package of Debian trixie could not be had" "see the line that starts with E: above"

cd "$fetch.new/src"
while read -r suite package; do
    echo "== source: $package ($suite)"
    apt_run "$suite" apt-get source --download-only --only-source "$package" ||
        die "the source package $package of Debian $suite could not be had" \
            "see the line that starts with E: above"
done < <(wanted | awk '$2 == "src" { print $1, $3 }')

sha256sum --check --quiet "$recipe/sources.sha256" ||
    die "an upstream tarball is not the one this recipe was written for" \
        "compare with guests/python/sources.sha256; change it only after reading what changed"

{
    for deb in "$fetch.new"/deb/*.deb; do
        dpkg-deb --show --showformat 'deb ${Package} ${Version}\n' "$deb"
    done
    for dsc in "$fetch.new"/src/*.dsc; do
        awk '/^Source:/ { s = $2 } /^Version:/ { v = $2 } END { print "src", s, v }' "$dsc"
    done
} | sort >"$fetch.new/versions.txt"
wanted >"$fetch.new/wanted.txt"
rm -rf "$fetch"
mv "$fetch.new" "$fetch"
note "$(wc -l <"$fetch/versions.txt") packages"
