"""Sockets, processes, foreign functions, shared memory: every module that leads out of a
process."""
# expect: kind=ok stdout=held
import os

leaks = []


def attempt(name, act):
    try:
        leaks.append((name, act()))
    except (
        OSError,
        ImportError,
        AttributeError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
    ):
        pass


def socket_connect():
    import socket

    return socket.create_connection(("127.0.0.1", 22), timeout=1)


def socket_listen():
    import socket

    server = socket.socket()
    server.bind(("0.0.0.0", 8080))
    return server.listen()


def load_library():
    import ctypes

    return ctypes.CDLL(None)


def map_memory():
    import mmap

    return mmap.mmap(-1, 4096)


def start(module, *words):
    return lambda: getattr(__import__(module), words[0])(*words[1:])


def fetch():
    import urllib.request

    return urllib.request.urlopen("file:///etc/passwd").read()


def process():
    import multiprocessing

    worker = multiprocessing.Process(target=print)
    return worker.start()


attempt("connect", socket_connect)
attempt("listen", socket_listen)
attempt("ctypes", load_library)
attempt("mmap", map_memory)
attempt("fetch", fetch)
attempt("process", process)
attempt("subprocess", start("subprocess", "check_output", ["/bin/sh", "-c", "id"]))
attempt("system", start("os", "system", "id"))
attempt("popen", lambda: os.popen("id").read())
attempt("fork", lambda: os.fork())
attempt("exec", lambda: os.execv("/bin/sh", ["sh"]))
attempt("spawn", lambda: os.posix_spawn("/bin/sh", ["sh"], {}))
attempt("kill", lambda: os.kill(1, 9))
attempt("setuid", lambda: os.setuid(0))
attempt("mount", lambda: os.mount("/", "/"))
attempt("pty", start("pty", "spawn", "/bin/sh"))
attempt("fcntl", lambda: __import__("fcntl").ioctl(0, 0xAE00))
attempt("resource", lambda: __import__("resource").getrlimit(0))
environment = [name for name in os.environ if "SECRET" in name or "CLOCHE" in name]
print(leaks + environment or "held")
