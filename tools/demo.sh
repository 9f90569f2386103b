#!/bin/bash
# Start the host with the example agent, send the example request, print the answer. With micro-VMs where
# they work, else by process isolation, unless CLOCHE_ISOLATION says which.
set -euo pipefail
build=$1
isolation=$(tools/isolation.sh "$build")
why=", as there is no usable /dev/kvm here"
[ "${CLOCHE_ISOLATION:-auto}" = auto ] || why=", by CLOCHE_ISOLATION"
unset CLOCHE_ISOLATION # it may be auto, which the program refuses
case $isolation in
microvm) echo "Isolation: microvm. A virtual machine of its own on /dev/kvm holds the code of each run." ;;
process) echo "Isolation: process$why. WebAssembly's checks and a jailed process hold the code, no virtual" \
    "machine: that protects from less (docs/security.md)." ;;
esac
port=${PORT:-8088}
log=$(mktemp)
"$build/cloche" serve --isolation="$isolation" --port "$port" examples/hyperlight-codeact/agent.yaml 2>"$log" &
host=$!
trap 'kill "$host" 2>/dev/null; wait "$host" 2>/dev/null; rm -f "$log"' EXIT

for _ in $(seq 150); do
    curl -fs "http://localhost:$port/readiness" >/dev/null 2>&1 && break
    kill -0 "$host" 2>/dev/null || { cat "$log" >&2; exit 1; }
    sleep 0.1
done
cat "$log"

question='Fetch all users, find the admins, multiply 7 by 6, and print the users, admins and multiplication result. Use execute_code with call_tool(...).'
echo
echo "POST http://localhost:$port/responses"
echo "  {\"input\": \"$question\"}"
echo
curl -fsS -X POST "http://localhost:$port/responses" -H "Content-Type: application/json" \
    -d "{\"input\": \"$question\"}" | python3 -c '
import json, sys
response = json.load(sys.stdin)
for item in response["output"]:
    if item["type"] == "mcp_call":
        print("the model calls", item["name"] + ":")
        print("   ", json.loads(item["arguments"])["code"].rstrip().replace("\n", "\n    "))
        print("the sandbox answers:")
        print("   ", item["output"].rstrip().replace("\n", "\n    "))
    elif item["type"] == "message":
        print("the agent answers:")
        print("   ", item["content"][0]["text"].rstrip().replace("\n", "\n    "))
print("status:", response["status"])
sys.exit(response["status"] != "completed")'
