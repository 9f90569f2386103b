"""Billion laughs, quadratic blow-up, external entities, elements nested without end."""
# expect: kind=ok stdout=held
# limits: --memory 128MiB
import xml.dom.minidom
import xml.etree.ElementTree as tree
import xml.parsers.expat
import xml.sax

wrong = []
laughs = (
    "<!DOCTYPE l [<!ENTITY l0 'ha'>"
    + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 12))
    + "]><l>&l11;</l>"
)
quadratic = "<!DOCTYPE q [<!ENTITY a '" + "a" * 50_000 + "'>]><q>" + "&a;" * 5_000 + "</q>"
outside = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>"
outside_dtd = "<!DOCTYPE x SYSTEM 'http://127.0.0.1/x.dtd'><x/>"
parameter = "<!DOCTYPE x [<!ENTITY % p SYSTEM 'file:///proc/self/mem'> %p;]><x/>"
recursive = "<!DOCTYPE x [<!ENTITY a '&b;'><!ENTITY b '&a;'>]><x>&a;</x>"
deep = "<a>" * 20_000
attributes = "<a " + " ".join(f"a{n}='x'" for n in range(5_000)) + "/>"
for name, text in (
    ("laughs", laughs),
    ("quadratic", quadratic),
    ("outside", outside),
    ("dtd", outside_dtd),
    ("parameter", parameter),
    ("recursive", recursive),
    ("deep", deep),
    ("attributes", attributes),
    ("nul", "<a>\0</a>"),
    ("surrogate", "<a>&#xD800;</a>"),
    ("name", "<" + "n" * 100_000 + "/>"),
    ("encoding", "<?xml version='1.0' encoding='rot13'?><a/>"),
    ("comment", "<!--" + "-" * 100_000),
    ("cdata", "<a><![CDATA[" + "x" * 100_000),
):
    for act in (
        tree.fromstring,
        lambda t: xml.parsers.expat.ParserCreate().Parse(t, True),
        lambda t: xml.sax.parseString(t, xml.sax.ContentHandler()),
    ):
        try:
            value = act(text)
            if name in ("laughs", "quadratic", "recursive", "nul", "surrogate") or (
                name == "outside" and getattr(value, "text", None)
            ):
                wrong.append((name, value))
        except (
            tree.ParseError,
            xml.parsers.expat.ExpatError,
            xml.sax.SAXException,
            OSError,
            ValueError,
            LookupError,
            RecursionError,
            MemoryError,
            ImportError,
        ):
            pass
print(wrong or "held")
