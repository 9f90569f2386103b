"""Print what UTF-8 cannot say, to both streams; whatever comes of it, the output stays valid
text."""
# expect: kind=exception type=UnicodeEncodeError stdout_has=start
import sys

print("start", flush=True)
try:
    print("\ud800 \udfff \udc80", flush=True)
except UnicodeEncodeError:
    pass
print("\ud800\udc00", file=sys.stderr)
print("".join(map(chr, range(0xD800, 0xE000))))
