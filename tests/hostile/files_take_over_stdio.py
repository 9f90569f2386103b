"""Close descriptors 1 and 2 and open files, hoping that they take the numbers and the output."""
# expect: kind=exception type=RuntimeError
import os

os.close(1)
os.close(2)
taken = [os.open(f"/tmp/{n}", os.O_RDWR | os.O_CREAT) for n in range(8)]
os.write(1, b"written to whatever has number 1 now\n")
for fd in taken:
    os.ftruncate(fd, 1 << 16)
raise RuntimeError("told by a way that no descriptor is part of")
