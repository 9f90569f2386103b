#!/bin/sh
# wall_test.sh JAIL.a HOST.a COMPILER...: what is jailed cannot call what is the host's.
#
# A worker process is linked of the jail's library alone. A program that calls these functions, linked
# of that library, must fail to link for each of them; and each must be one that the host's library
# really has, so that a name that was changed fails the test instead of passing it. TAP.
#
# All of the host's are called by one program: the linker reports each function that it does not find.
set -u
jail=$1 host=$2
compiler=$3
shift 3
options="$*"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0 failures=0

report() { # STATUS NAME
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; failures=1; fi
}

links() { # FUNCTION...: a program that calls them, of the jail's library alone; complaints in log
    {
        for name; do echo "void $name(void);"; done
        echo "int main(void)"
        echo "{"
        for name; do echo "    $name();"; done
        echo "}"
    } >"$folder/call.c"
    # the options are words of a compiler's command line
    # shellcheck disable=SC2086
    LC_ALL=C "$compiler" $options "$folder/call.c" -o "$folder/call" "$jail" -pthread -lcrypto -lseccomp \
        -lm >"$folder/log" 2>&1
}

inside="clo_worker_main clo_runner_run clo_cbor_decode clo_frame_put_call clo_vm_create"
for name in $inside; do
    links "$name"
    report $? "a worker may call $name"
done
outside="clo_tool_set_create clo_tool_entry_call clo_schema_compile clo_tool_library_open
    clo_host_calls_create clo_tool_call_read clo_executor_create clo_pending_calls_create
    clo_pool_create clo_backend_create clo_worker_client_create clo_memory_budget_hold
    clo_zygote_create clo_capture_begin clo_value_parse_json clo_json_load clo_yaml_open
    clo_cancel_create clo_thread_start clo_image_build clo_model_call clo_agent_turn clo_store_open clo_serve"
nm "$host" 2>/dev/null >"$folder/defined"
# the names are words
# shellcheck disable=SC2086
if links $outside; then
    report 1 "a program of a worker with calls of the host's does not link"
    exit 1
fi
for name in $outside; do
    if ! grep -qE " T $name\$" "$folder/defined"; then
        report 1 "the host's library has $name"
    else
        grep -q "undefined reference to \`$name'" "$folder/log"
        report $? "a worker cannot call $name"
    fi
done
echo "1..$number"
exit $failures
