# reads: orders.csv
"""Clean the orders, and sum up revenue by month and country."""
import csv
from collections import defaultdict
from datetime import datetime
from decimal import Decimal

seen, months, skipped = set(), defaultdict(Decimal), 0
with open("/input/orders.csv", encoding="utf-8-sig", newline="") as source, \
        open("/output/clean.csv", "w", encoding="utf-8", newline="") as target:
    rows = csv.DictReader(source)
    clean = csv.DictWriter(target, ["order_id", "date", "customer", "country", "product", "quantity", "unit_price"],
                           extrasaction="ignore")
    clean.writeheader()
    for row in rows:
        price = row["unit_price"].removeprefix("€").strip()
        if row["order_id"] in seen or not price:
            skipped += 1
            continue
        seen.add(row["order_id"])
        form = "%Y-%m-%d" if row["date"][4] == "-" else "%d.%m.%Y"
        day = row["date"] if form == "%Y-%m-%d" else datetime.strptime(row["date"], form).strftime("%Y-%m-%d")
        row |= {"date": day, "unit_price": price}
        clean.writerow(row)
        months[day[:7], row["country"]] += int(row["quantity"]) * Decimal(price)
with open("/output/revenue.csv", "w", encoding="utf-8", newline="") as file:
    table = csv.writer(file)
    table.writerow(["month", "country", "revenue"])
    table.writerows([*key, value] for key, value in sorted(months.items()))
print(f"{len(seen)} orders, {skipped} skipped, {sum(months.values())} in all")
