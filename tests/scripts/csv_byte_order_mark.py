"""A table as spreadsheets write it: a byte order mark, semicolons, decimal commas, \\r\\n."""
import csv
import os

data = "\ufeffname;price;note\r\nZ\xfcrich;9,50;\r\n\"a;b\";0;\"two\r\nlines\"\r\n".encode()
with open("/tmp/cloche_table.csv", "wb") as file:
    file.write(data)
with open("/tmp/cloche_table.csv", newline="", encoding="utf-8-sig") as file:
    dialect = csv.Sniffer().sniff(file.read(30))
    file.seek(0)
    for row in csv.DictReader(file, dialect=dialect):
        print(sorted(row), row["name"], float(row["price"].replace(",", ".")), ascii(row["note"]))
with open("/tmp/cloche_table.csv", newline="", encoding="utf-8") as file:
    print(ascii(next(csv.reader(file, delimiter=";"))))
with open("/tmp/cloche_table.csv", encoding="utf-8-sig") as file:
    print(ascii(file.read()))
print(ascii(data.decode("latin-1")[:4]), data.decode("utf-8-sig").encode("cp1252", "replace")[17:24])
os.remove("/tmp/cloche_table.csv")
