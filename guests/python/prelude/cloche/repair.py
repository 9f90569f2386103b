"""What models write around their code and in it, where it does not compile as it came.

C calls repair() after the compiler has refused a program (interpreter.c), never for one that
compiles. Each repair below recognises one thing and offers texts without it; it is kept only if the
whole compiles then. Of all combinations the one with the fewest repairs wins, so that none is in
force that was not needed. docs/models.md has a row for each.
"""

import ast
import collections
import re
import warnings

_SIZE_MAX = 1 << 20  # characters of a program that is looked at
_TRIED_MAX = 64  # texts that are compiled
_DEPTH_MAX = 4  # repairs of one program
_SHOWN_MAX = 60  # characters of a line that a note cites

REPAIRS = {}  # name -> function(text): (text, note) for each way to do it

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<string>(?:\b[rRbBuUfF]{1,2})?
            (?: \"{3}(?:\\.|[^\\])*?(?:\"{3}|\Z) | '{3}(?:\\.|[^\\])*?(?:'{3}|\Z)
              | "(?:\\.|[^"\\\n])*"? | '(?:\\.|[^'\\\n])*'? ))""", re.S | re.X)


def repair(source):
    """(text that compiles, notes), or None: there is no repair, or it is not plain."""
    if len(source) > _SIZE_MAX:
        return None
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    seen, queue = {text}, collections.deque([(text, (), ())])
    while queue:
        text, names, notes = queue.popleft()
        for name, function in REPAIRS.items():
            if name in names:
                continue
            for candidate, note in function(text):
                if candidate in seen:
                    continue
                if len(seen) > _TRIED_MAX:
                    return None
                seen.add(candidate)
                if _compiles(candidate):
                    return candidate, [*notes, note]
                if len(names) + 1 < _DEPTH_MAX:
                    queue.append((candidate, (*names, name), (*notes, note)))
    return None


