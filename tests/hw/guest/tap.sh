# TAP for the shell scripts of this folder: ok, not_ok, and check, which runs a command.
number=0

ok() { number=$((number + 1)); echo "ok $number - $1"; }
not_ok() { number=$((number + 1)); echo "not ok $number - $1"; failures=1; }

# check NAME STATUS PATTERN COMMAND...: the command must exit with STATUS (a number, or "fails" for
# any but 0), and some line of its stdout and stderr must match the extended regular expression
# PATTERN. It has $limit seconds.
limit=60
check() {
    name=$1 wanted=$2 pattern=$3
    shift 3
    timeout -s KILL "$limit" "$@" >/tmp/output 2>&1 </dev/null
    status=$?
    [ "$wanted" != fails ] || [ $status -eq 0 ] || wanted=$status
    if [ "$status" = "$wanted" ] && grep -Eq -e "$pattern" /tmp/output; then
        ok "$name"
    else
        not_ok "$name"
        echo "# exit status $status, wanted $wanted and /$pattern/; the output:"
        cut -c -500 /tmp/output | head -n 40 | sed 's/^/# /'
        echo
    fi
}

# The plan comes last, so that a script that ends early is noticed.
finish() { echo "1..$number"; exit "${failures:-0}"; }
