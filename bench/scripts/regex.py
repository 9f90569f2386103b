"""Find, split and substitute with regular expressions."""
import re


def main():
    text = " ".join(f"item{i}@example{i % 17}.org 2024-{i % 12 + 1:02}-{i % 28 + 1:02} #{i:x}" for i in range(3000))
    mails = re.findall(r"(\w+)@(\w+)\.org", text)
    dates = re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", text)
    words = re.split(r"[\s#@]+", text)
    return len(mails), len(dates), len(words)
