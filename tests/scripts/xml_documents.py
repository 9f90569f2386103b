# XML and HTML: ElementTree parsing, building, namespaces, paths, minidom, SAX, html.parser, escaping.
import html
import io
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from xml.dom import minidom
from xml.sax import ContentHandler, parseString, saxutils

SOURCE = """<?xml version="1.0" encoding="UTF-8"?>
<library xmlns:m="urn:meta" city="K&#xF6;ln">
  <book id="1" m:lang="en"><title>Emma &amp; Co</title><price>9.50</price></book>
  <book id="2"><title>Ulysses</title><price>12</price><!-- long --></book>
  <dvd id="3"/><![CDATA[raw <text>]]>
</library>"""
root = ET.fromstring(SOURCE.encode())
print(root.tag, root.attrib, [child.tag for child in root])
for book in root.iter("book"):
    print(book.get("id"), book.findtext("title"), float(book.find("price").text), book.attrib)
print(root.find("book[@id='2']/title").text, len(root.findall(".//price")), root.find("dvd").tail.strip(), root.find("none"))
print(sum(float(p.text) for p in root.iterfind("./book/price")))
new = ET.SubElement(root, "book", {"id": "4"})
ET.SubElement(new, "title").text = "<New> \"quoted\" é"
root.remove(root.find("dvd"))
new.set("state", "a&b")
text = ET.tostring(new, encoding="unicode")
print(text, ET.tostring(new), ET.fromstring(text).findtext("title"))
ET.indent(new)
print(ET.tostring(new, encoding="unicode"))
for event, element in ET.iterparse(io.BytesIO(b"<a><b>1</b><b>2</b></a>"), ["start", "end"]):
    print(event, element.tag, end="; ")
print()
for bad in ("<a>", "<a></b>", "<a b=c/>", "text", "<a>&undefined;</a>"):
    try:
        ET.fromstring(bad)
    except ET.ParseError as error:
        print(bad, "->", error)
print(minidom.parseString("<r><x y='1'/>t</r>").documentElement.toprettyxml(indent=" ").strip())


class Counter(ContentHandler):
    def __init__(self):
        super().__init__()
        self.depth = self.deepest = 0

    def startElement(self, name, attrs):
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)

    def endElement(self, name):
        self.depth -= 1


counter = Counter()
parseString(b"<a><b><c/></b><d/></a>", counter)
print(counter.deepest, saxutils.escape("<&>"), saxutils.quoteattr('say "hi"'))


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.text = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs).get("href"))

    def handle_data(self, data):
        if data.strip():
            self.text.append(data.strip())


parser = Links()
parser.feed("<p>See <a href='/x?a=1&amp;b=2'>this &mdash; page</a><br><A HREF=other>that</a></p><script>1<2</script>")
print(parser.links, parser.text, html.escape("<a href='x'>"), html.unescape("&lt;&eacute;&#128512;&nope;"))
