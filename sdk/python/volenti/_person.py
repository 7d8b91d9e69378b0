"""Whose data is used."""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Iterator, Optional, Union
from uuid import UUID


class MissingSubject(ValueError):
    """A gate was not told whose data is to be used, or not in a form that it knows."""


@dataclass(frozen=True)
class Identity:
    """Something that a person is known by, like Identity("email", "anna@example.org").

    The server finds the subject. The value shows in no text.
    """

    type: str
    value: str = field(repr=False)


# The id of a subject, or an identity that leads to one.
Person = Union[str, UUID, Identity]

_current: ContextVar[Optional[Person]] = ContextVar("volenti_subject", default=None)


@contextmanager
def subject(person: Person) -> Iterator[None]:
    """Puts the person whose data is worked on into the context, for gates that are not told one.

    Tasks of asyncio inherit it; a thread does when it runs in a copy of the context.
    """
    before = _current.set(known(person))
    try:
        yield
    finally:
        _current.reset(before)


def current() -> Person:
    """Gives the person in the context, or MissingSubject."""
    return known(_current.get())


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def known(person: object) -> Union[str, Identity]:
    """Gives the usual form of an id, or the identity; MissingSubject for anything else.

    What is no id never gets into a URL, where an address could be logged.
    """
    if isinstance(person, Identity):
        if isinstance(person.type, str) and isinstance(person.value, str) and person.type and person.value:
            return person
        raise MissingSubject("the identity has no type or no value")
    text = str(person).lower() if isinstance(person, (str, UUID)) else ""
    if person is None or text == "" and isinstance(person, str) or text == str(UUID(int=0)):
        raise MissingSubject(
            "it is not said whose data is to be used: hand the subject to the gate, "
            "or put it into the context with volenti.subject"
        )
    if not _ID.fullmatch(text):
        raise MissingSubject(
            "the subject is not the id of one, which is a UUID: for what else a person is known by, "
            'use volenti.Identity, like Identity("email", address)'
        )
    return text
