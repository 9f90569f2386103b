"""Change the encodings of the streams in the middle of the output."""
# expect: kind=exception type=ValueError
import sys

for encoding in (
    "utf-16",
    "utf-7",
    "cp037",
    "shift_jis",
    "punycode",
    "unicode_escape",
    "latin-1",
    "iso2022_jp",
    "utf-32-be",
    "idna",
    "undefined",
    "rot13",
    "zlib",
):
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.reconfigure(encoding=encoding, errors="replace", newline="\r\n")
            print("\u20ac start \ud800", file=stream, flush=True)
        except (LookupError, UnicodeError, ValueError):
            pass
sys.stdout.reconfigure(encoding="utf-16", errors="surrogatepass")
sys.stderr.reconfigure(encoding="cp037", errors="strict")
raise ValueError("\u4e2d in an error that is written in EBCDIC")
