# argparse, configparser, shlex, getopt: options, subcommands, help text, settings files.
import argparse
import configparser
import contextlib
import io
import shlex

parser = argparse.ArgumentParser(prog="tool", description="Does things.")
parser.add_argument("-v", "--verbose", action="count", default=0, help="say more")
parser.add_argument("--level", type=int, choices=range(1, 4), default=2)
parser.add_argument("--tag", action="append", metavar="TAG")
parser.add_argument("--dry-run", action=argparse.BooleanOptionalAction)
commands = parser.add_subparsers(dest="command", required=True)
add = commands.add_parser("add", help="add files")
add.add_argument("files", nargs="+")
add.add_argument("-o", "--output", type=lambda s: s.upper(), default="none")
rm = commands.add_parser("rm")
group = rm.add_mutually_exclusive_group()
group.add_argument("--force", action="store_true")
group.add_argument("--ask", action="store_const", const="yes")
rm.add_argument("target", nargs="?", default="all")
for line in ("-vv --tag a --tag=b add x y -o out", "--no-dry-run rm --force", "--level 3 rm --ask z",
             "--level 9 rm", "rm --force --ask", "add", "bogus", ""):
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            print(sorted(vars(parser.parse_args(shlex.split(line))).items(), key=str))
    except SystemExit as stop:
        print("exit", stop.code, errors.getvalue().splitlines()[-1][:70])
print(parser.format_usage().strip()[:60])
print(parser.parse_known_args(["--level", "1", "rm", "--unknown", "q"])[1])
config = configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation(), allow_no_value=True)
config.read_string("""
[DEFAULT]
home = /srv
[paths]
data = ${home}/data
logs = ${paths:data}/logs
[server]
port = 8080
debug = yes
ratio: 0.75
; comment
flag
names = a,
    b,
    c
""")
print(config.sections(), config["paths"]["logs"], config.getint("server", "port"), config["server"].getboolean("debug"), config.getfloat("server", "ratio"))
print(config["server"]["flag"], config["server"]["names"].split(",\n"), config.get("server", "none", fallback="-"), "home" in config["server"])
config["new"] = {"key": "value"}
out = io.StringIO()
config.write(out)
print(out.getvalue().splitlines()[-3:])
for bad in ("key = 1", "[a]\n[a]", "[a]\nx=1\nx=2", "[a]\nx = ${missing}"):
    try:
        c = configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation())
        c.read_string(bad)
        c["a"]["x"]
    except configparser.Error as error:
        print(type(error).__name__)
print(shlex.split("a 'b c' \"d \\\" e\" f\\ g # no"), shlex.quote("it's"), shlex.join(["a b", "c"]))
