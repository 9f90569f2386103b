"""Slow and quadratic decoders: IDNA, punycode, UTF-7, escapes, multibyte state machines."""
# expect: kind=ok stdout_has=start
# limits: --memory 128MiB
print("start", flush=True)
roads = [
    lambda: ("\u00fc" * 60 + ".").encode("idna"),
    lambda: ("a\u00fc" * 20_000).encode("punycode"),
    lambda: (b"a-" + b"9" * 20_000).decode("punycode"),
    lambda: (b"+" + b"AAAA" * 200_000).decode("utf-7"),
    lambda: (b"\\" * 999_999).decode("unicode_escape"),
    lambda: (b"\\N{" * 100_000).decode("unicode_escape"),
    lambda: (b"\x1b$B" * 100_000).decode("iso2022_jp"),
    lambda: (b"\x81" * 999_999).decode("shift_jis", "replace"),
    lambda: ("x" * 100_000 + "\u3002" * 1000).encode("idna"),
    lambda: b"\xff" * 999_999
    == (b"\xff" * 999_999).decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape"),
    lambda: ("\U0010ffff" * 200_000).encode("ascii", "namereplace"),
    lambda: (b"\xd8\x00" * 200_000).decode("utf-16", "backslashreplace"),
]
for road in roads:
    try:
        road()
    except (UnicodeError, ValueError, MemoryError):
        pass
print("end")
