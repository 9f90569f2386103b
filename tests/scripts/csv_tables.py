# CSV: readers, writers, dialects, quoting, DictReader, sniffing, grouping.
import csv
import io
from collections import defaultdict

SOURCE = '''region,product,units,price
north,"Widget, large",10,2.50
south,"He said ""hi""",3,10
north,Widget,7,"1,000.75"
east,"multi
line",1,0
'''
rows = list(csv.DictReader(io.StringIO(SOURCE)))
for row in rows:
    print(row)
totals = defaultdict(float)
for row in rows:
    totals[row["region"]] += int(row["units"]) * float(row["price"].replace(",", ""))
print({k: round(v, 2) for k, v in sorted(totals.items())})

out = io.StringIO()
writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
writer.writerow(["plain", "with,comma", 'with "quote"', "new\nline", None, 3.5, ""])
writer.writerows([[1, 2], ["a", "b c"]])
print(repr(out.getvalue()))

out = io.StringIO()
writer = csv.DictWriter(out, ["a", "b"], delimiter="\t", quoting=csv.QUOTE_ALL, extrasaction="ignore",
                        restval="-", lineterminator="\n")
writer.writeheader()
writer.writerow({"a": 1, "c": 9})
writer.writerow({"a": "x\ty", "b": 2})
print(out.getvalue())


class Pipes(csv.excel):
    delimiter = "|"
    quotechar = "'"
    skipinitialspace = True


csv.register_dialect("pipes", Pipes)
print(list(csv.reader(["a| 'b|c'|d", "1|2|3"], "pipes")))
print(csv.Sniffer().sniff("a;b;c\n1;2;3\n").delimiter, csv.Sniffer().has_header("name,age\nbob,3\nal,44\n"))
try:
    list(csv.reader(['"unclosed'], strict=True))
except csv.Error as error:
    print("error:", error)
