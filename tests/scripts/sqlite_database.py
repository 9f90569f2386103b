# sqlite3: schema, parameters, transactions, joins, aggregates, row factories, errors, files.
import os
import sqlite3

connection = sqlite3.connect(":memory:")
connection.row_factory = sqlite3.Row
connection.executescript("""
    CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, city TEXT);
    CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer(id), total REAL, day TEXT);
    CREATE INDEX by_customer ON orders(customer);
""")
connection.executemany("INSERT INTO customer(name, city) VALUES(?, ?)",
                       [("Ann", "Oslo"), ("Bob", "Rome"), ("Cyd", None), ("Dee", "Oslo")])
connection.executemany("INSERT INTO orders(customer, total, day) VALUES(:c, :t, :d)",
                       [{"c": 1 + i % 3, "t": 10.5 * i, "d": f"2024-0{1 + i % 2}-1{i}"} for i in range(9)])
connection.commit()
query = """
    SELECT c.name, COUNT(o.id) AS n, ROUND(SUM(o.total), 1) AS total, MAX(o.day) AS latest
    FROM customer c LEFT JOIN orders o ON o.customer = c.id
    GROUP BY c.id HAVING n >= 0 ORDER BY total DESC NULLS LAST
"""
for row in connection.execute(query):
    print(tuple(row), row["name"], row.keys()[1])
print([tuple(r) for r in connection.execute(
    "SELECT name, ROW_NUMBER() OVER (PARTITION BY city ORDER BY name) FROM customer ORDER BY name")])
print([r[0] for r in connection.execute(
    "WITH RECURSIVE f(a, b) AS (VALUES(0, 1) UNION ALL SELECT b, a + b FROM f WHERE b < 60) SELECT a FROM f")])
try:
    with connection:
        connection.execute("UPDATE customer SET city = 'Bonn' WHERE id = 1")
        connection.execute("INSERT INTO customer(name) VALUES('Bob')")
except sqlite3.IntegrityError as error:
    print("rolled back:", error, connection.execute("SELECT city FROM customer WHERE id=1").fetchone()[0])
connection.create_function("double", 1, lambda x: x * 2)


class Longest:
    def __init__(self):
        self.best = ""

    def step(self, value):
        self.best = max(self.best, value or "", key=len)

    def finalize(self):
        return self.best


connection.create_aggregate("longest", 1, Longest)
print(tuple(connection.execute("SELECT double(21), longest(city), typeof(x'00'), json_extract('{\"a\":[1,2]}', '$.a[1]') FROM customer").fetchone()))
for bad in ("SELEC 1", "SELECT * FROM missing", "INSERT INTO customer(city) VALUES('x')"):
    try:
        connection.execute(bad)
    except sqlite3.Error as error:
        print(type(error).__name__, error)
print(connection.execute("SELECT ?, ?, ?", (None, b"\x00\xff", 2**62)).fetchone()[:], connection.total_changes > 10)
path = "/tmp/oracle-test.db"
with sqlite3.connect(path) as file:
    file.execute("CREATE TABLE t(x)")
    file.executemany("INSERT INTO t VALUES(?)", ((n,) for n in range(1000)))
file.close()
again = sqlite3.connect(path)
print(again.execute("SELECT COUNT(*), SUM(x), AVG(x) FROM t WHERE x % 7 = 0").fetchone())
again.close()
os.remove(path)
