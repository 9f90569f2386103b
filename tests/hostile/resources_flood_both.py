"""Write to both streams and to the raw descriptors in turn."""
# expect: kind=limit limit=output
import os
import sys

while True:
    os.write(1, b"o" * 777)
    sys.stderr.write("e" * 7777)
    os.write(2, b"\xff" * 77)
    sys.stdout.write("\u20ac" * 77777)
