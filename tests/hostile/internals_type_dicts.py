"""Write into the read-only dictionaries of built-in types through a comparison that gets the real
dict."""
# expect: kind=ok stdout=changed
import types


class Thief:
    def __eq__(self, other):
        self.loot = other
        return NotImplemented

    def __ror__(self, other):
        self.loot = other
        return {}


for kind in (
    str,
    list,
    dict,
    int,
    tuple,
    bytes,
    float,
    set,
    type,
    object,
    Exception,
    types.FunctionType,
):
    thief = Thief()
    kind.__dict__ == thief
    loot = getattr(thief, "loot", None)
    if isinstance(loot, dict):
        for name in ("upper", "append", "join", "get", "split", "keys", "to_bytes"):
            if name in loot:
                loot[name] = lambda *words: "stolen"
        loot["stolen"] = True
print("changed" if isinstance(loot, (dict, types.MappingProxyType)) else loot)
