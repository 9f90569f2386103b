"""Write bytes that are no UTF-8 straight to the output, cut in the middle of characters."""
# expect: kind=ok stdout_has=end
import os
import sys

sys.stdout.buffer.write(bytes(range(256)) * 10)
sys.stdout.buffer.write(b"\xe2\x82")
sys.stdout.flush()
sys.stderr.buffer.write(b"\xac\xf0\x9f\x98")
os.write(1, b"\xac\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xff\xfe\x00\x00")
for byte in "\U0001f600".encode() * 100:
    os.write(1, bytes([byte]))
print("end")
