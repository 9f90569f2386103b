"""Text: logs taken apart with re, reports put together, templates, wrapping, csv, encodings."""

import base64
import collections
import csv
import difflib
import hashlib
import html
import io
import re
import string
import textwrap
import unicodedata
import urllib.parse
import zlib

HOSTS = ["alpha", "beta", "gamma", "delta"]
LEVELS = ["DEBUG", "INFO", "INFO", "INFO", "WARNING", "ERROR"]


def make_log(lines):
    out = []
    for n in range(lines):
        out.append(
            "2025-03-%02d %02d:%02d:%02d,%03d [%s] %s: request id=%08x path=/api/v%d/items/%d "
            "took %.2f ms from 10.%d.%d.%d"
            % (n % 28 + 1, n % 24, n * 7 % 60, n * 11 % 60, n % 1000, LEVELS[n % 6],
               HOSTS[n % 4], n * 2654435761 % 2**32, n % 3, n * n % 997, n % 131 * 1.37,
               n % 256, n * 3 % 256, n * 7 % 256))
    return "\n".join(out)


LINE = re.compile(
    r"^(?P<date>\d{4}-\d\d-\d\d) (?P<time>[\d:,]+) \[(?P<level>\w+)\] (?P<host>\w+): "
    r"request id=(?P<id>[0-9a-f]{8}) path=(?P<path>\S+) took (?P<ms>[\d.]+) ms from (?P<ip>\S+)$",
    re.MULTILINE)


def analyse(log):
    by_host = collections.defaultdict(list)
    levels = collections.Counter()
    paths = collections.Counter()
    for match in LINE.finditer(log):
        by_host[match["host"]].append(float(match["ms"]))
        levels[match.group("level")] += 1
        paths["/".join(match["path"].split("/")[:3])] += 1
    rows = []
    for host in sorted(by_host):
        times = sorted(by_host[host])
        rows.append(f"{host:<10}|{len(times):>6d}|{sum(times) / len(times):>9.3f}"
                    f"|{times[len(times) // 2]:>9.3f}|{max(times):>9.3f}")
    return "\n".join(rows), levels.most_common(), paths.most_common(3)


WORDS = ("the quick brown fox jumps over a lazy dog while seven wizards mix strong potions and "
         "every reader wonders whether Zoë’s naïve café serves crème brûlée at 5 o'clock").split()


def prose(count):
    return " ".join(WORDS[n * n % len(WORDS)] + ("." if n % 13 == 12 else "")
                    for n in range(count))


def words(text):
    counts = {}
    for word in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text.lower()):
        counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    return ranked[:5], len(slug), text.title().count("Fox"), text.translate(
        str.maketrans("aeiou", "*****")).count("*")


def table(rows):
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=["id", "name", "price", "note"])
    writer.writeheader()
    for n in range(rows):
        writer.writerow({"id": n, "name": f"item {n}", "price": f"{n * 1.17:.2f}",
                         "note": 'said "yes", then left' if n % 3 else "line\nbreak"})
    total = 0.0
    seen = set()
    for row in csv.DictReader(io.StringIO(buffer.getvalue())):
        total += float(row["price"])
        seen.add(row["note"].upper())
    return round(total, 2), len(seen)


def markup(text):
    paragraphs = textwrap.wrap(text, 72)
    page = string.Template("<h1>$title</h1>\n<p>$body</p>")
    out = page.substitute(title=html.escape("A & B <c>"),
                          body="</p>\n<p>".join(html.escape(p) for p in paragraphs))
    tags = re.sub(r"<(\w+)[^>]*>(.*?)</\1>", lambda m: f"[{m[1]}:{len(m[2])}]", out)
    markdown = "\n".join(f"| {p[:10]!r:>14} | {len(p):^5} | {p.find(' '):+d} |" for p in paragraphs)
    return len(out), len(tags), len(markdown), textwrap.shorten(text, 40)


def encodings(text):
    raw = text.encode("utf-8")
    packed = zlib.compress(raw, 6)
    assert zlib.decompress(packed).decode() == text
    coded = base64.b64encode(raw).decode("ascii")
    assert base64.b64decode(coded) == raw
    query = urllib.parse.urlencode({"q": text[:200], "page": 2, "tags": ["x", "y"]}, doseq=True)
    assert urllib.parse.parse_qs(query)["page"] == ["2"]
    split = urllib.parse.urlsplit("https://user@example.org:8080/a/b;c?d=e&f=%20g#h")
    return (hashlib.sha256(raw).hexdigest()[:8], hashlib.md5(raw).hexdigest()[:8], len(packed),
            len(query), split.port, raw.hex()[:10], text.encode("utf-16-le").count(b"\0"))


def compare(text):
    one = textwrap.wrap(text[:2500], 50)
    two = [line.replace("fox", "cat") if n % 5 == 0 else line for n, line in enumerate(one)]
    diff = list(difflib.unified_diff(one, two, lineterm=""))
    ratio = difflib.SequenceMatcher(None, one[0], two[0]).ratio()
    return len(diff), round(ratio, 3), difflib.get_close_matches("wizard", WORDS)


def caesar(text, shift):
    out = []
    for char in text:
        if "a" <= char <= "z":
            out.append(chr((ord(char) - 97 + shift) % 26 + 97))
        elif char.isupper():
            out.append(chr((ord(char) - 65 + shift) % 26 + 65))
        else:
            out.append(char)
    return "".join(out)


def is_palindrome(word):
    kept = [c.lower() for c in word if c.isalnum()]
    return kept == kept[::-1]


for _ in range(4):
    report = analyse(make_log(1500))
    story = prose(3000)
    results = words(story), table(800), markup(story), encodings(story), compare(story)
    secret = caesar(story, 3)
    assert caesar(secret, -3).lower()[:50] == story.lower()[:50]
    mirrored = [w for w in WORDS if is_palindrome(w + w[::-1])]
print(report[0])
print(results)
