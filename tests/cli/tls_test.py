"""A model's server that speaks TLS: which authorities it is checked against, and what is said where there are
none. The server is a real one, its authority made for the test; the places where distributions keep theirs
are played by a mount namespace with an /etc of its own."""

import http.server
import json
import os
import re
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from hypervisor import needs_wall
from serve_test import BUILD, CLEAN, GENEROUS, Host

# Each distribution's place of the file, as its own documents name it.
PLACES = {"Debian": "/etc/ssl/certs/ca-certificates.crt", "RHEL": "/etc/pki/tls/certs/ca-bundle.crt",
          "openSUSE": "/etc/ssl/ca-bundle.pem"}
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE")
NO_VARIABLE = dict.fromkeys(VARIABLES, "")
ANSWER = "the answer over TLS"
PROGRAM = os.environ.get("CLOCHE_TEST_PROGRAM") or str(BUILD.resolve() / "cloche")
AGENT = "model: {{kind: chat, name: m, base_url: 'https://127.0.0.1:{port}/v1', api_key: none}}\n"


class Model(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"id": "1", "object": "chat.completion", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def make_certificates(folder):
    """An authority, and a server's certificate by it for 127.0.0.1."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=GENEROUS)
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl(*made, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*made, "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1", "-addext",
            "basicConstraints=critical,CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "server.key",
            "-out", "server.pem")


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        top = Path(cls.folder.name)
        os.chmod(top, 0o755)
        make_certificates(top)
        cls.authority = top / "ca.pem"
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(top / "server.pem", top / "server.key")
        cls.server.socket = context.wrap_socket(cls.server.socket, server_side=True)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.agent = top / "agent.yaml"
        cls.agent.write_text(AGENT.format(port=cls.server.server_port))

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        cls.folder.cleanup()

    def words(self, place=None, private=False):
        """The server's command; with an /etc of its own, in which nothing is but the authority at `place`."""
        command = [PROGRAM, "serve", "--port", "0", str(self.agent)]
        if not private:
            return command
        put = f'mkdir -p "$(dirname {place})" && cp {self.authority} {place} &&' if place else ""
        return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs tmpfs /etc && {put} exec "$@"', "sh", *command]

    def ask(self, words, env):
        with Host(*words, env={**NO_VARIABLE, **env}) as host:
            response = host.ask("Hello")
            return json.dumps(response) + host.said()

    def refused(self, words, env):
        done = subprocess.run(words, env={**CLEAN, **NO_VARIABLE, **env}, capture_output=True, text=True,
                              timeout=GENEROUS)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    @needs_wall
    def test_the_environment_names_the_authorities(self):
        for variable in "SSL_CERT_FILE", "CURL_CA_BUNDLE":
            with self.subTest(variable):
                self.assertIn(ANSWER, self.ask(self.words(), {variable: str(self.authority)}))
        with tempfile.TemporaryDirectory() as folder:
            hashed = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", self.authority], check=True,
                                    capture_output=True, text=True).stdout.strip()
            os.symlink(self.authority, f"{folder}/{hashed}.0")
            self.assertIn(ANSWER, self.ask(self.words(), {"SSL_CERT_DIR": folder}))

    @needs_wall
    def test_another_authority_is_not_enough(self):
        with tempfile.TemporaryDirectory() as other:
            make_certificates(other)
            said = self.ask(self.words(), {"SSL_CERT_FILE": f"{other}/ca.pem"})
        self.assertNotIn(ANSWER, said)
        self.assertIn("no valid TLS certificate", said)

    @needs_wall
    def test_what_cannot_be_read_is_named(self):
        for variable in VARIABLES:
            with self.subTest(variable):
                said = self.refused(self.words(), {variable: "/no/such.pem"})
                self.assertRegex(said, f"{variable} is /no/such.pem, which cannot be read: No such file")

    @needs_wall
    @unittest.skipIf(os.geteuid(), "only root makes a mount namespace with an /etc of its own")
    def test_they_are_found_where_each_distribution_keeps_them(self):
        for distribution, place in PLACES.items():
            with self.subTest(distribution):
                self.assertIn(ANSWER, self.ask(self.words(place, private=True), {}))

    @needs_wall
    @unittest.skipIf(os.geteuid(), "only root makes a mount namespace with an /etc of its own")
    def test_a_system_without_any_says_what_to_set(self):
        said = self.refused(self.words(private=True), {})
        self.assertIn("no certificates of authorities were found", said)
        self.assertRegex(re.sub(r"\s+", " ", said), "Install the package ca-certificates, or set SSL_CERT_FILE")


if __name__ == "__main__":
    unittest.main()
