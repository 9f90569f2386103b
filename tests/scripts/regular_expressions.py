# Regular expressions: groups, flags, lookaround, substitution, splitting, scanning, errors.
import re

LOG = """2024-05-01 10:00:01 ERROR db: connection lost (code=17)
2024-05-01 10:00:05 INFO  web: GET /index.html 200
2024-05-02 11:30:00 WARN  db: slow query (code=3)
"""
pattern = re.compile(r"^(?P<day>\d{4}-\d\d-\d\d) (?P<time>[\d:]+) (?P<level>[A-Z]+)\s+(?P<unit>\w+): "
                     r"(?P<text>.*?)(?: \(code=(?P<code>\d+)\))?$", re.M)
for match in pattern.finditer(LOG):
    print(match["level"], match.groupdict()["code"], match.span("unit"), repr(match["text"]))
print(re.findall(r"\b(\w)(\w*)\b", "ab c def"), re.split(r"([,;])\s*", "a, b;c"))
print(re.sub(r"(?P<a>\w+) (?P<b>\w+)", r"\g<b> \g<a>", "hello world"), re.subn("a", "b", "banana", 2))
print(re.sub(r"\d+", lambda m: str(int(m[0]) * 2), "3 apples, 14 pears"))
print(re.findall(r"(?<=\$)\d+(?:\.\d\d)?(?! USD)", "$10 $20.50 $30.00 USD"))
print(re.findall(r"(?i)straße|STRASSE", "Straße strasse"), re.findall(r"\w+", "naïve café 日本", re.A))
print(re.match(r"(a+)+$", "a" * 20 + "b"), re.fullmatch(r"[a-f\d]{4}", "0aFf", re.I) is not None)
print(re.search(r"(?s)<b>(.*?)</b>", "<b>x\ny</b><b>z</b>")[1], re.findall(r"(?m)^\s*#.*$", "#a\n b\n  #c"))
print(re.findall(r"(\d+)(?=(\d{3})+$)", "1234567"), re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", "1234567"))
print(re.compile(r"""
    (?P<year>\d{4})   # year
    [-/.]             # separator
    (?P<month>0[1-9]|1[0-2])
""", re.X).search("on 2021/07").groupdict())
print([m.start() for m in re.finditer("(?=aba)", "ababaaba")], re.escape("a.b*c[d]"))
print(re.match(r"(?:(\()|\[)\w+(?(1)\)|\])", "(ok)")[0], re.match(r"(?:(\()|\[)\w+(?(1)\)|\])", "[no)"))
print(re.match(r"(?>a+)b", "aaab"), re.match(r"a++b", "aab"), re.match(r"(?>a+)ab", "aaab"))
for bad in ("(", "[z-a]", "(?P<1>x)", "*a", r"\g"):
    try:
        re.compile(bad)
    except re.error as error:
        print(repr(bad), "->", error)
scanner = re.Scanner([(r"\d+", lambda s, t: int(t)), (r"[-+*/()]", lambda s, t: t), (r"\s+", None)])
print(scanner.scan("12 + (3*45) ?"))
