"""The files that the analyses read: as people have them, with what is wrong in them, the same each time.

    data.py FOLDER      makes them there: some tens of MB each
"""

import csv
import datetime
import gzip
import io
import json
import random
import sqlite3
import sys
import tarfile
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

COUNTRIES = ["Deutschland", "Österreich", "Schweiz", "France", "España", "Polska", "Česko", "Danmark", "日本", "Brasil"]
PRODUCTS = [f"{kind} {size}" for kind in ("Lamp", "Chair", "Desk", "Shelf", "Rug, woven", 'Frame 12"', "Vase")
            for size in ("S", "M", "L", "XL")]
START = datetime.datetime(2025, 1, 1)


def orders(path, draw):
    """Byte order mark, semicolons nowhere, quoted commas and line breaks, two forms of dates, amounts that are missing or
    have a currency in them, a line that came twice."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(["order_id", "date", "customer", "country", "product", "quantity", "unit_price", "note"])
        for number in range(480_000):
            day = START + datetime.timedelta(minutes=draw.randrange(525_600))
            price = f"{draw.randrange(199, 99_999) / 100:.2f}"
            row = [number, f"{day:%Y-%m-%d}" if draw.random() < .9 else f"{day:%d.%m.%Y}", f"C{draw.randrange(20_000):05}",
                   draw.choice(COUNTRIES), draw.choice(PRODUCTS), draw.randrange(1, 9),
                   "" if draw.random() < .01 else f"€ {price}" if draw.random() < .02 else price,
                   "call first,\nthen deliver" if draw.random() < .01 else "gift" if draw.random() < .1 else ""]
            table.writerow(row)
            if draw.random() < .003:
                table.writerow(row)


def events(path, draw):
    """A JSON object a line; some lines are cut off, some fields are null, one unit is another."""
    kinds = ["view", "view", "view", "view", "search", "cart", "purchase"]
    with open(path, "w", encoding="utf-8") as file:
        for number in range(200_000):
            moment = START + datetime.timedelta(seconds=number * 13 + draw.randrange(60))
            event = {"ts": moment.isoformat() + "Z", "user": f"u{int(draw.expovariate(1 / 3000)):05}", "type": draw.choice(kinds),
                     "source": draw.choice(["ads", "mail", "direct", "search", None]),
                     "ms": draw.randrange(5, 900), "props": {"page": f"/p/{draw.randrange(500)}", "a/b": draw.choice("AB")}}
            if event["type"] == "purchase":
                event["value"] = round(draw.lognormvariate(3, 1), 2)
            line = json.dumps(event, ensure_ascii=draw.random() < .5)
            file.write((line[:draw.randrange(20, 60)] if draw.random() < .001 else line) + "\n")


def access(path, draw):
    """A web server's log, compressed; user agents with quotes in them, lines of probes that are no requests."""
    agents = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0", 'bad \\"quoted\\" agent', "-"]
    with gzip.GzipFile(path, "wb", mtime=0) as packed, io.TextIOWrapper(packed, "utf-8") as file:
        for number in range(260_000):
            moment = START + datetime.timedelta(seconds=number * 2)
            address = f"10.{int(draw.expovariate(.05)) % 256}.{draw.randrange(4)}.{draw.randrange(200)}"
            if draw.random() < .002:
                file.write(f'{address} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "\\x16\\x03\\x01" 400 0 "-" "-" -\n')
                continue
            file.write(f'{address} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "{draw.choice(["GET", "GET", "POST"])} '
                       f'/api/{draw.choice(["items", "users", "cart", "search"])}/{draw.randrange(300)}?q={draw.randrange(9)} '
                       f'HTTP/1.1" {draw.choice([200] * 12 + [301, 404, 500, 503])} {draw.randrange(100, 90_000)} "-" '
                       f'"{draw.choice(agents)}" {draw.lognormvariate(-3, 1):.4f}\n')


def traces(path, draw):
    """An application's log with tracebacks over many lines among its lines."""
    errors = ["KeyError: 'user_%d'", "TimeoutError: upstream %d did not answer", "ValueError: bad id 0x%x"]
    with open(path, "w", encoding="utf-8") as file:
        for number in range(220_000):
            moment = START + datetime.timedelta(milliseconds=number * 700)
            head = f"{moment.isoformat(timespec='milliseconds')} [worker-{draw.randrange(16)}]"
            if draw.random() < .02:
                at = draw.randrange(3)
                file.write(f"{head} ERROR request {number} failed\nTraceback (most recent call last):\n"
                           f'  File "/srv/app/main.py", line {40 + at}, in handle\n    return self.load(request)\n'
                           f'  File "/srv/app/load.py", line {draw.choice([7, 9])}, in load\n    raise error\n'
                           f"{errors[at] % draw.randrange(9999)}\n")
            else:
                file.write(f"{head} {draw.choice(['INFO', 'INFO', 'DEBUG', 'WARNING'])} request {number} took "
                           f"{draw.randrange(1, 900)} ms, {draw.randrange(9999)} bytes\n")


