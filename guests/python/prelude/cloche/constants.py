"""The numbers of socket and select as Linux has them.

There is nothing to connect to, but programs print, compare and store them. This is done before
anything else imports the two modules. What the C library is handed comes with its own numbers.
"""

import functools
import select

import _socket

_SOCKET = {
    "AF_INET": 2, "AF_INET6": 10, "AI_ADDRCONFIG": 32, "AI_ALL": 16, "AI_V4MAPPED": 8,
    "EAI_ADDRFAMILY": -9, "EAI_AGAIN": -3, "EAI_BADFLAGS": -1, "EAI_FAIL": -4, "EAI_FAMILY": -6,
    "EAI_MEMORY": -10, "EAI_NODATA": -5, "EAI_NONAME": -2, "EAI_SERVICE": -8, "EAI_SOCKTYPE": -7,
    "EAI_SYSTEM": -11, "INADDR_ALLHOSTS_GROUP": 0xe0000001, "INADDR_BROADCAST": 0xffffffff,
    "INADDR_MAX_LOCAL_GROUP": 0xe00000ff, "INADDR_NONE": 0xffffffff,
    "INADDR_UNSPEC_GROUP": 0xe0000000, "MSG_PEEK": 2, "MSG_TRUNC": 32, "MSG_WAITALL": 256,
    "NI_NAMEREQD": 8, "NI_NOFQDN": 4, "NI_NUMERICHOST": 1, "NI_NUMERICSERV": 2, "SHUT_RD": 0,
    "SHUT_RDWR": 2, "SHUT_WR": 1, "SOCK_CLOEXEC": 0o2000000, "SOCK_DGRAM": 2,
    "SOCK_NONBLOCK": 0o4000, "SOCK_STREAM": 1, "SOL_SOCKET": 1, "SOMAXCONN": 4096,
}
_UNKNOWN_TO_LINUX = ("AI_DEFAULT", "AI_MASK", "AI_V4MAPPED_CFG", "EAI_BADHINTS", "EAI_MAX",
                     "EAI_PROTOCOL")
_POLL = {"POLLIN": 1, "POLLPRI": 2, "POLLOUT": 4, "POLLERR": 8, "POLLHUP": 16, "POLLNVAL": 32,
         "POLLRDNORM": 64, "POLLWRNORM": 256}


def _with_family(function, linux, own):
    @functools.wraps(function)
    def call(family, text, /):
        return function(own if family == linux else family, text)
    return call


class _Poll:
    """select.poll, between Linux's events and the C library's."""

    def __init__(self, poll, bits):
        self._poll = poll
        self._bits = bits  # Linux's to the C library's

    def _asked(self, events):
        return sum({bit for mine, bit in self._bits.items() if events & mine})

    def register(self, fd, eventmask=_POLL["POLLIN"] | _POLL["POLLPRI"] | _POLL["POLLOUT"], /):
        self._poll.register(fd, self._asked(eventmask))

    def modify(self, fd, eventmask, /):
        self._poll.modify(fd, self._asked(eventmask))

    def unregister(self, fd, /):
        self._poll.unregister(fd)

    def poll(self, timeout=None, /):
        return [(fd, self._happened(events)) for fd, events in self._poll.poll(timeout)]

    def _happened(self, events):
        told, all_ = set(), 0
        for mine, bit in self._bits.items():
            if events & bit and bit not in told:
                told.add(bit)
                all_ |= mine
        return all_


def install():
    for name in ("inet_pton", "inet_ntop"):
        function = getattr(_socket, name)
        setattr(_socket, name, _with_family(function, _SOCKET["AF_INET"], _socket.AF_INET))
    for name, value in _SOCKET.items():
        if hasattr(_socket, name):
            setattr(_socket, name, value)
    for name in _UNKNOWN_TO_LINUX:
        if hasattr(_socket, name):
            delattr(_socket, name)
    bits = {value: getattr(select, name) for name, value in _POLL.items()}
    make = select.poll
    select.poll = functools.wraps(make)(lambda: _Poll(make(), bits))
    for name, value in _POLL.items():
        setattr(select, name, value)
