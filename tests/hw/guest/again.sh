# Run after run in one sandbox, so that it is restored in between: what one script leaves, memory
# that has grown and a loop that is stopped included, the next must not find. Says how many runs
# went how.
build=$1
cat >/tmp/leave.py <<'END'
import json
json.left = bytearray(40 << 20)
END
cat >/tmp/find.py <<'END'
import json
assert not hasattr(json, "left"), "the run before is still here"
END
cat >/tmp/spin.py <<'END'
import json
json.left = 1
while True:
    pass
END
memory=$((256 << 20))
for script in leave find spin find leave leave find; do
    case $script in spin) time=1000 ;; *) time=30000 ;; esac
    echo "$time 30000 $memory /tmp/$script.py"
done >/tmp/orders

cd "$build/tests" || exit 1
export CLOCHE_IMAGE=$build/python.image
./hostile_driver ./hostile_tools.so $memory </tmp/orders >/tmp/lines
status=$?
cat /tmp/lines
echo "$(grep -cE '"good": ?true' /tmp/lines) good runs," \
    "$(grep -cE '"limit": ?"wall_ms"' /tmp/lines) limit," \
    "$(grep -cE '"kind": ?"exception"' /tmp/lines) exceptions"
exit $status
