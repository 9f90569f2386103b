"""One buffer that doubles until there is no more: a MemoryError that names the limit."""
# expect: kind=limit type=MemoryError limit=memory
data = bytearray(b"x")
while True:
    data *= 2
