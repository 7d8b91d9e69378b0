"""HTTP over kept connections, with an end to everything: time, size, trust."""

from __future__ import annotations

import http.client
import io
import os
import selectors
import socket
import ssl
import time
from collections import deque
from functools import partial
from typing import Any, Deque, Optional, Tuple
from urllib.parse import urlsplit

_KEPT = 32  # idle connections


class NoAnswer(Exception):
    """The server said something else than yes or no. The text names nothing that was sent."""


class Connections:
    """Asks one server. Threads may share it, and a process that was forked does not use its parent's connections."""

    def __init__(self, url: str, token: str, timeout: float, tls: Optional[ssl.SSLContext]) -> None:
        self.origin, self._secure, self._host, self._port = _read(url)
        # http.client would quote a token that it cannot send.
        if not token or not all("!" <= c <= "~" for c in token):
            raise ValueError("the token is not an API key, as volenti apikey create writes it")
        if not timeout > 0:
            raise ValueError("the timeout must be more than 0 seconds")
        self._headers = {
            "Accept": "application/json",
            "Authorization": "Bearer " + token,
            "User-Agent": "volenti-python",
        }
        self._timeout = timeout
        self._tls = tls or (ssl.create_default_context() if self._secure else None)
        # With the process that opened them. Appending and popping need no lock.
        self._idle: Deque[Tuple[int, http.client.HTTPConnection]] = deque()

    def ask(self, method: str, path: str, body: Optional[bytes], most: int) -> bytes:
        """Gives the body of a 200 of at most so many bytes; NoAnswer, OSError or HTTPException otherwise.

        What is asked must be harmless to ask twice: the server may have closed
        a kept connection just now.
        """
        deadline = time.monotonic() + self._timeout
        connection = self._kept()
        if connection is not None:
            try:
                return self._exchange(connection, method, path, body, most, deadline)
            except OSError:
                pass
        return self._exchange(self._opened(deadline), method, path, body, most, deadline)

    def close(self) -> None:
        """Closes the connections that are idle."""
        while self._idle:
            self._idle.pop()[1].close()

    def _kept(self) -> Optional[http.client.HTTPConnection]:
        while True:
            try:
                process, connection = self._idle.pop()
            except IndexError:
                return None
            if process == os.getpid() and _silent(connection.sock):
                return connection
            connection.close()

    def _opened(self, deadline: float) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection
        if self._secure:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=_left(deadline), context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=_left(deadline))
        connection.connect()
        return connection

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Optional[bytes],
        most: int,
        deadline: float,
    ) -> bytes:
        """Asks and reads. A connection is kept only when its answer was read to the end: the next one to use it
        would take the rest for its own."""
        kept = False
        try:
            connection.sock.settimeout(_left(deadline))
            connection.response_class = partial(_Answer, deadline)  # type: ignore[assignment]
            headers = dict(self._headers)
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            if response.status != 200:
                raise NoAnswer(f"status {response.status}")
            answer = response.read(most + 1)
            if not response.isclosed():
                raise NoAnswer("the answer is too long, or was cut off")
            if not response.will_close and len(self._idle) < _KEPT:
                self._idle.append((os.getpid(), connection))
                kept = True
            return answer
        finally:
            if not kept:
                connection.close()


def _read(url: str) -> Tuple[str, bool, str, Optional[int]]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ValueError("the URL of the server must look like https://volenti.example.org")
    return f"{parts.scheme}://{parts.netloc}", parts.scheme == "https", parts.hostname, port


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the server took too long")
    return left


def _silent(sock: socket.socket) -> bool:
    """Says that nothing is to be read. A server says something between two answers only when it closes, or is broken."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return not selector.select(0)


class _Timed(io.RawIOBase):
    """What a socket receives until a deadline.

    The time limit of a socket begins anew with each piece, so that a server
    could answer a byte at a time for ever.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._raw: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        self._sock.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is read until a deadline."""

    def __init__(self, deadline: float, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock, deadline))
