# Working on text: word frequencies, n-grams, edit distance, diffs, palindromes, Caesar, parsing tables.
import difflib
import string
from collections import Counter

TEXT = """It is a truth universally acknowledged, that a single man in possession
of a good fortune, must be in want of a wife. However little known the feelings
or views of such a man may be on his first entering a neighbourhood, this truth
is so well fixed in the minds of the surrounding families."""

words = [word.strip(string.punctuation).lower() for word in TEXT.split()]
print(len(words), len(set(words)), Counter(words).most_common(4))
print(Counter(zip(words, words[1:])).most_common(2), max(words, key=lambda w: (len(w), w)))
letters = Counter(c for c in TEXT.lower() if c.isalpha())
for letter, number in letters.most_common(5):
    print(f"{letter} {'#' * (number // 2)} {number / letters.total():.2%}")


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


print(edit_distance("kitten", "sitting"), edit_distance("", "abc"), edit_distance("flaw", "lawn"))
print(difflib.get_close_matches("appel", ["ape", "apple", "peach", "puppy"]), round(difflib.SequenceMatcher(None, "abcd", "bcde").ratio(), 3))
print("\n".join(difflib.unified_diff(["a", "b", "c"], ["a", "x", "c", "d"], "old", "new", lineterm="")))
caesar = str.maketrans(string.ascii_letters, string.ascii_lowercase[3:] + "abc" + string.ascii_uppercase[3:] + "ABC")
print("Hello, World".translate(caesar), "madam im adam".replace(" ", "") == "madam im adam".replace(" ", "")[::-1])
table = """
name   | qty | price
-------|-----|------
bolt   |  10 |  0.25
nut    |   5 |  0.10
"""
header, _, *rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
records = [dict(zip(header, row)) for row in rows]
print(records, sum(int(r["qty"]) * float(r["price"]) for r in records))
print("a,b;c d".replace(";", ",").replace(" ", ",").split(","), "key=value=x".partition("="), "a.b.c".rpartition("."))
print("one two  three".split(), "one two  three".split(" "), "x".join("abc"), "abcabc".rfind("b"), "Mississippi".count("ss"))
print("snake_case_name".title().replace("_", ""), "".join("_" + c.lower() if c.isupper() else c for c in "camelCaseName"), "tEsT".swapcase())
print("prefix-body".removeprefix("prefix-"), "file.tar.gz".removesuffix(".gz"), "abc" < "abd", "Z" < "a", "abc".startswith(("x", "ab")))
