# reads: shop.sqlite
"""A database where it is: joins, window functions, the result as a table and as a database."""
import csv
import sqlite3

base = sqlite3.connect("file:/input/shop.sqlite?mode=ro", uri=True)
rows = base.execute("""
    with monthly as (
        select substr(day, 1, 7) as month, country, sum(quantity * price_cents) as cents, count(*) as sales
        from sale join customer on customer.id = sale.customer join product on product.id = sale.product
        group by month, country)
    select month, country, cents, sales, rank() over (partition by month order by cents desc, country) as place,
           sum(cents) over (partition by country order by month) as so_far
    from monthly order by month, place""").fetchall()
with open("/output/monthly.csv", "w", encoding="utf-8", newline="") as file:
    table = csv.writer(file)
    table.writerow(["month", "country", "cents", "sales", "place", "so_far"])
    table.writerows(rows)
result = sqlite3.connect("/output/result.sqlite")
with result:
    result.execute("create table best (month text, country text, cents integer)")
    result.executemany("insert into best values (?, ?, ?)", [row[:3] for row in rows if row[4] == 1])
check = result.execute("select count(*), sum(cents) from best").fetchone()
dump = "\n".join(result.iterdump())
result.close()
with open("/output/result.sql", "w", encoding="utf-8") as file:
    file.write(dump)
print(*check, base.execute("select count(*) from sale where comment is not null").fetchone()[0])
