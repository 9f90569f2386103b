"""Every descriptor call with numbers that are not descriptors."""
# expect: kind=ok stdout=held
# by process isolation: kind=fault type=OutOfBounds
# (utime() of a wrong descriptor reads address 0, which no process can map)
import os

numbers = [
    -1,
    -(2**31),
    3,
    4,
    5,
    6,
    7,
    99,
    1000,
    65535,
    2**20,
    2**31 - 1,
    2**31,
    2**32,
    2**32 + 1,
    2**63,
    2**64,
    -(2**63),
]
calls = {
    "read": lambda fd: os.read(fd, 2**20),
    "fstat": os.fstat,
    "isatty": os.isatty,
    "write": lambda fd: os.write(fd, b"x"),
    "seek": lambda fd: os.lseek(fd, 2**62, 0),
    "pread": lambda fd: os.pread(fd, 100, 2**62),
    "pwrite": lambda fd: os.pwrite(fd, b"x", 2**62),
    "readv": lambda fd: os.readv(fd, [bytearray(10)] * 1000),
    "sync": os.fsync,
    "truncate": lambda fd: os.ftruncate(fd, 2**62),
    "listdir": os.listdir,
    "dir_fd": lambda fd: os.open("passwd", os.O_RDONLY, dir_fd=fd),
    "utime": os.utime,
    "blocking": lambda fd: os.set_blocking(fd, False),
    "inheritable": os.get_inheritable,
    "open": lambda fd: open(fd, "rb").read(10),
    "close": os.close,
    "chdir": os.chdir,
}
odd = []
for name, call in calls.items():
    for number in numbers:
        try:
            call(number)
            if name not in ("isatty", "listdir", "inheritable") and number > 1000:
                odd.append((name, number))
        except (OSError, OverflowError, ValueError, TypeError, AttributeError, NotImplementedError):
            pass
print(odd or "held")
