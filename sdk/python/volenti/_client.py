"""Asks the server."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, TypeVar, Union

from ._connections import Connections, NoAnswer
from ._decision import GRANTED, REASONS, Decision
from ._guard import Token, heed
from ._person import Identity, Person, known

BATCH = 10_000  # people in one request; the server takes no more

_THREADS = 16  # for asyncio

_log = logging.getLogger("volenti")

Out = TypeVar("Out")


class Client:
    """Asks a Volenti server for consent, with an API key that has the scope consents:check.

    Threads, tasks and forked processes may share it. Unless told otherwise, a
    check has 5 seconds, and connecting as long again for each address of the
    server; looking up its name is limited by the system. It follows no
    redirects and takes no proxy from the environment. tls is for servers with
    a certificate of their own.

    Each method has a twin that does not block the loop of asyncio: it asks in
    a thread of the client.
    """

    def __init__(
        self, url: str, token: str, *, timeout: float = 5.0, tls: Optional[ssl.SSLContext] = None
    ) -> None:
        self._connections = Connections(url, token, timeout, tls)
        self._threads: Optional[Tuple[int, ThreadPoolExecutor]] = None

    def allowed(self, person: Person, purpose: str) -> Decision:
        """Says whether the person's data may be used for the purpose now.

        A person is the id of a subject, or an Identity. Anything but a clear
        yes is a no; only what cannot be asked raises: MissingSubject, and
        ValueError for what is not the key of a purpose.
        """
        who = known(person)
        if isinstance(who, Identity):
            return self._batch([who], purpose)[0]
        path = f"/api/v1/subjects/{who}/consents/{valid_purpose(purpose)}"
        return self._decide("GET", path, None, 1, lambda answer: [_decision(answer)])[0]

    def check(self, people: Iterable[Person], purpose: str) -> List[Decision]:
        """Gives the decisions about many people, in their order.

        It asks for 10,000 at a time. What is not answered is a no for all of
        those, with the reason "unavailable".
        """
        return [decision for _, decision in self._each(people, purpose)]

    def filter(self, people: Iterable[Person], purpose: str) -> List[Person]:
        """Gives those of the people who have consented, in their order."""
        return [person for person, decision in self._each(people, purpose) if decision]

    def token(self, person: Person, purpose: str) -> Token:
        """Gives a token for work that takes effect later, or raises ConsentNotGranted."""
        heed(self.allowed(person, purpose), person, purpose)
        return Token(self, person, purpose)

    async def allowed_async(self, person: Person, purpose: str) -> Decision:
        """Is allowed, for asyncio."""
        return await self._in_thread(self.allowed, person, purpose)

    async def check_async(self, people: Iterable[Person], purpose: str) -> List[Decision]:
        """Is check, for asyncio; people is read in a thread."""
        return await self._in_thread(self.check, people, purpose)

    async def filter_async(self, people: Iterable[Person], purpose: str) -> List[Person]:
        """Is filter, for asyncio; people is read in a thread."""
        return await self._in_thread(self.filter, people, purpose)

    async def token_async(self, person: Person, purpose: str) -> Token:
        """Is token, for asyncio."""
        return await self._in_thread(self.token, person, purpose)

    def close(self) -> None:
        """Ends the threads, waits for what they ask, and closes idle connections."""
        if self._threads is not None and self._threads[0] == os.getpid():
            self._threads[1].shutdown()
        self._connections.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"volenti.Client({self._connections.origin!r})"

    async def _in_thread(self, f: Callable[..., Out], *args: Any) -> Out:
        # Not asyncio.to_thread: its threads may all wait for a gate in the loop.
        if self._threads is None or self._threads[0] != os.getpid():  # a fork takes no threads along
            self._threads = (os.getpid(), ThreadPoolExecutor(_THREADS, "volenti"))
        return await asyncio.get_running_loop().run_in_executor(self._threads[1], partial(f, *args))

    def _each(self, people: Iterable[Person], purpose: str) -> Iterable[Tuple[Person, Decision]]:
        rest = iter(people)
        while some := list(islice(rest, BATCH)):
            yield from zip(some, self._batch([known(person) for person in some], purpose))

    def _batch(self, people: List[Union[str, Identity]], purpose: str) -> List[Decision]:
        """Decides about up to BATCH people; a request is about ids or about identities."""
        decisions = [Decision()] * len(people)
        for kind in (str, Identity):
            places = [i for i, person in enumerate(people) if isinstance(person, kind)]
            if places:
                for i, decision in zip(places, self._ask_for([people[i] for i in places], purpose)):
                    decisions[i] = decision
        return decisions

    def _ask_for(self, people: List[Union[str, Identity]], purpose: str) -> List[Decision]:
        asked: Dict[str, Any] = {"purpose": valid_purpose(purpose)}
        if isinstance(people[0], Identity):
            asked["identities"] = [{"type": p.type, "value": p.value} for p in people if isinstance(p, Identity)]
        else:
            asked["subjects"] = people

        def read(answer: Any) -> List[Decision]:
            results = answer["results"]
            if answer["purpose"] != purpose or len(results) != len(people):
                raise NoAnswer("another question was answered")
            for person, result in zip(people, results):
                if isinstance(person, str) and result.get("subject", person) != person:
                    raise NoAnswer("the answers are in another order")
            return [_decision(result) for result in results]

        return self._decide("POST", "/api/v1/consents/check", json.dumps(asked).encode(), len(people), read)

    def _decide(
        self, method: str, path: str, body: Optional[bytes], people: int, read: Callable[[Any], List[Decision]]
    ) -> List[Decision]:
        """Asks about so many people. Whatever goes wrong, nobody knows, and that is a no."""
        try:
            return read(json.loads(self._connections.ask(method, path, body, 4096 + 256 * people)))
        except Exception as error:
            # Of other errors the text could name what was sent.
            what = str(error) if isinstance(error, NoAnswer) else type(error).__name__
            _log.warning("a check of consent was not answered: %s", what)
            return [Decision()] * people


_PURPOSE = re.compile(r"[a-z][a-z0-9_]{0,63}")


def valid_purpose(purpose: str) -> str:
    """Gives the purpose, or ValueError when it cannot be the key of one."""
    if not isinstance(purpose, str) or not _PURPOSE.fullmatch(purpose):
        raise ValueError(
            "the key of a purpose is a lower-case letter, then up to 63 lower-case letters, digits and underscores"
        )
    return purpose


def _decision(answer: Any) -> Decision:
    """Reads one answer. Only a yes with the reason for one is a yes."""
    allowed, reason = answer["allowed"], answer["reason"]
    if type(allowed) is not bool or reason not in REASONS or allowed != (reason == GRANTED):
        raise NoAnswer("an answer is neither yes nor no")
    return Decision(allowed, reason)
