"""What the library takes from C libraries that this image lacks, where a few lines of Python do."""

import hashlib
import hmac
import time

from _cloche import process_time_ns


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """PBKDF2 of PKCS #5 v2.0 (RFC 8018, section 5.2) with HMAC."""
    start = hmac.new(password, None, hash_name)
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if dklen is None:
        dklen = start.digest_size
    if dklen < 1:
        raise ValueError("key length must be greater than 0.")
    key = b""
    index = 0
    while len(key) < dklen:
        index += 1
        turn = start.copy()
        turn.update(salt + index.to_bytes(4, "big"))
        block = turn.digest()
        total = int.from_bytes(block, "big")
        for _ in range(iterations - 1):
            turn = start.copy()
            turn.update(block)
            block = turn.digest()
            total ^= int.from_bytes(block, "big")
        key += total.to_bytes(start.digest_size, "big")
    return key[:dklen]


def process_time():
    """Processor time of the program in seconds; what it slept or waited does not count."""
    return process_time_ns() / 1e9


_known_clock_info = time.get_clock_info


def get_clock_info(name):
    """Get information of the specified clock."""
    if name != "process_time" and name != "thread_time":
        return _known_clock_info(name)
    info = _known_clock_info("process_time")
    info.implementation = "clock_time_get(CLOCKID_PROCESS_CPUTIME_ID)"
    info.resolution = 1e-9
    return info


def install():
    time.process_time = time.thread_time = process_time
    time.get_clock_info = get_clock_info
    time.process_time_ns = time.thread_time_ns = process_time_ns
    if not hasattr(hashlib, "pbkdf2_hmac"):
        pbkdf2_hmac.__module__ = "hashlib"
        hashlib.pbkdf2_hmac = pbkdf2_hmac