def _parse(text):
    """The syntax tree of a program, or None."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(text, "<repair>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None


def _compiles(text):
    tree = _parse(text)
    if tree is None or not tree.body:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "<repair>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return False
    return True


def _pieces(text):
    """("code", "string" or "comment", piece) from start to end. f-strings are strings as a whole."""
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() > end:
            yield "code", text[end:match.start()]
        yield match.lastgroup, match[0]
        end = match.end()
    if end < len(text):
        yield "code", text[end:]


def _in_code(text, function):
    return "".join(function(piece) if kind == "code" else piece for kind, piece in _pieces(text))


def _code_has(text, pattern):
    return any(kind == "code" and pattern.search(piece) for kind, piece in _pieces(text))


def _shown(line):
    line = line.strip()
    return line if len(line) <= _SHOWN_MAX else line[:_SHOWN_MAX] + "..."


def _offers(function):
    REPAIRS[function.__name__.strip("_")] = function
    return function


# ---- what stands around the code ----

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*")
_ENDING_FENCE = re.compile(r"(.*\S)[ \t]*`{3,}[ \t]*")
_LANGUAGES = {"", "python", "py", "python3", "py3", "ipython", "ipython3", "pycon", "{python}",
              "tool_code", "code", "execute_code"}


def _blocks(lines):
    """(the fenced blocks as lists of lines, the lines outside of all); the last may lack its end."""
    blocks, outside, open_with, current = [], [], None, None
    for line in lines:
        match = _FENCE.fullmatch(line)
        if open_with is None:
            if match:
                open_with, language = match[1], match[2].lower()
                current = [] if language in _LANGUAGES else None
            else:
                outside.append(line)
        elif match and not match[2] and match[1].startswith(open_with):
            if current is not None:
                blocks.append(current)
            open_with = current = None
        elif current is not None:
            current.append(line)
    if current:
        blocks.append(current)
    return blocks, outside


def _is_program(text):
    """Does a text do something, if it is run: not only prose that happens to be an expression?"""
    tree = _parse(text)
    return tree is not None and any(not isinstance(one, ast.Expr) or isinstance(one.value, ast.Call)
                                    for one in tree.body)


@_offers
def _fence(text):
    lines = text.split("\n")
    fences = [index for index, line in enumerate(lines) if _FENCE.fullmatch(line)]
    if not fences:
        match = re.match(r"(`{1,9})(?:(?:python|py)(?:\s|(?=\\n)))?", text.strip())
        inner = text.strip()[match.end():] if match else ""
        if match and inner.endswith(match[1]):
            yield inner.removesuffix(match[1]).strip(), "the Markdown fence around the code was taken off"
        match = _ENDING_FENCE.fullmatch(text.rstrip().rpartition("\n")[2])
        if match:
            yield (text.rstrip().rstrip("`"), "the Markdown fence at its end was taken off")
        return
    blocks, outside = _blocks(lines)
    if _is_program("\n".join(outside)):  # nothing of it is left out then
        yield ("\n".join(line for line in lines if not _FENCE.fullmatch(line)),
               "the lines of Markdown fences were taken off")
        return
    first, last = fences[0], fences[-1]
    around = lines[:first] + (lines[last + 1:] if last > first else [])
    note = "the Markdown fence around the code was taken off"
    if "".join(around).strip():
        note += ", and the text around it left out"
    if len(blocks) == 1:
        yield "\n".join(blocks[0]), note
    if last > first:  # with lines that look like fences in a string of the code
        yield "\n".join(lines[first + 1:last]), note
    if len(blocks) > 1:
        yield ("\n".join("\n".join(block) for block in blocks),
               f"{len(blocks)} fenced blocks were joined, what is around them left out")
    if first == last and not "".join(lines[first + 1:]).strip():
        yield "\n".join(lines[:first]), "the Markdown fence at its end was taken off"


_OPENING_TAG = re.compile(r"<(\|?[A-Za-z_][\w-]{0,40}\|?)(?:\s[^<>\n]{0,200})?>")
_CLOSING_TAG = re.compile(r"(?:</[\w-]{1,40}>|<\|[\w-]{1,40}\|>)\Z")


@_offers
def _tag(text):
    inner = text.strip()
    opening = _OPENING_TAG.match(inner)
    if opening:
        inner = inner[opening.end():].rstrip()
    closing = _CLOSING_TAG.search(inner, max(len(inner) - 50, 0))
    if closing:
        inner = inner[:closing.start()]
    inner = inner.strip("\n")
    cdata = inner.strip().startswith("<![CDATA[") and inner.strip().endswith("]]>")
    if cdata:
        inner = inner.strip()[len("<![CDATA["):-len("]]>")]
    if opening:
        yield inner, f"the tag <{opening[1]}> around the code was taken off"
    elif closing:
        yield inner, f"{closing[0]} at its end was taken off"
    elif cdata:
        yield inner, "<![CDATA[ ]]> around the code was taken off"


_PROMPT = re.compile(r"[ \t]*(?:>>>|In ?\[\d*\]:)(?: |$)")
_PROMPTS = re.compile(r"[ \t]*(?:>>>|\.\.\.:?|In ?\[\d*\]:)(?: |$)")


@_offers
def _prompts(text):
    lines = text.strip("\n").split("\n")
    if not _PROMPT.match(lines[0]):
        return
    code, beside = [], []
    for line in lines:
        match = _PROMPTS.match(line)
        (code if match else beside).append(line[match.end():] if match else line)
    note = "the prompts (>>>) were taken off"
    if not any(map(_is_statement, beside)):
        if any(line.strip() for line in beside):
            note += ", and the lines without one, which are output, left out"
        yield "\n".join(code), note
    else:
        yield "\n".join(line[match.end():] if (match := _PROMPTS.match(line)) else line
                        for line in lines), note


def _is_statement(line):
    """May a line without a prompt be meant as code: more than the value that a prompt prints?"""
    if line[:1].isspace() and line.strip():
        return True
    tree = _parse(line)
    return tree is not None and any(not isinstance(one, ast.Expr) for one in tree.body)


_NUMBERED = re.compile(r"[ \t]*(\d+)[ \t]*(?:[|:\u2502\u2192]|\t)[ ]?(.*)")


@_offers
def _numbers(text):
    matches = [_NUMBERED.fullmatch(line) for line in text.strip("\n").split("\n")]
    if len(matches) > 1 and all(matches):
        start = int(matches[0][1][:9])
        if all(match[1] == str(start + index) for index, match in enumerate(matches)):
            yield "\n".join(match[2] for match in matches), "the line numbers were taken off"


_PROSE = re.compile(r"(?:[-*>][ ]+|\d+[.)][ ]+|\#+[ ]+)?[*_]*[A-Z\u00c0-\u024f][\w'\u2019*_`\"-]*"
                    r"(?:[,;:]?[ ]+[\w'\u2019`\"()./*_%&+-]+){2,}[ ]*[.:!?*]+", re.X)


def _is_prose(line):
    return _PROSE.fullmatch(line.rstrip()) is not None and _parse(line) is None


@_offers
def _prose(text):
    lines = text.strip("\n").split("\n")
    start, end = 0, len(lines)
    while start < end and (not lines[start].strip() or _is_prose(lines[start])):
        start += 1
    while end > start and (not lines[end - 1].strip() or _is_prose(lines[end - 1])):
        end -= 1
    for first, last, where in ((start, len(lines), "before"), (0, end, "after"),
                               (start, end, "around")):
        yield "\n".join(lines[first:last]), f"the text {where} the code was left out"


# ---- how it was written ----

def _margin(lines):
    margins = [line[:len(line) - len(line.lstrip())] for line in lines if line.strip()]
    return min(margins, key=len, default="")


@_offers
def _indentation(text):
    lines = text.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    margin = _margin(lines[first:first + 1])
    note = "the indentation of the whole was taken off"
    if margin:
        yield "\n".join(line.removeprefix(margin) if line.strip() else "" for line in lines), note
    else:
        rest = _margin(lines[first + 1:])
        if rest and all(line.startswith(rest) for line in lines[first + 1:] if line.strip()):
            yield ("\n".join(lines[:first + 1] +
                             [line.removeprefix(rest) for line in lines[first + 1:]]),
                   "the indentation of all lines but the first was taken off")


@_offers
def _tabs(text):
    if "\t" not in text:
        return
    readings = {}
    for width in (4, 8):
        expanded = _expand(text, width)
        tree = _parse(expanded)
        if tree is not None:
            readings.setdefault(ast.dump(tree), (expanded, width))
    if len(readings) == 1:
        expanded, width = next(iter(readings.values()))
        yield expanded, f"tabs and spaces were mixed: a tab was read as {width} spaces"


def _expand(text, width):
    """With spaces for the tabs that lines begin with."""
    return "\n".join(line[:len(line) - len(line.lstrip(" \t"))].expandtabs(width) +
                     line.lstrip(" \t") for line in text.split("\n"))


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_BREAK = re.compile(r"(?:\\r)?\\n")
_BARE_QUOTE = re.compile(r'(?:^|[^\\])"')
_ESCAPED_QUOTE = re.compile(r"\\[\"']")
_LINE_TOKEN = re.compile(  # in a text of one line, where a comment ends at an escaped line break
    r"""(?P<comment>\#.*?(?=\\n|\Z))
      | (?P<string>"{3}.*?"{3} | '{3}.*?'{3} | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*')
      | (?P<break>(?:\\r)?\\n)""", re.S | re.X)


def _unescape(text, which=r"[\s\S]"):
    return re.sub(r"\\(" + which + ")", lambda match: _ESCAPES.get(match[1], match[0]), text)


@_offers
def _escapes(text):
    whole = text.strip()
    note = "line breaks that were escaped twice (\\n) were read as such"
    if "\n" in whole:
        if _BREAK.search(whole):
            yield _in_code(whole, lambda piece: _BREAK.sub("\n", piece)), note
        if _code_has(whole, re.compile(r"\\\Z")):  # a backslash, and then a string begins
            yield _unescape(whole, "[\"'\\\\]"), "quotes that were escaped twice were read as such"
        return
    if not _BREAK.search(whole):
        if _ESCAPED_QUOTE.search(whole):
            yield _unescape(whole, "[\"'\\\\]"), "quotes that were escaped twice were read as such"
        return
    by_break = _LINE_TOKEN.sub(
        lambda match: "\n" if match.lastgroup == "break" else match[0], whole)
    both = [_unescape(whole), by_break]
    if _BARE_QUOTE.search(whole) or ('\\"' not in whole and "\\\\" not in whole):
        both.reverse()  # no sign that more than the line breaks was escaped
    for candidate in both:
        yield candidate, note


_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&apos;": "'", "&#39;": "'",
             "&#x27;": "'", "&#34;": '"', "&#x22;": '"', "&#60;": "<", "&#62;": ">", "&#38;": "&",
             "&nbsp;": " ", "&#160;": " "}
_ENTITY = re.compile("|".join(_ENTITIES))


@_offers
def _entities(text):
    if _code_has(text, _ENTITY):
        yield (_ENTITY.sub(lambda match: _ENTITIES[match[0]], text),
               "HTML's &lt; &gt; &amp; and the like were read as the characters they stand for")


_OPENING = "\u201c\u201d\u201e\u00ab\u300c"
_CLOSING = "\u201d\u201c\u00bb\u300d"
_CURLY = [re.compile(
    rf"""(?P<comment>\#[^\n]*)
       | (?P<triple>[\u201c\u201d]{{3}}.*?[\u201c\u201d]{{3}})
       | (?P<double>[{_OPENING}][^{_OPENING}{_CLOSING}\n{straight}]*[{_CLOSING}{straight}])
       | (?P<single>[\u2018\u2019\u201a\u2039][^\u2018\u2019\u203a\n]*[\u2018\u2019\u203a])
       | (?P<back>\u00b4[^\u00b4\n]*\u00b4)
       | (?P<string>"{{3}}(?:\\.|[^\\])*?(?:"{{3}}|\Z) | '{{3}}(?:\\.|[^\\])*?(?:'{{3}}|\Z)
                  | "(?:\\.|[^"\\\n])*"? | '(?:\\.|[^'\\\n])*'?)""", re.S | re.X)
    for straight in ("", '"')]  # one may be closed by the other
