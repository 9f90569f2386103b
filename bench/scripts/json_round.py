"""Serialise and parse nested records."""
import json


def main():
    records = [{"id": i, "name": f"user {i}", "tags": ["a", "b", str(i)], "score": i / 7,
                "nested": {"flag": i % 2 == 0, "none": None}} for i in range(800)]
    for _ in range(12):
        text = json.dumps(records)
        records = json.loads(text)
    return len(text)
