# urllib.parse, ipaddress, uuid, mimetypes, email: names and addresses of things.
import ipaddress
import mimetypes
import uuid
from email import message_from_string, policy
from email.message import EmailMessage
from email.utils import formataddr, parseaddr, parsedate_to_datetime
from urllib.parse import parse_qs, parse_qsl, quote, quote_plus, unquote, urlencode, urljoin, urlsplit, urlunsplit

parts = urlsplit("https://user:p%40ss@example.com:8443/a/b.html;p?q=1&q=2&x=%C3%A9&empty=#frag")
print(parts.scheme, parts.hostname, parts.port, parts.path, parts.username, parts.password, parts.fragment)
print(parse_qs(parts.query), parse_qs(parts.query, keep_blank_values=True)["empty"], parse_qsl("a=1&b=2+3"))
print(urlencode({"name": "Zoë & co", "list": [1, 2]}, doseq=True), quote("a b/ü?"), quote("a b/c", safe=""), quote_plus("a b+c"), unquote("%E2%82%AC%20x"))
for relative in ("c.html", "../d", "/e", "//other.org/f", "?g=1", "#h", "mailto:x@y"):
    print(relative, "->", urljoin("http://example.com/a/b.html", relative))
print(urlunsplit(("http", "h", "/p", "q=1", "")), urlsplit("http://[::1]:80/x").hostname)
net = ipaddress.ip_network("192.168.4.0/22")
print(net.num_addresses, net.netmask, net.broadcast_address, ipaddress.ip_address("192.168.6.77") in net, [str(n) for n in net.subnets(prefixlen_diff=1)])
print([str(ipaddress.ip_address(a)) + ":" + "".join("PLG"[i] for i, f in enumerate(("is_private", "is_loopback", "is_global")) if getattr(ipaddress.ip_address(a), f))
       for a in ("10.1.2.3", "127.0.0.1", "8.8.8.8", "::1", "fe80::1", "2001:4860::8888")])
print(ipaddress.ip_address("2001:db8::ff").exploded, [str(n) for n in ipaddress.collapse_addresses(map(ipaddress.ip_network, ["10.0.0.0/25", "10.0.0.128/25"]))], int(ipaddress.ip_address("1.2.3.4")))
for bad in ("300.1.1.1", "1.2.3", "10.0.0.1/33"):
    try:
        ipaddress.ip_network(bad)
    except ValueError as error:
        print(error)
print(uuid.uuid5(uuid.NAMESPACE_DNS, "example.com"), uuid.uuid3(uuid.NAMESPACE_URL, "x"), uuid.UUID(int=5).hex[-4:], uuid.uuid4().version)
print(mimetypes.guess_type("a/b.tar.gz"), mimetypes.guess_type("x.html"), mimetypes.guess_extension("image/png"))
message = EmailMessage()
message["Subject"] = "Grüße"
message["From"] = formataddr(("Ann O'X", "ann@example.com"))
message["To"] = "bob@example.com, cyd@example.com"
message.set_content("Hello\nWörld\n")
message.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="data.bin")
again = message_from_string(message.as_string(), policy=policy.default)
print(again["subject"], [a.addr_spec for a in again["to"].addresses], again.get_body().get_content(), [p.get_filename() for p in again.iter_attachments()], again.get_content_type())
print(parseaddr('"Doe, J" <j@d.org>'), parsedate_to_datetime("Tue, 05 Mar 2024 10:00:00 +0100").isoformat())