def shop(path, draw):
    """A database of three tables with an index."""
    base = sqlite3.connect(path)
    base.executescript("""
        create table customer (id integer primary key, name text, country text, since text);
        create table product (id integer primary key, name text, price_cents integer);
        create table sale (id integer primary key, customer integer references customer, product integer references product,
                           day text, quantity integer, comment text);""")
    base.executemany("insert into customer values (?, ?, ?, ?)",
                     ((i, f"Customer {i}", draw.choice(COUNTRIES), f"20{draw.randrange(10, 25)}-01-01") for i in range(20_000)))
    base.executemany("insert into product values (?, ?, ?)",
                     ((i, name, draw.randrange(199, 99_999)) for i, name in enumerate(PRODUCTS)))
    base.executemany("insert into sale values (?, ?, ?, ?, ?, ?)",
                     ((i, draw.randrange(20_000), draw.randrange(len(PRODUCTS)),
                       f"{START + datetime.timedelta(days=draw.randrange(365)):%Y-%m-%d}", draw.randrange(1, 9),
                       None if draw.random() < .7 else "x" * draw.randrange(80)) for i in range(400_000)))
    base.execute("create index sale_day on sale (day)")
    base.commit()
    base.close()


def workbook(path, draw):
    """A spreadsheet: a zip of XML, with shared strings, inline strings, dates as numbers and empty cells."""
    words = [f"{product} ({country})" for product in PRODUCTS for country in COUNTRIES]
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        def put(name, text):
            file.writestr(zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
        put("[Content_Types].xml", '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        put("xl/sharedStrings.xml", f'<?xml version="1.0" encoding="UTF-8"?><sst {space}>'
            + "".join(f"<si><t>{escape(word)}</t></si>" for word in words) + "</sst>")
        rows = ['<row r="1"><c r="A1" t="inlineStr"><is><t>item</t></is></c><c r="B1" t="inlineStr"><is><t>day</t></is></c>'
                '<c r="C1" t="inlineStr"><is><t>stock</t></is></c><c r="D1" t="inlineStr"><is><t>price</t></is></c></row>']
        for number in range(2, 90_002):
            cells = [f'<c r="A{number}" t="s"><v>{draw.randrange(len(words))}</v></c>',
                     f'<c r="B{number}" s="1"><v>{45658 + draw.randrange(365)}</v></c>']
            if draw.random() < .97:
                cells.append(f'<c r="C{number}"><v>{draw.randrange(-3, 500)}</v></c>')
            cells.append(f'<c r="D{number}"><v>{draw.randrange(199, 99_999) / 100}</v></c>')
            rows.append(f'<row r="{number}">{"".join(cells)}</row>')
        put("xl/worksheets/sheet1.xml", f'<?xml version="1.0" encoding="UTF-8"?><worksheet {space}><sheetData>{"".join(rows)}'
            "</sheetData></worksheet>")


def sensors(path, draw):
    """Twelve months of measurements, a member of the archive each; decimal commas, gaps and spikes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for month in range(1, 13):
            lines = ["time\tsensor\tvalue\n"]
            moment = datetime.datetime(2025, month, 1)
            for minute in range(0, 28 * 1440):
                value = 20 + 5 * ((minute % 1440) / 1440) + draw.gauss(0, .3) + (60 if draw.random() < .0005 else 0)
                if draw.random() > .02:
                    lines.append(f"{moment + datetime.timedelta(minutes=minute):%Y-%m-%d %H:%M}\ts{draw.randrange(4)}\t"
                                 f"{value:.3f}\n".replace(".", ","))
            file.writestr(zipfile.ZipInfo(f"{month:02}/measured.tsv", (2025, month, 1, 0, 0, 0)), "".join(lines),
                          zipfile.ZIP_DEFLATED)


def letters(path, draw):
    """Ten thousand texts in an archive, some in Latin-1."""
    words = ["".join(draw.choice("etaoinshrdlucmföäß") for _ in range(draw.randrange(2, 9))) for _ in range(3000)]
    with tarfile.open(path, "w:xz", preset=1, format=tarfile.PAX_FORMAT) as file:
        for number in range(10_000):
            text = " ".join(words[min(int(draw.paretovariate(.6)) - 1, 2999)] for _ in range(draw.randrange(100, 600)))
            data = text.encode("latin-1" if number % 10 == 0 else "utf-8")
            member = tarfile.TarInfo(f"letters/{number // 100:02}/{number:04}.txt")
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))


FILES = {"orders.csv": orders, "events.jsonl": events, "access.log.gz": access, "app.log": traces, "shop.sqlite": shop,
         "stock.xlsx": workbook, "sensors.zip": sensors, "letters.tar.xz": letters}


def make(folder):
    for name, write in FILES.items():
        write(folder / name, random.Random(name))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
