"""Error numbers, their names and texts, and the exceptions of calls that fail, are Linux's."""
import errno
import io
import math
import os
import select
import shutil
import socket
import tempfile

names = {name: value for name, value in vars(errno).items() if name.startswith("E")}
print(len(names), sorted(names.items()))
print(sorted(errno.errorcode.items()))
for number in range(-1, 141):
    error = OSError(number, "text")
    print(number, type(error).__name__, os.strerror(number))
for number in (1 << 20, -5):
    print(os.strerror(number))
print(repr(OSError(errno.ENOENT, os.strerror(errno.ENOENT), "a file")))
print(OSError(2, "x", "a", None, "b"), FileNotFoundError(2, "x").errno)

place = tempfile.mkdtemp()
os.chdir(place)
os.mkdir("folder")
os.mkdir("folder/inner")
os.mkdir("empty")
with open("file", "w") as file:
    file.write("content")
os.symlink("loop", "loop")
reader = os.open("file", os.O_RDONLY)
writer = os.open("file", os.O_WRONLY)


def failing(what, call):
    try:
        value = call()
    except OSError as error:
        name = error.filename
        if isinstance(name, str) and name.startswith("/tmp"):
            name = os.path.basename(name)
        print(what, type(error).__name__, error.errno, errno.errorcode.get(error.errno),
              error.strerror, name, error.filename2)
    except Exception as error:
        print(what, type(error).__name__, error)
    else:
        print(what, "did not fail:", type(value).__name__)


failing("open missing", lambda: open("missing"))
failing("open empty name", lambda: open(""))
failing("stat empty name", lambda: os.stat(""))
failing("chdir empty name", lambda: os.chdir(""))
failing("listdir empty name", lambda: os.listdir(""))
failing("mkdir empty name", lambda: os.mkdir(""))
failing("remove empty name", lambda: os.remove(""))
failing("rename empty name", lambda: os.rename("file", ""))
print(os.path.exists(""), os.path.isdir(""), os.access("", os.F_OK), os.path.realpath("") == os.getcwd())
failing("open folder", lambda: open("folder"))
failing("open below file", lambda: open("file/x"))
failing("open in missing folder", lambda: open("missing/x", "w"))
failing("open existing x", lambda: open("file", "x"))
failing("open loop", lambda: open("loop"))
failing("open long", lambda: open("x" * 300))
failing("open closed descriptor", lambda: open(999))
failing("stat missing", lambda: os.stat("missing"))
failing("stat below file", lambda: os.stat("file/x"))
failing("lstat missing", lambda: os.lstat("missing"))
failing("listdir missing", lambda: os.listdir("missing"))
failing("listdir file", lambda: os.listdir("file"))
failing("scandir file", lambda: os.scandir("file"))
failing("mkdir existing", lambda: os.mkdir("folder"))
failing("mkdir in missing", lambda: os.mkdir("missing/x"))
failing("makedirs file", lambda: os.makedirs("file/x"))
failing("rmdir full", lambda: os.rmdir("folder"))
failing("rmdir file", lambda: os.rmdir("file"))
failing("rmdir missing", lambda: os.rmdir("missing"))
failing("remove missing", lambda: os.remove("missing"))
failing("remove folder", lambda: os.remove("folder"))
failing("rename missing", lambda: os.rename("missing", "other"))
failing("rename onto full", lambda: os.rename("empty", "folder"))
failing("rename folder onto file", lambda: os.rename("folder", "file"))
failing("rename file onto folder", lambda: os.rename("file", "folder"))
failing("rename into itself", lambda: os.rename("folder", "folder/inner/x"))
failing("link existing", lambda: os.link("file", "folder"))
failing("symlink existing", lambda: os.symlink("x", "file"))
failing("readlink file", lambda: os.readlink("file"))
failing("chdir missing", lambda: os.chdir("missing"))
failing("chdir file", lambda: os.chdir("file"))
failing("utime missing", lambda: os.utime("missing"))
failing("truncate folder", lambda: os.truncate("folder", 0))
failing("truncate negative", lambda: os.truncate("file", -1))
failing("read closed", lambda: os.read(999, 1))
failing("read writer", lambda: os.read(writer, 1))
failing("write reader", lambda: os.write(reader, b"x"))
failing("close closed", lambda: os.close(999))
failing("fstat closed", lambda: os.fstat(999))
failing("seek negative", lambda: os.lseek(reader, -1, os.SEEK_SET))
failing("seek whence", lambda: os.lseek(reader, 0, 77))
failing("fsync closed", lambda: os.fsync(999))
failing("advise closed", lambda: os.posix_fadvise(999, 0, 0, 0))
failing("copy missing", lambda: shutil.copy("missing", "x"))
failing("copy onto itself", lambda: shutil.copyfile("file", "file"))
failing("rmtree missing", lambda: shutil.rmtree("missing"))
failing("move missing", lambda: shutil.move("missing", "x"))
failing("inet_aton", lambda: socket.inet_aton("300.1.1.1"))
failing("inet_pton", lambda: socket.inet_pton(socket.AF_INET, "1.2.3"))
failing("writing to a reader", lambda: io.FileIO(reader, "r", closefd=False).write(b"x"))


def arithmetic(what, call):
    try:
        print(what, call())
    except Exception as error:
        print(what, type(error).__name__, error.args)


arithmetic("float power", lambda: 2.0 ** 5000)
arithmetic("zero to negative", lambda: 0.0 ** -1)
arithmetic("exp", lambda: math.exp(1000))
arithmetic("pow", lambda: math.pow(2, 5000))
arithmetic("sqrt", lambda: math.sqrt(-1))
arithmetic("ldexp", lambda: math.ldexp(1.0, 5000))
arithmetic("complex power", lambda: (1e300 + 1j) ** 3)
arithmetic("float of text", lambda: float("1e999"))
arithmetic("int of float", lambda: int(float("inf")))
arithmetic("division", lambda: 10 ** 400 / 3)
# numbers that programs print and compare
for module, known in (
        (socket, """AF_INET AF_INET6 SOCK_STREAM SOCK_DGRAM SOCK_NONBLOCK SOCK_CLOEXEC SOL_SOCKET
                    SHUT_RD SHUT_WR SHUT_RDWR MSG_PEEK MSG_WAITALL SOMAXCONN INADDR_BROADCAST
                    AI_PASSIVE AI_CANONNAME EAI_NONAME EAI_AGAIN IPPROTO_TCP IPPROTO_UDP
                    TCP_NODELAY NI_NUMERICHOST"""),
        (select, "POLLIN POLLOUT POLLPRI POLLERR POLLHUP POLLNVAL POLLRDNORM POLLWRNORM")):
    print([(name, repr(getattr(module, name))) for name in known.split()
           if hasattr(module, name)])
print(socket.inet_pton(socket.AF_INET, "1.2.3.4"), socket.inet_ntop(socket.AF_INET, b"\1\2\3\4"))
poll = select.poll()
poll.register(reader, select.POLLIN)
poll.register(writer, select.POLLOUT)
print([events for fd, events in sorted(poll.poll(1000))], select.select([reader], [], [], 0)[1:])
os.close(reader)
os.close(writer)
shutil.rmtree(place)
