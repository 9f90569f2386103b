"""Imports of what is not there: the error says what there is instead, and a program that imports
its tools gets them.

A finder at the end of sys.meta_path is asked only when all others have found nothing.
"""

import sys
from types import ModuleType

from cloche import tools
from cloche.run import notes

_NO_NETWORK = "there is no network; call a tool"
_NO_PLOTS = "there are no plots; print the figures as text or as a table"
_NO_MODELS = "there are no packages for it; use math, statistics and random"
_NO_SCREEN = "there is no screen and no terminal; print"
_NO_SYSTEM = "there is no operating system below"
_NO_INSTALL = "nothing can be installed"

_INSTEAD = {
    "numpy": "use math, statistics, random, array, and lists",
    "pandas": "use csv, sqlite3, statistics, itertools and collections",
    "polars": "use csv, sqlite3, statistics, itertools and collections",
    "pyarrow": "use csv, json and sqlite3",
    "scipy": "use math and statistics", "sympy": "use fractions and decimal",
    "mpmath": "use decimal", "numba": "the code runs as plain Python",
    "yaml": "use json, or tomllib to read TOML", "toml": "use tomllib", "tomli": "use tomllib",
    "simplejson": "use json", "orjson": "use json", "ujson": "use json",
    "regex": "use re", "chardet": "use bytes.decode with the encoding",
    "bs4": "use html.parser, re, or xml.etree.ElementTree", "lxml": "use xml.etree.ElementTree",
    "html5lib": "use html.parser", "markdown": "use re and string methods",
    "jinja2": "use f-strings or string.Template",
    "openpyxl": "use zipfile and xml.etree.ElementTree; xlsx is XML in a zip file",
    "xlrd": "use zipfile and xml.etree.ElementTree; xlsx is XML in a zip file",
    "xlsxwriter": "use csv", "docx": "use zipfile and xml.etree.ElementTree",
    "PyPDF2": "there is nothing for PDF", "pypdf": "there is nothing for PDF",
    "PIL": "there is nothing for images", "cv2": "there is nothing for images",
    "dateutil": "use datetime", "pytz": "use zoneinfo", "arrow": "use datetime and zoneinfo",
    "pendulum": "use datetime and zoneinfo", "tzlocal": "use zoneinfo",
    "tabulate": "use f-strings with widths, as in f\"{name:<20}{value:>8.2f}\"",
    "prettytable": "use f-strings with widths, as in f\"{name:<20}{value:>8.2f}\"",
    "rich": "print plain text", "colorama": "print plain text", "termcolor": "print plain text",
    "tqdm": "it is not needed", "dotenv": "there is no environment to read",
    "pydantic": "use dataclasses", "attr": "use dataclasses", "attrs": "use dataclasses",
    "click": "use argparse", "typer": "use argparse", "pytest": "use assert or unittest",
    "sqlalchemy": "use sqlite3", "psycopg2": "use sqlite3", "duckdb": "use sqlite3",
    "networkx": "use graphlib, heapq and collections",
    "sortedcontainers": "use bisect and heapq", "more_itertools": "use itertools",
    "nltk": "use re, collections and difflib", "spacy": "use re, collections and difflib",
    "fuzzywuzzy": "use difflib", "rapidfuzz": "use difflib", "Levenshtein": "use difflib",
    "Crypto": "use hashlib, hmac and secrets", "cryptography": "use hashlib, hmac and secrets",
    "nest_asyncio": "it is not needed, await works at top level",
    "IPython": "display() is defined without it", "google": _NO_NETWORK,
    "six": "this is Python 3.13", "typing_extensions": "use typing", "psutil": _NO_SYSTEM,
    "imp": "use importlib", "distutils": _NO_INSTALL, "pip": _NO_INSTALL,
    "setuptools": _NO_INSTALL, "pkg_resources": _NO_INSTALL, "venv": _NO_INSTALL,
    "ensurepip": _NO_INSTALL, "cgi": "use urllib.parse and html",
    "ctypes": "there is no foreign code to call", "mmap": "read the file",
    "fcntl": _NO_SYSTEM, "resource": _NO_SYSTEM, "pwd": _NO_SYSTEM, "grp": _NO_SYSTEM,
    "termios": _NO_SCREEN, "pty": _NO_SCREEN, "tty": _NO_SCREEN, "syslog": "use logging",
    "readline": _NO_SCREEN, "curses": _NO_SCREEN, "tkinter": _NO_SCREEN, "turtle": _NO_SCREEN,
    "pygame": _NO_SCREEN, "webbrowser": _NO_NETWORK, "ssl": _NO_NETWORK,
    # what modules of the library look for that are there without their part in C
    "_ssl": _NO_NETWORK, "_ctypes": "there is no foreign code to call", "_curses": _NO_SCREEN,
    "_tkinter": _NO_SCREEN,
    **dict.fromkeys(("requests", "httpx", "aiohttp", "urllib3", "websockets", "websocket",
                     "paramiko", "boto3", "openai", "anthropic", "yfinance", "selenium",
                     "playwright", "flask", "fastapi", "django", "redis", "pymongo"), _NO_NETWORK),
    **dict.fromkeys(("matplotlib", "seaborn", "plotly", "bokeh", "altair", "pyplot"), _NO_PLOTS),
    **dict.fromkeys(("sklearn", "torch", "tensorflow", "keras", "statsmodels", "xgboost",
                     "lightgbm", "transformers", "jax"), _NO_MODELS),
}
_OF_TOOLS = ("functions", "tools", "host_functions", "hyperlight", "default_api")


class _ToolModule(ModuleType):
    """A tool that was imported as a module; it can be called as well."""

    def __call__(self, /, *values, **arguments):
        return self.__dict__[self.__name__](*values, **arguments)


class _Loader:
    """Makes modules of the run's tools."""

    def __init__(self, run_tools):
        self._tools = run_tools

    def create_module(self, spec):
        return _ToolModule(spec.name)

    def exec_module(self, module):
        for tool in self._tools:
            module.__dict__[tool.__name__] = tool
        for name in ("call_tool", "call_tool_async"):
            module.__dict__[name] = getattr(tools, name)
        module.__all__ = [tool.__name__ for tool in self._tools]
        notes.append(f"there is no module {module.__name__}: the tools are defined already, "
                     "without an import")


class Finder:
    """The last to be asked for a module."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if path is not None:
            return None
        run_tools = [value for value in getattr(sys.modules.get("__main__"), "__dict__", {}).values()
                     if type(value) is tools.Tool]
        if run_tools and (name in _OF_TOOLS or any(name == tool.__name__ for tool in run_tools)):
            from importlib.machinery import ModuleSpec

            return ModuleSpec(name, _Loader(run_tools), origin="tools")
        instead = _INSTEAD.get(name)
        # Somebody who only asks whether it is there (importlib.util.find_spec) gets None.
        if instead and sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
            raise ModuleNotFoundError(f"No module named {name!r}: {instead}", name=name)
        return None


def install():
    # The import system takes frames of its own out of tracebacks, by the name of their file.
    find_spec = Finder.find_spec
    find_spec.__code__ = find_spec.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    sys.meta_path.append(Finder)
