"""What a process has and a sandbox has not: processes, sockets.

Each ends in an error that says so, with what to do instead.
"""

import errno
import http.client
import os
import socket
import subprocess
import urllib.error
import urllib.request

_NO_PROCESSES = ("there are no processes in this sandbox: do the work in Python, or call a tool")
_NO_NETWORK = "there is no network in this sandbox: call a tool to reach other machines"
_HOST_NAME = "localhost"  # for message ids, mailboxes, log records and file: URLs
_ADDRESS = "127.0.0.1"


def _no_process(*args, **options):
    raise OSError(errno.ENOTSUP, _NO_PROCESSES)


def _no_network(*args, **options):
    raise OSError(errno.ENETUNREACH, _NO_NETWORK)


def _host_name():
    return _HOST_NAME


def _resolve(name):
    if name in (_HOST_NAME, _ADDRESS):
        return _ADDRESS
    _no_network()


def _resolve_all(name):
    return name, [], [_resolve(name)]


class _Popen(subprocess.Popen):
    def __init__(self, *args, **options):
        self.returncode = None
        _no_process()

    def __del__(self, *args, **options):
        pass


class _Socket(socket.socket):
    def __init__(self, *args, **options):
        _no_network()


class _HTTPSConnection(http.client.HTTPConnection):
    def __init__(self, *args, **options):
        _no_network()


class _HTTPSHandler(urllib.request.AbstractHTTPHandler):
    def __init__(self, debuglevel=None, context=None, check_hostname=None):
        if debuglevel is None:
            debuglevel = http.client.HTTPSConnection.debuglevel
        super().__init__(debuglevel)

    def https_open(self, request):
        raise urllib.error.URLError(OSError(errno.ENETUNREACH, _NO_NETWORK))

    https_request = urllib.request.AbstractHTTPHandler.do_request_


def install():
    _Popen.__name__ = _Popen.__qualname__ = "Popen"
    _Popen.__module__ = "subprocess"
    subprocess.Popen = _Popen
    os.system = os.popen = _no_process
    _Socket.__name__ = _Socket.__qualname__ = "socket"
    _Socket.__module__ = "socket"
    socket.socket = _Socket
    socket.create_connection = socket.create_server = _no_network
    http.client.HTTPSConnection = _HTTPSConnection
    urllib.request.HTTPSHandler = _HTTPSHandler
    socket.getaddrinfo = socket.gethostbyaddr = _no_network
    socket.gethostname = _host_name
    socket.gethostbyname = _resolve
    socket.gethostbyname_ex = _resolve_all
