"""A server at the edge of the network that answers as no server should."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import volenti

TOKEN = "vk_canary7c1d_secret"


class Edge:
    """Answers each request by a function of the handler; counts connections and keeps what was asked."""

    def __init__(self, answer):
        self.asked = []
        self.connections = 0
        edge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                edge.connections += 1
                super().setup()

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                edge.asked.append((self.command, self.path, dict(self.headers), body))
                answer(self)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # clients that hang up are what is tested
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self, **how):
        return volenti.Client(self.url, TOKEN, **how)


def send(handler, body, status=200, **headers):
    """Answers in full."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(text)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(text)


YES = {"allowed": True, "reason": "granted"}
NO = {"allowed": False, "reason": "withdrawn"}
