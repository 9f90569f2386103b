# Unicode: normalisation, categories, case mapping, encodings, surrogates, grapheme pitfalls.
import unicodedata as ud

for char in "é", "ß", "İ", "ﬁ", "Ω", "中", "٣", "😀", "\u0301":
    print(repr(char), ud.name(char, "?"), ud.category(char), ud.east_asian_width(char),
          [f"{ord(c):04x}" for c in char.upper()], [f"{ord(c):04x}" for c in char.casefold()])
composed, decomposed = "café", "cafe\u0301"
print(composed == decomposed, len(composed), len(decomposed),
      ud.normalize("NFC", decomposed) == composed, ud.normalize("NFKD", "ﬁ①²"))
print("ǅ".title(), "ŉ".upper(), "ΑΣ".lower(), "straße".casefold() == "STRASSE".casefold(), "İ".lower() == "i̇")
for text in ("naïve", "日本語", "😀"):
    print(text.encode(), text.encode("utf-16-le").hex(), text.encode("utf-32-be").hex())
print("abc".encode("utf-16")[:2] in (b"\xff\xfe", b"\xfe\xff"), b"\xef\xbb\xbfhi".decode("utf-8-sig"))
print("naïve😀".encode("ascii", "replace"), "naïve".encode("ascii", "xmlcharrefreplace"),
      "naïve".encode("ascii", "backslashreplace"), "é".encode("latin-1"), "€".encode("cp1252"))
print(b"caf\xe9".decode("utf-8", "replace"), b"caf\xe9".decode("latin-1"), b"\xff".decode("utf-8", "ignore"))
for data, codec in ((b"\xff", "utf-8"), (b"\x80", "ascii"), ("\ud800", "utf-8"), ("ā", "latin-1")):
    try:
        data.decode(codec) if isinstance(data, bytes) else data.encode(codec)
    except UnicodeError as error:
        print(type(error).__name__, error)
print("\ud800".encode("utf-8", "surrogatepass"), b"\x80abc".decode("utf-8", "surrogateescape").encode("utf-8", "surrogateescape"))
print([c for c in "a1²½五Ⅷ" if c.isnumeric()], [c for c in "a1²½五Ⅷ" if c.isdigit()], [c for c in "a1²五" if c.isdecimal()])
print(ud.numeric("½"), ud.digit("٣"), int("٣٤"), ud.bidirectional("א"), ud.combining("\u0301"), ud.mirrored("("))
print(sorted(["zebra", "Äpfel", "apple", "Zoo", "éclair"]), sorted("bBaA", key=str.swapcase))
print("a\u2028b\x0bc\x1cd\r\ne".splitlines(), "\u00a0 x\u3000".strip() == "x", "x\u200by".isprintable())
print("Hello"[::-1], "tschüß".translate(str.maketrans({"ü": "ue", "ß": "ss", "t": None})), "αβγ".isalpha(), "变量".isidentifier())
print(ascii("é😀\n"), "\N{GREEK SMALL LETTER PI}", "\x41\u0042\U00000043", chr(0x10FFFF).encode().hex())
