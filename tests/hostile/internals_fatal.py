"""Provoke the interpreter's own abort."""
# expect: kind=fault stdout=before
import os

print("before", flush=True)
os.abort()
