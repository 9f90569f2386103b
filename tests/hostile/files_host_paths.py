"""Read what every host has: none of it may exist in the guest."""
# expect: kind=ok stdout=held
import os

PATHS = """/etc/passwd /etc/shadow /etc/hostname /etc/resolv.conf /proc/self/mem /proc/self/maps
/proc/self/environ /proc/1/environ /proc/self/cmdline /proc/self/fd/0 /proc/self/exe /proc/version
/sys/kernel/notes /dev/kvm /dev/mem /dev/kmem /dev/zero /dev/random /dev/urandom /dev/tty
/dev/fd/0 /dev/stdin /root/.bashrc /root/.ssh/id_rsa /home /var/run/docker.sock /run/secrets
/boot /lib/x86_64-linux-gnu/libc.so.6 secret.txt ./secret.txt""".split()

leaks = []
for path in PATHS:
    for mode in ("rb", "r+b"):
        try:
            with open(path, mode) as file:
                leaks.append((path, mode, file.read(20)))
        except OSError:
            pass
    for look in (os.stat, os.lstat, os.readlink, os.listdir):
        try:
            leaks.append((path, look.__name__, look(path)))
        except OSError:
            pass
print(leaks or "held")
