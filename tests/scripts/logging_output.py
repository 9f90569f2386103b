# logging: levels, handlers, formatters, filters, hierarchy, exceptions, configuration by dict, memory handler.
import io
import logging
import logging.config
import logging.handlers
import sys

stream = io.StringIO()
handler = logging.StreamHandler(stream)
handler.setFormatter(logging.Formatter("%(levelname)-8s %(name)s:%(funcName)s:%(lineno)d %(message)s"))
log = logging.getLogger("app.db")
log.setLevel(logging.DEBUG)
log.propagate = False
log.addHandler(handler)


def work():
    log.debug("starting %s", "job")
    log.info("rows: %(n)d", {"n": 5})
    log.warning("slow: %.1f s", 2.345)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("failed")


work()
text = stream.getvalue()
print("\n".join(line for line in text.splitlines() if not line.startswith("  ")))


class NoSecrets(logging.Filter):
    def filter(self, record):
        record.msg = str(record.msg).replace("secret", "***")
        return "drop" not in record.msg


root = logging.getLogger()
root.setLevel(logging.INFO)
console = logging.StreamHandler(sys.stdout)
console.setFormatter(logging.Formatter("{levelname} {name} {message}", style="{"))
console.addFilter(NoSecrets())
root.addHandler(console)
logging.getLogger("web").info("the secret word")
logging.getLogger("web").info("drop me")
logging.getLogger("web.api").debug("too quiet")
logging.getLogger("web.api").error("loud", extra={"user": "x"})
print(logging.getLogger("web.api").getEffectiveLevel(), logging.getLevelName(25), logging.getLevelName("ERROR"), log.isEnabledFor(10))
memory = logging.handlers.MemoryHandler(10, flushLevel=logging.ERROR, target=console)
buffered = logging.getLogger("buffered")
buffered.propagate = False
buffered.addHandler(memory)
buffered.info("first")
print("nothing yet")
buffered.error("now both")
logging.config.dictConfig({
    "version": 1, "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s|%(message)s", "datefmt": "DATE"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "plain"}},
    "loggers": {"configured": {"level": "WARNING", "handlers": ["out"], "propagate": False}},
})
logging.getLogger("configured").warning("via config")
logging.getLogger("configured").info("hidden")
adapter = logging.LoggerAdapter(logging.getLogger("web"), {"id": 7})
adapter.warning("adapted")
logging.disable(logging.CRITICAL)
logging.getLogger("web").critical("disabled")
