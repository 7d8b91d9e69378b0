"""A real Volenti server on loopback, over a ledger in a temporary directory."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
import uuid

import volenti

PURPOSE = "marketing_email"


class House:
    """One server that the tests of a process share; each test brings people of its own."""

    def __init__(self):
        try:
            self.program = os.environ["VOLENTI"]
        except KeyError:
            raise RuntimeError("VOLENTI must name the program: run go test ./sdk/python") from None
        self.home = tempfile.mkdtemp(prefix="volenti-python-")
        self.data = os.path.join(self.home, "data")
        self.token = self.key("consents:check")
        self.writer = self.key("consents:write")
        self.eraser = self.key("subjects:erase")
        self.server = None
        self.url = None
        self.start()

    def run(self, *args):
        return subprocess.run(
            [self.program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, universal_newlines=True
        ).stdout.strip()

    def key(self, scope):
        return self.run("apikey", "create", "--data", self.data, "--scope", scope)

    def start(self):
        """Starts the server, on its earlier port when it had one."""
        listen = self.url.split("//")[1] if self.url else "127.0.0.1:0"
        self.server = subprocess.Popen(
            [self.program, "serve", "--data", self.data, "--listen", listen],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
        )
        first = self.server.stdout.readline()
        self.url = first[first.index("http://"):].strip()

    def end(self, how=signal.SIGTERM):
        self.server.send_signal(how)
        self.server.wait()
        self.server.stdin.close()
        self.server.stdout.close()

    def close(self):
        self.end()
        shutil.rmtree(self.home)

    def client(self):
        return volenti.Client(self.url, self.token, timeout=30)

    def post(self, path, token, body):
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={
                "Authorization": "Bearer " + token,
                "Content-Type": "application/json",
                "Idempotency-Key": str(uuid.uuid4()),
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def choose(self, person, granted, purpose=PURPOSE):
        """Records a choice and gives the subject. When it returns, the choice is acknowledged."""
        choice = {"purposes": {purpose: granted}, "source": "api"}
        if isinstance(person, volenti.Identity):
            choice["identities"] = [{"type": person.type, "value": person.value}]
        else:
            choice["subject"] = person
        return self.post("/api/v1/consents", self.writer, choice)["subject"]

    def someone(self, granted, purpose=PURPOSE):
        """Gives a new subject who has chosen, and the address that it is known by."""
        address = volenti.Identity("email", f"{uuid.uuid4()}@example.org")
        return self.choose(address, granted, purpose), address

    def erase(self, subject):
        self.post(f"/api/v1/subjects/{subject}/erase", self.eraser, {})


_house = None


def house():
    """Gives the house, which stands until the tests are over."""
    global _house
    if _house is None:
        _house = House()
        atexit.register(_house.close)
    return _house
