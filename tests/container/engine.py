"""A Docker engine for the tests: Debian's, with a data root, a socket, processes, mounts and a network of
its own, so that it meets no other engine, firewall or server of this machine and nothing of it stays."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

GENEROUS = 180
CGROUPS = Path("/sys/fs/cgroup")


class NoEngine(Exception):
    """Why there is none on this machine."""


class Engine:
    def __init__(self):
        if os.geteuid() != 0:
            raise NoEngine("NOT ROOT: no Docker engine can be started")
        for program in "dockerd", "docker", "unshare", "nsenter", "ip":
            if not shutil.which(program, path=self.environment()["PATH"]):
                raise NoEngine(f"NO {program} HERE: no Docker engine can be started")
        self.folder = Path(tempfile.mkdtemp(prefix="cloche-docker-"))
        self.socket = f"unix://{self.folder}/docker.sock"
        self.group = f"cloche-test-{os.getpid()}"
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen(
            # the last word begins a program: all of it ends with it, for it is the first of its processes
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
             'ip link set lo up && exec "$@"', "sh", "dockerd", f"--data-root={self.folder}/data",
             f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/pid", f"--host={self.socket}",
             f"--cgroup-parent=/{self.group}", "--ip6tables=false"],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            self._wait()
        except NoEngine:
            self.stop()
            raise

    def environment(self):
        # Debian's client, which fits its engine, before another that may be there
        path = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", *os.environ["PATH"].split(":")]
        return {**{k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "OPENAI_", "CLOCHE_"))},
                "PATH": ":".join(path), "DOCKER_HOST": getattr(self, "socket", ""),
                "DOCKER_CONFIG": str(getattr(self, "folder", "")), "DOCKER_BUILDKIT": "0"}

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")

    def _wait(self):
        end = time.monotonic() + GENEROUS
        while self.docker("version", check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > end:
                raise NoEngine(f"DOCKER CANNOT RUN HERE: dockerd's last words: {self.said()[-1500:]}")
            time.sleep(0.1)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.inside = children[0]  # dockerd as this machine numbers it

    def docker(self, *words, check=True, **options):
        done = subprocess.run(["docker", *map(str, words)], env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace",
                              **{"timeout": GENEROUS, **options})
        if check and done.returncode:
            raise AssertionError(f"docker {' '.join(map(str, words))}: {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def there(self, *words):
        """The command as the engine's host has it: its network, where ports are published."""
        return ["nsenter", f"--net=/proc/{self.inside}/ns/net", *map(str, words)]

    def bash(self, text, **options):
        """A line of the documents, word for word, on the engine's host."""
        return subprocess.run(self.there("bash", "-c", text), capture_output=True, text=True, env=self.environment(),
                              stdin=subprocess.DEVNULL, **{"timeout": GENEROUS, **options})

    def inspect(self, name):
        return json.loads(self.docker("inspect", name).stdout)[0]

    def stop(self):
        with contextlib.suppress(Exception):
            listed = self.docker("ps", "--all", "--quiet", check=False, timeout=30).stdout.split()
            if listed:
                self.docker("rm", "--force", "--volumes", *listed, check=False)
        with contextlib.suppress(Exception):
            os.kill(int(self.inside), signal.SIGTERM)
            self.process.wait(30)
        self.process.kill()
        self.process.wait(GENEROUS)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        for group in [*CGROUPS.glob(self.group), *CGROUPS.glob(f"*/{self.group}")]:
            for path in sorted(group.rglob("*"), key=lambda path: -len(path.parts)):
                with contextlib.suppress(OSError):
                    path.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
