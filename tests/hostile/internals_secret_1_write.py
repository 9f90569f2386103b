"""Leave a secret all over grown memory, in files and in output buffers; the next script looks for
it."""
# expect: kind=ok stdout=left
import builtins
import os

head = b"SECRET-OF-ANOTHER-RUN:"
secret = head + bytes(value ^ 0x5A for value in head)
kept = [secret * 1000 for _ in range(500)]
table = {f"{secret!r}{n}": n for n in range(1000)}
with open("/tmp/secret", "wb") as file:
    file.write(secret * 100_000)
os.environ["SECRET_LEFT"] = "yes"
builtins.left = secret
print("left")
