# JSON: round trips, ordering, separators, hooks, custom encoders, errors, numbers, unicode.
import json
from datetime import date
from decimal import Decimal

document = {
    "id": 7, "name": "Zoë \U0001f600", "tags": ["a", "b\n", "\u2028"], "nested": {"deep": [1, [2, [3]]]},
    "none": None, "yes": True, "ratio": 0.1, "big": 2**80, "tiny": 1e-320, "neg": -0.0,
}
text = json.dumps(document)
print(text)
print(json.loads(text) == document, json.dumps(document, ensure_ascii=False, separators=(",", ":")))
print(json.dumps({"b": 1, "a": [1, {"z": 2, "y": []}], "c": {}}, indent=2, sort_keys=True))
print(json.dumps([float("inf"), float("nan"), 1e16, 1e15, 123456789.123]))
print(json.loads('[1.0, 1E3, -5, "\\u00e9\\ud83d\\ude00", NaN, Infinity]'))


class Encoder(json.JSONEncoder):
    def default(self, value):
        if isinstance(value, (set, frozenset)):
            return sorted(value)
        if isinstance(value, date):
            return {"$date": value.isoformat()}
        return super().default(value)


def revive(mapping):
    if "$date" in mapping:
        return date.fromisoformat(mapping["$date"])
    return mapping


packed = json.dumps({"when": date(2024, 2, 29), "who": {"b", "a"}}, cls=Encoder)
print(packed, json.loads(packed, object_hook=revive))
print(json.loads("[1.10, 2]", parse_float=Decimal), json.loads('{"a":1,"a":2}', object_pairs_hook=list))
for bad in ("{", "[1,]", '{"a" 1}', "nul", '"\t"', "[1] x", ""):
    try:
        json.loads(bad)
    except json.JSONDecodeError as error:
        print(repr(bad), "->", error)
try:
    json.dumps({"x": object})
except TypeError as error:
    print(error)
print(json.dumps({1: "int", True: "bool", None: "none", 1.5: "float"}))