_MIXED = re.compile("[\u201d\u201c\u2019]\\s*[,:)\\]}].*[\u201c\u201d\u2018]", re.S)
_TO_STRAIGHT = {ord(c): "'" for c in "\u2018\u2019\u201a"} | {ord(c): '"' for c in "\u201c\u201d\u201e"}


def _straight(match):
    kind, token = match.lastgroup, match[0]
    quote = '"' if kind in ("double", "triple") else "'"
    formatted = match.string[max(match.start() - 2, 0):match.start()].lower().endswith(("f", "rf"))
    if kind == "comment" or (kind == "string" and not formatted):
        return token
    inner = token[3:-3] if kind == "triple" else token if kind == "string" else token[1:-1]
    if kind in ("double", "single", "back"):
        inner = re.sub(r"(?<!\\)" + quote, "\\" + quote, inner)
    if formatted:  # quotes in its expressions; those in its text are text
        inner = re.sub(r"\{[^{}]*\}", lambda field: field[0].translate(_TO_STRAIGHT), inner)
    if kind == "string":
        return inner
    return quote * (3 if kind == "triple" else 1) + inner + quote * (3 if kind == "triple" else 1)


@_offers
def _quotes(text):
    if re.search("[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u300c\u300d\u00b4]",
                 text):
        for pattern in _CURLY:
            if any(match.lastgroup == "string" and _MIXED.search(match[0])
                   for match in pattern.finditer(text)):
                continue  # where a string ends is anybody's guess
            yield pattern.sub(_straight, text), "typographic quotes were read as straight ones"


