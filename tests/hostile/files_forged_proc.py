"""Make /proc and /dev by hand and write there: they are ordinary files of the guest."""
# expect: kind=ok stdout=held
import os

wrong = []
for folder in ("/tmp/proc/self", "/proc/self", "/dev", "/sys/kernel", "/etc"):
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        continue
    for name in ("mem", "kvm", "passwd", "environ"):
        path = f"{folder}/{name}"
        data = os.urandom(64)
        try:
            with open(path, "wb") as file:
                file.write(data)
            with open(path, "rb") as file:
                if file.read() != data:
                    wrong.append(path)
        except OSError:
            pass
print(wrong or "held")
