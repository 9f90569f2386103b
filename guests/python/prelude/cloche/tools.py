"""Tools of the host: call_tool, call_tool_async, and a callable for each tool of the run.

A tool's specification stays CBOR until somebody asks for more than its name: ten tools cost a run
a few microseconds. The host checks the arguments against the schema; here they are only named.
"""

import _cloche
from asyncio import get_running_loop

from _cloche import call_tool

_SIMPLE = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list,
           "object": dict, "null": None}


async def call_tool_async(name, /, *more, **arguments):
    """Call a tool of the host; other tasks run meanwhile. Raises ToolError when it fails."""
    if more:
        raise TypeError(
            "call_tool_async() takes the tool's name and then keyword arguments, as in "
            f"call_tool_async('name', key=value); {1 + len(more)} positional arguments were given")
    return await get_running_loop().call_tool(name, arguments)


class Tool:
    """A tool of the host, to be called like a function."""

    __slots__ = ("__name__", "_packed", "_details", "__weakref__")

    def __init__(self, name, packed):
        self.__name__ = name
        self._packed = packed

    def __call__(self, /, *values, **arguments):
        if values:
            arguments = self._bind(values, arguments)
        return _cloche.call(self.__name__, arguments)

    def __repr__(self):
        return f"<tool {self.__name__}{self.__signature__}>"

    def __reduce__(self):
        return self.__name__

    def __getattr__(self, name):
        if name == "__qualname__":
            return self.__name__
        if name == "_details":
            self._details = details = _cloche.loads(self._packed)
            return details
        raise AttributeError(f"a tool has no attribute {name!r}", name=name, obj=self)

    @property
    def parameters(self):
        """The JSON Schema of the arguments."""
        schema = self._details.get("parameters")
        return schema if isinstance(schema, dict) else {}

    def _properties(self):
        properties = self.parameters.get("properties")
        return properties if isinstance(properties, dict) else {}

    def _bind(self, values, arguments):
        names = list(self._properties())
        if len(values) > len(names):
            raise TypeError(f"{self.__name__}() takes at most {len(names)} positional "
                            f"argument{'s' * (len(names) != 1)} ({len(values)} given)")
        for name, value in zip(names, values):
            if name in arguments:
                raise TypeError(f"{self.__name__}() got two values for argument {name!r}")
            arguments[name] = value
        return arguments

    @property
    def __signature__(self):
        from inspect import Parameter, Signature
        from keyword import iskeyword

        parameters = []
        required = self.parameters.get("required") or ()
        for name, schema in self._properties().items():
            if not name.isidentifier() or iskeyword(name):
                continue  # reachable by call_tool(**{name: value}) only
            default = Parameter.empty
            if name not in required:
                default = schema.get("default") if isinstance(schema, dict) else None
            parameters.append(Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default,
                                        annotation=annotation(schema)))
        if self.parameters.get("additionalProperties") and "properties" in self.parameters:
            parameters.append(Parameter("more", Parameter.VAR_KEYWORD))
        # In the schema's order, even if a required one comes after one with a default.
        return Signature(parameters, __validate_parameters__=False)

    @property
    def __annotations__(self):
        return {name: annotation(schema) for name, schema in self._properties().items()}

    @property
    def __doc__(self):
        lines = [self._details.get("description") or ""]
        properties = self._properties()
        if properties:
            lines += ["", "Parameters:"]
        required = self.parameters.get("required") or ()
        for name, schema in properties.items():
            schema = schema if isinstance(schema, dict) else {}
            facts = [_type_text(schema)]
            if "default" in schema:
                facts.append(f"default {schema['default']!r}")
            elif name not in required:
                facts.append("optional")
            text = f"    {name} ({', '.join(facts)})"
            if schema.get("description"):
                text += f": {schema['description']}"
            lines.append(text)
        return "\n".join(lines).strip()


def annotation(schema):
    """The nearest Python type of a JSON Schema."""
    from inspect import Parameter
    from typing import Literal, Union

    if not isinstance(schema, dict):
        return Parameter.empty
    choices = schema.get("enum")
    if isinstance(choices, list) and 0 < len(choices) <= 16 and all(
            isinstance(choice, (str, int, bool, type(None))) for choice in choices):
        return Literal[tuple(choices)]
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [_SIMPLE[one] for one in kind if isinstance(one, str) and one in _SIMPLE]
        return Union[tuple(kinds)] if kinds else Parameter.empty
    if kind == "array" and isinstance(schema.get("items"), dict):
        inner = annotation(schema["items"])
        return list if inner is Parameter.empty else list[inner]
    return _SIMPLE.get(kind, Parameter.empty) if isinstance(kind, str) else Parameter.empty


def _type_text(schema):
    from inspect import Parameter, formatannotation

    kind = annotation(schema)
    return "any" if kind is Parameter.empty else formatannotation(kind)
