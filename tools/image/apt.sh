# shellcheck shell=bash disable=SC2154
# A private apt: the machine's own Debian entries with another suite, and folders of its own.
# Sourced. apt checks the signatures with the keys that the machine's entries name.
# apt_private SUITE writes $work/apt/SUITE/apt.conf; "host" keeps the machine's suite.

apt_etc=/etc/apt

host_suite() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

# Entries for SUITE, on standard output as one .sources file. Only entries that speak of the
# machine's own suite are taken (so: no third-party ones), both in deb822 and one-line form.
apt_entries() {
    local suite=$1 own=$2 file
    for file in "$apt_etc"/sources.list.d/*.sources; do
        [ -e "$file" ] || continue
        awk -v own="$own" -v suite="$suite" '
            function flush() {
                if (keep && !disabled) printf "%s\n", text
                text = ""; keep = 0; disabled = 0
            }
            /^[ \t]*$/ { flush(); next }
            /^#/ { next }
            /^Enabled:[ \t]*no/ { disabled = 1 }
            /^Types:/ { text = text "Types: deb deb-src\n"; next }
            /^Suites:/ {
                line = "Suites:"
                for (i = 2; i <= NF; i++) {
                    if ($i != own && index($i, own "-") != 1) continue
                    if ($i ~ /-backports/) continue
                    line = line " " suite substr($i, length(own) + 1); keep = 1
                }
                text = text line "\n"; next
            }
            { text = text $0 "\n" }
            END { flush() }' "$file"
    done
    for file in "$apt_etc"/sources.list "$apt_etc"/sources.list.d/*.list; do
        [ -e "$file" ] || continue
        awk -v own="$own" -v suite="$suite" '
            $1 == "deb" {
                signed = ""; at = 2
                if ($2 ~ /^\[/) {
                    for (; at <= NF; at++) {
                        word = $at; gsub(/[][]/, "", word)
                        if (word ~ /^signed-by=/) signed = substr(word, 11)
                        if ($at ~ /\]$/) { at++; break }
                    }
                }
                uri = $at; dist = $(at + 1)
                if (dist != own && index(dist, own "-") != 1) next
                if (dist ~ /-backports/) next
                parts = ""
                for (i = at + 2; i <= NF; i++) { if ($i ~ /^#/) break; parts = parts " " $i }
                printf "Types: deb deb-src\nURIs: %s\nSuites: %s\nComponents:%s\n", uri,
                       suite substr(dist, length(own) + 1), parts
                if (signed != "") printf "Signed-By: %s\n", signed
                printf "\n"
            }' "$file"
    done
}

apt_private() {
    local suite=$1 own dir
    own=$(host_suite)
    dir=$work/apt/$suite
    [ -n "$own" ] || die "/etc/os-release names no VERSION_CODENAME" "build on Debian 12"
    mkdir -p "$dir"/{sources,state/lists/partial,cache/archives/partial,none}
    apt_entries "${suite/host/$own}" "$own" >"$dir/sources/debian.sources"
    grep -q '^URIs:' "$dir/sources/debian.sources" ||
        die "no apt entry of this machine is for its own release ($own)" \
            "add Debian's entries to /etc/apt/sources.list.d, then run this again"
    : >"$dir/status"
    cat >"$dir/apt.conf" <<EOF
Dir::Etc::sourcelist "$dir/none/list";
Dir::Etc::sourceparts "$dir/sources";
Dir::Etc::preferences "$dir/none/preferences";
Dir::Etc::preferencesparts "$dir/none";
Dir::State "$dir/state";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Get::List-Cleanup "false";
APT::Sandbox::User "root";
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
EOF
    : >"$dir/none/list"
}

# apt_run SUITE TOOL ARGS...: apt-get or apt-cache with that configuration.
apt_run() {
    local suite=$1 tool=$2
    shift 2
    APT_CONFIG=$work/apt/$suite/apt.conf "$tool" -q "$@"
}
