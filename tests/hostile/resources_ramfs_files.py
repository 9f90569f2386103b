"""As many empty files, folders and links as the file system takes."""
# expect: kind=ok stdout=held
# limits: --memory 128MiB
import os

made = 0
try:
    for made in range(10_000_000):
        kind = made % 3
        if kind == 0:
            os.close(os.open(f"/tmp/f{made}", os.O_CREAT | os.O_WRONLY))
        elif kind == 1:
            os.mkdir(f"/tmp/d{made}")
        else:
            os.symlink("x" * 100, f"/tmp/l{made}")
except OSError:
    pass
print("held" if 1000 < made < 200_000 else made)