_SIGNS = {"\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2010": "-", "\u2011": "-",
          "\u00d7": "*", "\u22c5": "*", "\u00f7": "/", "\u2264": "<=", "\u2265": ">=",
          "\u2260": "!=", "\u2192": "->", "\u2026": "...", "\uff08": "(", "\uff09": ")",
          "\uff3b": "[", "\uff3d": "]", "\uff5b": "{", "\uff5d": "}", "\uff0c": ",",
          "\u3001": ",", "\uff1a": ":", "\uff1b": ";", "\uff1d": "=", "\uff0b": "+",
          "\uff0d": "-", "\uff0a": "*", "\uff0f": "/", "\uff1c": "<", "\uff1e": ">",
          "\uff05": "%", "\uff0e": ".", "\u3002": ".", "\uff01": "!"}
_SIGN = re.compile("[" + "".join(map(re.escape, _SIGNS)) + "]")


@_offers
def _signs(text):
    found = dict.fromkeys(_SIGN.findall("".join(
        piece for kind, piece in _pieces(text) if kind == "code")))
    if found:
        shown = " ".join(list(found)[:8])
        yield (_in_code(text, lambda piece: _SIGN.sub(lambda match: _SIGNS[match[0]], piece)),
               f"typographic signs were read as Python's: {shown}")


