# reads: stock.xlsx
"""A spreadsheet without a library: a zip of XML, cleaned into a table and into another spreadsheet."""
import csv
import datetime
import zipfile
from collections import defaultdict
from xml.etree import ElementTree

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
with zipfile.ZipFile("/input/stock.xlsx") as book:
    with book.open("xl/sharedStrings.xml") as part:
        words = ["".join(text.itertext()) for text in ElementTree.parse(part).iter(SPACE + "si")]
    rows = []
    with book.open("xl/worksheets/sheet1.xml") as part:
        for _, element in ElementTree.iterparse(part):
            if element.tag != SPACE + "row":
                continue
            row = {}
            for cell in element:
                value = cell.findtext(SPACE + "v")
                if cell.get("t") == "s":
                    value = words[int(value)]
                elif cell.get("t") == "inlineStr":
                    value = cell.findtext(f"{SPACE}is/{SPACE}t")
                elif cell.get("s") == "1":
                    value = (datetime.date(1899, 12, 30) + datetime.timedelta(days=int(value))).isoformat()
                row[cell.get("r")[0]] = value
            rows.append([row.get(column, "") for column in "ABCD"])
            element.clear()
head, *body = rows
good = sorted(row for row in body if row[2] and int(row[2]) >= 0)
with open("/output/stock.csv", "w", encoding="utf-8", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([head, *good])
items = defaultdict(float)
for item, _, stock, price in good:
    items[item] += int(stock) * float(price)
sheet = "".join(f'<row><c t="inlineStr"><is><t>{item.replace("&", "&amp;")}</t></is></c><c><v>{value:.2f}</v></c></row>'
                for item, value in sorted(items.items()))
with zipfile.ZipFile("/output/values.xlsx", "w") as book:
    for name, text in (("[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'),
                       ("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{SPACE[1:-1]}"><sheetData>{sheet}</sheetData></worksheet>')):
        book.writestr(zipfile.ZipInfo(name, (2025, 1, 1, 0, 0, 0)), text)
print(len(body), len(good), len(items))
