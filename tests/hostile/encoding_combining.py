"""Combining marks without end, and normalization of them."""
# expect: kind=ok stdout_has=start
# limits: --memory 128MiB
import unicodedata

print("start", "a" + "\u0301" * 2000, flush=True)
text = "a" + "\u0301\u0316" * 100_000 + "\u1112\u1161\u11ab" * 1000
for form in ("NFC", "NFD", "NFKC", "NFKD"):
    unicodedata.normalize(form, text)
unicodedata.normalize("NFKC", "\ufdfa" * 100_000)
print("x" * 10 + "\u200b" * 5000 + "\ufe0f" * 5000 + "\U000e0041" * 5000)
