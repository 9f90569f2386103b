"""Source as bytes with coding cookies: unknown codecs, codecs that are none, codecs that change
the text."""
# expect: kind=ok stdout=held
wrong = []
for codec in (
    "utf-7",
    "utf-16",
    "utf-32",
    "rot13",
    "hex",
    "zlib",
    "bz2",
    "punycode",
    "idna",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "uu",
    "base64",
    "quopri",
    "cp037",
    "shift_jis",
    "iso2022_jp",
    "big5",
    "latin-1",
    "ascii",
    "utf-8-sig",
    "x" * 10_000,
    "../../etc/passwd",
    "a\\0b",
    "os",
    "encodings",
    "__init__",
    "mbcs",
    "oem",
):
    for body in (
        b"print('\xff\xfe')",
        b"x = '\\x41'",
        b'\x1b$B$"\x1b(B',
        b"+ADw-",
        b"'" + bytes(range(128, 256)) + b"'",
    ):
        source = b"# -*- coding: " + codec.encode() + b" -*-\n" + body
        try:
            compile(source, "x", "exec")
        except (SyntaxError, ValueError, LookupError, MemoryError):
            pass
for source in (
    b"\xef\xbb\xbf# coding: latin-1\n1",
    b"\xef\xbb\xbf\xef\xbb\xbf1",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    "'\ud800'",
):
    try:
        compile(source, "x", "exec")
        wrong.append(source)
    except (SyntaxError, UnicodeError, ValueError):
        pass
print(wrong or "held")
