"""Whether a value is of a type as typed dictionaries and Pydantic models declare it: no key that is not there, none
missing that is required, each value one of those allowed. Iterables are read to their end, which Pydantic's own check
of typed dictionaries leaves out."""

import collections.abc
import types
import typing

import typing_extensions as extended
from pydantic import BaseModel

LITERALS = (typing.Literal, extended.Literal)
WRAPPERS = (typing.Annotated, extended.Required, extended.NotRequired, extended.ReadOnly)
UNIONS = (typing.Union, types.UnionType)


class Wrong(Exception):
    pass


def fail(where, value, kind):
    raise Wrong(f"{where or 'the body'}: {value!r:.200} is not {kind}")


def check_dict(value, kind, where):
    if not isinstance(value, dict):
        fail(where, value, kind.__name__)
    hints = extended.get_type_hints(kind, include_extras=True)
    for key in kind.__required_keys__ - value.keys():
        raise Wrong(f"{where or 'the body'}: {key} of {kind.__name__} is missing")
    for key, one in value.items():
        if key not in hints:
            raise Wrong(f"{where}.{key}: {kind.__name__} has no such key")
        check(one, hints[key], f"{where}.{key}")


def check_union(value, kinds, where):
    reasons = []
    for kind in kinds:
        try:
            return check(value, kind, where)
        except Wrong as why:
            reasons.append(str(why))
    # the one that got farthest says what is meant
    raise Wrong(max(reasons, key=lambda text: text.partition(":")[0].count(".")))


def check_list(value, arguments, where):
    if not isinstance(value, list):
        fail(where, value, "a list")
    for number, one in enumerate(value):
        check(one, arguments[0] if arguments else typing.Any, f"{where}[{number}]")


def check(value, kind, where=""):
    origin, arguments = extended.get_origin(kind), extended.get_args(kind)
    if kind in (typing.Any, object) or isinstance(kind, typing.TypeVar):
        return
    if origin in WRAPPERS:
        check(value, arguments[0], where)
    elif origin in UNIONS:
        check_union(value, arguments, where)
    elif origin in LITERALS:
        if value not in arguments or isinstance(value, bool) != isinstance(arguments[0], bool):
            fail(where, value, f"one of {arguments}")
    elif extended.is_typeddict(kind):
        check_dict(value, kind, where)
    elif origin is not None and issubclass(origin, (dict, collections.abc.Mapping)):
        if not isinstance(value, dict):
            fail(where, value, "an object")
        for key, one in value.items():
            check(one, arguments[1], f"{where}.{key}")
    elif origin is not None:  # list, Iterable, Sequence, and the makers' own kinds of these
        check_list(value, arguments, where)
    elif kind is None or kind is type(None):
        if value is not None:
            fail(where, value, "null")
    elif kind is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            fail(where, value, "a number")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        kind.model_validate(value, strict=True)
    elif isinstance(kind, type):
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            fail(where, value, kind.__name__)
    else:
        raise TypeError(f"{kind} is a kind of type that is not known here")
