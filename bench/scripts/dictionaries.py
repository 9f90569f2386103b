"""Count, group and merge with dicts and sets."""


def main():
    counts, groups = {}, {}
    for i in range(120000):
        key = (i * 7919) % 5003
        counts[key] = counts.get(key, 0) + 1
        groups.setdefault(key % 97, set()).add(key)
    merged = {**{str(k): v for k, v in counts.items()}, **{k: len(v) for k, v in groups.items()}}
    return len(merged)
