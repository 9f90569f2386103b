# reads: orders.csv
"""The best customers, and how their orders are spread."""
import csv
import json
import math
import statistics
from collections import Counter, defaultdict

spent, products = defaultdict(list), defaultdict(Counter)
with open("/input/orders.csv", encoding="utf-8-sig", newline="") as file:
    for row in csv.DictReader(file):
        price = row["unit_price"].replace("€", "").strip()
        if price:
            spent[row["customer"]].append(float(price) * int(row["quantity"]))
            products[row["customer"]][row["product"]] += int(row["quantity"])
best = sorted(spent, key=lambda one: (-math.fsum(spent[one]), one))[:100]
report = [{"customer": one, "orders": len(spent[one]), "spent": round(math.fsum(spent[one]), 2),
           "median": round(statistics.median(spent[one]), 2), "spread": round(statistics.pstdev(spent[one]), 4),
           "favourites": [name for name, _ in sorted(products[one].items(), key=lambda item: (-item[1], item[0]))[:3]]}
          for one in best]
with open("/output/best.json", "w", encoding="utf-8") as file:
    json.dump(report, file, ensure_ascii=False, indent=1)
quartiles = statistics.quantiles((math.fsum(values) for values in spent.values()), n=4)
print([round(value, 2) for value in quartiles])
