#!/bin/bash
# Start the host with the example agent, send the example request, print the answer. With micro-VMs where
# they work, else by process isolation, unless CLOCHE_ISOLATION says which. With KEEP=1 the host stays up.
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
log=$build/demo.log
words=("$build/cloche" serve --isolation="$isolation" --port "$port" examples/hyperlight-codeact/agent.yaml)
setsid "${words[@]}" >/dev/null 2>"$log" </dev/null &
host=$!
trap 'kill "$host" 2>/dev/null; wait "$host" 2>/dev/null' EXIT

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

if [ "${KEEP:-}" = 1 ]; then
    trap - EXIT
    cat <<EOF

The host is still up, process $host, with its log in $log. Try next:
  curl -N http://localhost:$port/responses -H "Content-Type: application/json" \\
      -d '{"input": "Fetch all users.", "stream": true}'
  OPENAI_BASE_URL=http://localhost:$port/v1 OPENAI_API_KEY=none python3 your_client.py
  kill $host    # it finishes what is in flight
EOF
else
    cat <<EOF

Try next:
  make demo KEEP=1                                  # the same, and the host stays up
  $build/cloche run -c 'print(sum(range(1000)))'    # Python in the sandbox, without a model
  $build/cloche serve examples/hyperlight-codeact/agent.yaml
                                                    # with OPENAI_API_KEY or OPENAI_BASE_URL: a real model
EOF
fi
