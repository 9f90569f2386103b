"""docs/deploy/: its commands as they stand there, its unit under a systemd, its manifests against schemas."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import environments
import hypervisor
from engine import NoEngine
from stage import (BUILD, CURL, GENEROUS, LAYERS, ROOT, blocks, context, install, lacking_here, made_base, stage,
                   text_of)

DEPLOY = ROOT / "docs" / "deploy"
UNIT = DEPLOY / "cloche.service"
NOT_RUN = re.compile(r"not\s+run\s+by\s+a\s+test", re.I)
EXPOSURE = 2.2  # docs/deploy/systemd.md
SYSTEMD = ("systemd", "--include=systemd,systemd-sysv,dbus,curl")


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            install()
        except NoEngine as why:
            raise unittest.SkipTest(str(why)) from why

    def test_the_filter_is_what_its_script_writes(self):
        made = subprocess.run([ROOT / "tools/seccomp.py"], capture_output=True, text=True, check=True).stdout
        self.assertEqual((ROOT / "deploy/seccomp.json").read_text(), made)

    def test_what_is_not_run_says_so(self):
        """A block without a language is not run; then that is said before it, in the same section."""
        for path in DEPLOY.glob("*.md"):
            for section in re.split(r"^## ", path.read_text(), flags=re.M):
                if any(not language for language, _ in blocks(section)):
                    self.assertRegex(section, NOT_RUN, f"{path.name}: {section}")

    def test_the_seed_s_curl_stands_in_the_documents(self):
        for path in ROOT / "README.md", DEPLOY / "docker.md":
            self.assertIn(CURL, path.read_text(), path.name)

    def test_the_unit_s_exposure(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True,
                              text=True, timeout=GENEROUS)
        level = re.search(r"Overall exposure level for \S+: (\S+)", done.stdout)
        self.assertIsNotNone(level, done.stdout + done.stderr)
        self.assertLessEqual(float(level[1]), EXPOSURE)
        self.assertIn(f"says {EXPOSURE}", (DEPLOY / "systemd.md").read_text())

    def test_the_unit_verifies(self):
        with tempfile.TemporaryDirectory() as folder:  # with a program that is there
            unit = Path(folder, "cloche.service")
            unit.write_text(UNIT.read_text().replace("/usr/local/bin/cloche", str(BUILD / "cloche")))
            for text, well in ((unit.read_text(), True), (unit.read_text() + "\n[Service]\nNoSuchKey=1\n", False)):
                unit.write_text(text)
                done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                                      timeout=GENEROUS)
                ours = [line for line in done.stderr.splitlines() if "cloche.service" in line]
                self.assertEqual((done.returncode, ours) == (0, []), well, done.stderr)

    def validate(self, text, version):
        folder = ROOT / "tests/container/kubernetes"
        place = environments.place_of(folder)
        try:
            environments.install(folder, place, say=lambda _: None)
        except environments.NoNetwork as why:
            self.skipTest(f"NO NETWORK: kubernetes-validate cannot be installed: {why}")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([place / "bin/python", "-m", "kubernetes_validate", "--strict", "-k", version,
                                   file.name], capture_output=True, text=True, timeout=GENEROUS)
        return done.returncode, done.stdout + done.stderr

    def test_kubernetes(self):
        plain = (DEPLOY / "kubernetes.yaml").read_text()
        [command] = [text for language, text in blocks((DEPLOY / "kubernetes.md").read_text()) if language == "bash"]
        device = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for line in ("value: microvm", 'devices.kubevirt.io/kvm: "1"', "add: [SETUID, SETGID]"):
            self.assertIn(line, device)
        for line in "runAsUser", "value: process":
            self.assertNotIn(line, device)
            self.assertIn(line, plain)
        for text in plain, device:
            for version in "1.30", "1.37":
                status, said = self.validate(text, version)
                self.assertEqual(status, 0, said)
                self.assertEqual(said.count(" passed for resource "), 2, said)
        wrong, said = self.validate(plain.replace("httpGet:", "httpget:"), "1.37")
        self.assertNotEqual(wrong, 0, said)


class Commands(unittest.TestCase):
    """docker.md, block by block, in an empty folder beside the repository's own deploy/ and docs/."""

    def setUp(self):
        self.engine = stage()
        folder = tempfile.TemporaryDirectory(prefix="cloche-docs-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        os.chmod(self.folder, 0o755)
        for name in "deploy", "docs":
            (self.folder / name).symlink_to(ROOT / name)
        self.foreground = None
        self.addCleanup(self.clear)

    def clear(self):
        listed = self.engine.docker("ps", "--all", "--quiet").stdout.split()
        if listed:
            self.engine.docker("rm", "--force", *listed)
        if self.foreground:
            self.foreground.wait(GENEROUS)
            self.foreground = None

    def bash(self, text):
        done = self.engine.bash("set -e\n" + text, cwd=self.folder)
        self.assertEqual(done.returncode, 0, f"{text}\n{done.stdout}{done.stderr}")
        return done

    def answer(self, question="multiply 7 by 6"):
        """Once it is there."""
        end = time.monotonic() + GENEROUS
        words = self.engine.there("curl", "--silent", "http://localhost:8088/responses", "-H", "Content-Type: application/json",
                                  "-d", json.dumps({"input": question}))
        while True:
            done = subprocess.run(words, capture_output=True, text=True, timeout=GENEROUS)
            if done.stdout or time.monotonic() > end:
                answer = json.loads(done.stdout)
                self.assertEqual(answer["status"], "completed")
                return text_of(answer)
            time.sleep(0.1)

    def play(self, text):
        serves = "docker run" in text and not re.search(r"cloche (run|doctor)\b", text) or " up -d" in text
        if serves:
            self.clear()
        if serves and " -d" not in text:
            self.foreground = subprocess.Popen(self.engine.there("bash", "-c", text), env=self.engine.environment(),
                                               cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL)
        elif text == "make container":
            return  # stage() did so
        else:
            done = self.bash(text.partition("\ndocker-compose")[0])
            if "print(1)" in text:
                self.assertTrue(done.stdout.startswith("1\n"), done.stdout)
        if serves:
            self.assertTrue(self.answer())
        if " up -d" in text:  # its second line takes it down again
            self.bash(text.partition("\n")[2])
            self.assertEqual(self.engine.docker("ps", "--quiet").stdout, "")

    def test_docker_md(self):
        chosen = [text for language, text in blocks((DEPLOY / "docker.md").read_text()) if language == "bash"]
        self.assertGreater(len(chosen), 10)
        self.assertTrue(any(CURL == text for text in chosen))
        for text in chosen:
            if ("/dev/kvm" in text or "compose.kvm" in text) and not hypervisor.present():
                text = "\n".join(line for line in text.splitlines() if "/dev/kvm" not in line and "compose.kvm" not in line)
                if not text or "docker run" not in text:
                    continue
            with self.subTest(text):
                self.play(text)
                if "name mine" in text:
                    self.assertEqual(self.answer("Who are you?"), "This is my own agent.")


class Systemd(unittest.TestCase):
    """The unit under a systemd that is the first process of a container."""

    @classmethod
    def setUpClass(cls):
        cls.engine = stage()
        cls.engine.docker("import", made_base(*SYSTEMD), "cloche-systemd")
        device = ["--device=/dev/kvm"] if hypervisor.present() else []
        # control groups of its own, to be written; the program of this build's archive
        cls.container = cls.engine.docker(
            "run", "-d", "--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN", "--cap-add=SYS_PTRACE",
            "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined",
            "--security-opt=systempaths=unconfined", "--cgroupns=private", "--tmpfs=/run", "--tmpfs=/run/lock", "--tmpfs=/tmp",
            *device, "cloche-systemd", "/bin/sh", "-c",
            "for m in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,rw $m; done 2>/dev/null; exec /sbin/init"
        ).stdout.strip()
        cls.addClassCleanup(cls.engine.docker, "rm", "--force", cls.container)
        end = time.monotonic() + GENEROUS
        state = ""
        while state not in ("running", "degraded") and time.monotonic() < end:
            time.sleep(0.5)
            state = cls.engine.docker("exec", cls.container, "systemctl", "is-system-running", check=False).stdout.strip()
        if state not in ("running", "degraded"):
            raise unittest.SkipTest(f"SYSTEMD DOES NOT RUN IN A CONTAINER HERE: {state}")
        cls.engine.docker("cp", f"{context(cls.engine)}/cloche/.", f"{cls.container}:/usr/local/")
        cls.inside("mkdir -p docs && (getent group kvm || groupadd --system kvm)")
        cls.engine.docker("cp", DEPLOY, f"{cls.container}:/root/docs/deploy")
        if device:  # as udev has it; the node is the container's
            cls.inside("chgrp kvm /dev/kvm && chmod 660 /dev/kvm")

    @classmethod
    def inside(cls, text, check=True):
        return cls.engine.docker("exec", "-w", "/root", cls.container, "bash", "-ec", text, check=check)

    def said(self):
        return self.inside("journalctl -u cloche --no-pager -o cat --since=@$(stat -c %Y /etc/cloche/started)").stdout

    def restart(self, isolation, options=""):
        self.inside(f"""
            mkdir -p /etc/systemd/system/cloche.service.d
            printf '[Service]\\n{options}\\n' >/etc/systemd/system/cloche.service.d/test.conf
            printf 'CLOCHE_ISOLATION={isolation}\\n' >/etc/cloche/environment
            systemctl daemon-reload
            systemctl stop cloche
            systemctl reset-failed cloche 2>/dev/null || true
            sleep 1
            touch /etc/cloche/started
            sleep 1
            systemctl restart cloche || true""")
        end = time.monotonic() + GENEROUS
        while time.monotonic() < end:
            said = self.said()
            if "listening on" in said or "exited, code=exited" in said:
                return said
            time.sleep(0.2)
        self.fail(said)

    def ask(self):
        done = self.inside("curl --silent http://localhost:8088/responses -H 'Content-Type: application/json' "
                           "-d '{\"input\": \"multiply 7 by 6\"}'")
        self.assertEqual(json.loads(done.stdout)["status"], "completed")

    def test_0_the_commands_of_the_page(self):
        chosen = [text for language, text in blocks((DEPLOY / "systemd.md").read_text()) if language == "bash"]
        self.assertEqual(len(chosen), 2)
        if not hypervisor.present():
            self.inside("mkdir -p /etc/cloche && echo CLOCHE_ISOLATION=process >/etc/cloche/environment")
        self.inside(chosen[0])
        end = time.monotonic() + GENEROUS
        while not self.inside("/usr/local/bin/cloche health", check=False).stdout.startswith("ready:"):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.2)
        self.ask()
        self.assertIn("responses.db", self.inside("ls /var/lib/cloche/").stdout)
        done = self.inside(chosen[1])
        self.assertIn("listening on http://127.0.0.1:8088", done.stdout)
        status = self.inside("systemctl show cloche -p Result -p ExecMainStatus").stdout
        self.assertEqual(status, "Result=success\nExecMainStatus=0\n")

    def walls(self):
        return ["process", *(["microvm"] if hypervisor.present() else [])]

    def test_1_all_layers_stand(self):
        total = int(re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())[1]) // 1024
        for isolation in self.walls():
            with self.subTest(isolation):
                said = self.restart(isolation)
                stand = ", ".join(layer for layer in LAYERS if layer not in lacking_here())
                self.assertIn(f"jail around worker processes: {stand}\n", said)
                self.assertIn(f"isolation: {isolation}:", said)
                self.assertLessEqual(int(re.search(r"of the (\d+) MiB that this process may use", said)[1]), total)
                self.ask()

    def test_2_what_goes_against_it(self):
        names = ["user", "pid", "net", "ipc", "files"]
        for isolation in self.walls():
            for options, lost in (("RestrictNamespaces=yes", names), ("SystemCallFilter=~mount", ["files"])):
                with self.subTest(isolation, options=options):
                    said = self.restart(isolation, options)
                    lost_here = [layer for layer in LAYERS if layer in {*lost, *lacking_here()}]
                    self.assertIn(f"not allowed on this machine: {', '.join(lost_here)};", said)
                    self.ask()
        said = self.restart("process", "PrivateDevices=yes")
        self.assertIn("listening on", said)
        self.assertIn("cannot open /dev/kvm: No such file", self.restart("microvm", "PrivateDevices=yes\\nRestart=no"))


if __name__ == "__main__":
    unittest.main()
