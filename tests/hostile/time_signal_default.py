"""A signal whose default action ends a process."""
# expect: kind=ok|exception|limit|fault exit=134|137|143|0|1 stdout=before
import signal

print("before", flush=True)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