_SPACES = {ord(c): " " for c in "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
                                "\u2008\u2009\u200a\u202f\u205f\u3000"}
_SPACES |= {ord(c): None for c in "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"}
_SPACES |= {ord(c): "\n" for c in "\u2028\u2029\u0085"}


@_offers
def _spaces(text):
    yield (_in_code(text, lambda piece: piece.translate(_SPACES)),
           "characters that are not seen (no-break or zero-width spaces) were taken out")


# ---- notebooks ----

_INSTALL = re.compile(r"(?:[!%$]\s*)?(?:sudo\s+)?(?:(?:python3?|uv)\s+(?:-m\s+)?)?"
                      r"(?:pip3?|conda|mamba|apt|apt-get|brew|npm)\s+(?:-\S+\s+)*(?:install|add)\b.*")
_TIMED = re.compile(r"%(?:time|timeit|prun|memit)\s+(?:-\S+(?:\s+\d+)?\s+)*(.+)")
_HELP = re.compile(r"\?{1,2}\w[\w.]*|[A-Za-z_][\w.]*\?{1,2}")
_ANY_MAGIC = re.compile(rf"^[ \t]*(?:[!%?$]|{_INSTALL.pattern}|{_HELP.pattern}[ \t]*$)", re.M)
_CELLS = ("time", "timeit", "capture", "python", "python3", "prun")  # that run the cell's Python


@_offers
def _magics(text):
    if _ANY_MAGIC.search(text) is None:
        return
    lines, skipped = text.split("\n"), {}
    for index in _logical_starts(text):
        line = lines[index].strip()
        indent = lines[index][:len(lines[index]) - len(lines[index].lstrip())]
        if line.startswith("%%"):
            if line[2:].split(None, 1)[:1] == [] or line[2:].split()[0] not in _CELLS:
                return  # the cell is no Python
            why = "there is no IPython here"
        elif _INSTALL.fullmatch(line):
            why = "nothing can be installed, Python's standard library is what there is"
        elif timed := _TIMED.fullmatch(line):
            lines[index] = indent + timed[1]
            skipped.setdefault("there is no IPython here", []).append(line.split()[0])
            continue
        elif line.startswith("!"):
            why = "there are no processes here"
        elif re.match(r"%\w", line) or _HELP.fullmatch(line):
            why = "there is no IPython here"
        else:
            continue
        lines[index] = indent + "pass"
        skipped.setdefault(why, []).append(_shown(line))
    if skipped:
        yield "\n".join(lines), "; ".join(
            ", ".join(f"`{line}`" for line in some[:3]) +
            (f" and {len(some) - 3} more" if len(some) > 3 else "") +
            f" skipped: {why}" for why, some in skipped.items())


def _logical_starts(text):
    """The numbers of the lines that no string, bracket or backslash of a line before reaches."""
    number, depth, at_start, starts = 0, 0, True, []
    last = ""  # of code before the line's end
    for kind, piece in _pieces(text):
        if kind != "code":
            if at_start and depth == 0:
                starts.append(number)
            at_start, last = False, "x"
            number += piece.count("\n")
            continue
        for character in piece:
            if character == "\n":
                at_start = last != "\\"
                number, last = number + 1, ""
                continue
            if at_start and not character.isspace():
                if depth == 0:
                    starts.append(number)
                at_start = False
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth = max(depth - 1, 0)
            if not character.isspace() or last == "\\":
                last = character
    return starts


