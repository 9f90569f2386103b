"""A signal whose default action ends a process."""
# expect: kind=fault stdout=before
import signal

print("before", flush=True)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
