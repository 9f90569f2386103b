# Graph algorithms: BFS, DFS, Dijkstra, components, cycle detection, minimum spanning tree, colouring.
import heapq
from collections import defaultdict, deque

EDGES = [("a", "b", 4), ("a", "c", 2), ("b", "c", 1), ("b", "d", 5), ("c", "d", 8), ("d", "e", 3), ("f", "g", 1)]
graph = defaultdict(dict)
for u, v, weight in EDGES:
    graph[u][v] = graph[v][u] = weight


def bfs(start):
    seen, queue = {start: 0}, deque([start])
    while queue:
        node = queue.popleft()
        for other in sorted(graph[node]):
            if other not in seen:
                seen[other] = seen[node] + 1
                queue.append(other)
    return seen


def dijkstra(start):
    distance, previous, heap = {start: 0}, {}, [(0, start)]
    while heap:
        cost, node = heapq.heappop(heap)
        if cost > distance[node]:
            continue
        for other, weight in graph[node].items():
            if cost + weight < distance.get(other, float("inf")):
                distance[other], previous[other] = cost + weight, node
                heapq.heappush(heap, (cost + weight, other))
    return distance, previous


def path(previous, end):
    return ([*path(previous, previous[end]), end]) if end in previous else [end]


def components():
    left = set(graph)
    while left:
        found = set(bfs(min(left)))
        yield sorted(found)
        left -= found


def kruskal():
    parent = {node: node for node in graph}

    def find(node):
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for weight, u, v in sorted((w, u, v) for u, v, w in EDGES):
        if find(u) != find(v):
            parent[find(u)] = find(v)
            yield u + v, weight


def has_cycle(arrows):
    state = {}

    def visit(node):
        if state.get(node) == "open":
            return True
        if node in state:
            return False
        state[node] = "open"
        result = any(visit(n) for n in arrows.get(node, ()))
        state[node] = "done"
        return result

    return any(visit(node) for node in arrows)


print(bfs("a"), list(components()))
distance, previous = dijkstra("a")
print(distance, path(previous, "e"))
print(list(kruskal()), sum(w for _, w in kruskal()))
print(has_cycle({1: [2], 2: [3], 3: [1]}), has_cycle({1: [2, 3], 2: [3], 3: []}))
colours = {}
for node in sorted(graph, key=lambda n: -len(graph[n])):
    colours[node] = next(c for c in range(len(graph)) if all(colours.get(n) != c for n in graph[node]))
print(sorted(colours.items()), max(colours.values()) + 1)
matrix = [[0 if a == b else graph[a].get(b, 999) for b in "abcde"] for a in "abcde"]
for k in range(5):
    for i in range(5):
        for j in range(5):
            matrix[i][j] = min(matrix[i][j], matrix[i][k] + matrix[k][j])
print(matrix)
