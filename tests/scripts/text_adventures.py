# Small language tools: tokenising, a Markov chain, a template engine, Brainfuck, a stack language, Morse, run-length, anagrams.
import re
from collections import Counter, defaultdict

MORSE = dict(zip("abcdefghijklmnopqrstuvwxyz", ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..".split()))


def to_morse(text):
    return " / ".join(" ".join(MORSE[c] for c in word if c in MORSE) for word in text.lower().split())


def from_morse(code):
    back = {v: k for k, v in MORSE.items()}
    return " ".join("".join(back[c] for c in word.split()) for word in code.split(" / "))


def brainfuck(program, data=""):
    jumps, stack = {}, []
    for i, c in enumerate(program):
        if c == "[":
            stack.append(i)
        elif c == "]":
            jumps[i] = stack.pop()
            jumps[jumps[i]] = i
    cells, at, i, out, source = defaultdict(int), 0, 0, [], iter(data)
    while i < len(program):
        match program[i]:
            case ">":
                at += 1
            case "<":
                at -= 1
            case "+":
                cells[at] = (cells[at] + 1) % 256
            case "-":
                cells[at] = (cells[at] - 1) % 256
            case ".":
                out.append(chr(cells[at]))
            case ",":
                cells[at] = ord(next(source, "\0"))
            case "[" if not cells[at]:
                i = jumps[i]
            case "]" if cells[at]:
                i = jumps[i]
        i += 1
    return "".join(out)


def forth(source):
    stack, words, out, tokens = [], {}, [], source.split()
    while tokens:
        token = tokens.pop(0)
        if token == ":":
            end = tokens.index(";")
            words[tokens[0]], tokens = tokens[1:end], tokens[end + 1:]
        elif token in words:
            tokens = words[token] + tokens
        elif token in "+-*/":
            b, a = stack.pop(), stack.pop()
            stack.append({"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[token])
        elif token == "dup":
            stack.append(stack[-1])
        elif token == "swap":
            stack[-2:] = stack[:-3:-1]
        elif token == ".":
            out.append(stack.pop())
        else:
            stack.append(int(token))
    return out, stack


def render(template, context):
    def value(expression):
        result = context
        for part in expression.strip().split("."):
            result = result[part] if isinstance(result, dict) else getattr(result, part)
        return result

    def loop(match):
        return "".join(render(match[3], context | {match[1]: item}) for item in value(match[2]))

    template = re.sub(r"\{% for (\w+) in ([\w.]+) %\}(.*?)\{% end %\}", loop, template, flags=re.S)
    template = re.sub(r"\{% if ([\w.]+) %\}(.*?)(?:\{% else %\}(.*?))?\{% fi %\}", lambda m: m[2] if value(m[1]) else m[3] or "", template, flags=re.S)
    return re.sub(r"\{\{(.*?)\}\}", lambda m: str(value(m[1])), template)


code = to_morse("Hello wide world")
print(code, "|", from_morse(code))
print(brainfuck("++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+."), brainfuck(",[.,]", "echo"))
print(forth(": square dup * ; 3 square . 4 square 5 swap - . 7 2 /"))
print(render("Dear {{user.name}},{% for i in items %} [{{i.n}} x {{i.what}}]{% end %}{% if paid %} thanks{% else %} please pay{% fi %}.",
             {"user": {"name": "Ann"}, "items": [{"n": 2, "what": "tea"}, {"n": 1, "what": "pie"}], "paid": False}))
text = "the cat sat on the mat the cat ran"
chain = defaultdict(Counter)
for one, two in zip(text.split(), text.split()[1:]):
    chain[one][two] += 1
print({k: v.most_common(1)[0][0] for k, v in sorted(chain.items())})
packed = re.sub(r"(.)\1*", lambda m: f"{len(m[0])}{m[1]}", "wwwwbbbwwn")
print(packed, re.sub(r"(\d+)(.)", lambda m: m[2] * int(m[1]), packed))
groups = defaultdict(list)
for word in "listen silent enlist google elbow below inlets cat act".split():
    groups["".join(sorted(word))].append(word)
print([g for g in groups.values() if len(g) > 1])
print(" ".join(w[1:] + w[0] + "ay" if w[0] not in "aeiou" else w + "way" for w in "pig latin is easy".split()), "".join(chr((ord(c) - 97 + 13) % 26 + 97) if c.isalpha() else c for c in "uryyb"))