@_offers
def _return(text):
    """`return x` as the last statement, where the code was thought to be a function's body."""
    if re.search(r"^return\b", text, re.M) is None:
        return
    lines = text.split("\n")
    for index in reversed(_logical_starts(text)):
        if re.match(r"return\b", lines[index]):
            value = lines[index][len("return"):].lstrip()
            candidate = "\n".join(lines[:index] + [value or "pass"] + lines[index + 1:])
            tree = _parse(candidate)
            if tree is not None and tree.body and tree.body[-1].lineno == index + 1:
                yield (candidate, "the `return` outside of a function was read as the last "
                                  "expression")
            return


# ---- the arguments of a call that are no JSON object with "code" ----

_WRAPPED_MAX = 4  # calls in arguments in lists ...
_KEYS = ("code", "arguments", "parameters", "input", "source", "python", "python_code", "script",
         "program", "content", "text", "cmd", "command")
_NAMES = {"code", "name", "type", "function", "tool", "language", "id"}
WANTED = 'call execute_code with {"code": "..."}'


def unwrap(text):
    """(code, note) out of what a model sent instead of {"code": "..."}; ValueError: there is none."""
    whole = text.strip()
    if not whole:
        raise ValueError("the call has no arguments; " + WANTED)
    found = _read(whole)
    code = None if found is None else _code_in(found[0], _WRAPPED_MAX)
    if code is not None:
        return code, found[1]
    match = re.fullmatch(r"\{\s*([\"'])code\1\s*:\s*(\"{3}|'{3}|[\"'`])(.*)\2\s*,?\s*\}", whole, re.S)
    if match:
        return match[3], "the arguments are no valid JSON: what stands between the quotes was run"
    if found is not None and isinstance(found[0], (dict, list)):
        raise ValueError("the arguments hold no text that could be the code; " + WANTED)
    if _looks_cut(whole):
        raise ValueError("the arguments are JSON that is not complete; " + WANTED)
    return text, "the arguments are plain code instead of JSON; " + WANTED


def _looks_cut(text):
    return re.match(r"\{\s*[\"']code[\"']\s*:", text) is not None and _parse(text) is None


def _read(text):
    """(value, note): as JSON, with raw line breaks or not, or as a literal of Python."""
    import json

    try:
        json.loads(text)
        return json.loads(text), "the arguments are no object with \"code\": it was found in them"
    except (ValueError, RecursionError):
        pass
    try:
        return (json.loads(text, strict=False),
                "the arguments are no valid JSON: line breaks in a string were read as such")
    except (ValueError, RecursionError):
        pass
    if len(text) > _SIZE_MAX or text[0] not in "{[(\"'":
        return None
    try:
        return (ast.literal_eval(text),
                "the arguments are no JSON: they were read as a dict of Python")
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, OverflowError):
        return None


def _code_in(value, depth):
    """The code in an object, a list of lines or a text; None: there is none."""
    if depth == 0:
        return None
    if isinstance(value, str):
        inner = _read(value.strip()) if value.lstrip()[:1] in ("{", "[", '"') else None
        code = None if inner is None else _code_in(inner[0], depth - 1)
        return value if code is None else code
    if isinstance(value, list):
        if value and all(isinstance(line, str) for line in value):
            return "\n".join(line.rstrip("\n") for line in value)
        return _code_in(value[0], depth - 1) if len(value) == 1 else None
    if not isinstance(value, dict):
        return None
    for key in _KEYS:
        if key in value and (key == "code" or not isinstance(value[key], (int, float))):
            return _code_in(value[key], depth - 1)
    texts = [one for key, one in value.items() if key not in _NAMES and isinstance(one, str)]
    return texts[0] if len(texts) == 1 else None
