"""The gate as a decorator."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

from ._client import valid_purpose
from ._guard import Checker, F, Whose, guard
from ._person import Identity, Person, current, known

_default: Optional[Checker] = None

# The name of an argument, or what finds the person in the arguments by name.
Subject = Union[str, Callable[[Mapping[str, Any]], Person]]


def use(client: Optional[Checker]) -> None:
    """Names the client of all gates that were given none."""
    global _default
    _default = client


def gate(
    purpose: str,
    subject: Optional[Subject] = None,
    *,
    identity: Optional[str] = None,
    client: Optional[Checker] = None,
) -> Callable[[F], F]:
    """Lets a function run with the person's consent to the purpose only.

    subject names the argument that holds the person, or is called with all
    arguments by name, defaults included, and gives the person; without it, it
    is the person in the context. With identity, like "email", what it gives
    is not the id of a subject but an identity of that type.

    It works on functions and methods, on async functions, and on generators of
    both kinds, which are checked before the first item. It raises
    ConsentNotGranted, or MissingSubject, and the function has not begun.
    """
    valid_purpose(purpose)
    if identity is not None and subject is None:
        raise TypeError("a gate with an identity must be told which argument holds it")

    def decorate(f: F) -> F:
        if not callable(f) or isinstance(f, (type, staticmethod, classmethod)):
            raise TypeError("a gate stands before a function; write it below @staticmethod and @classmethod")
        return guard(f, purpose, _finder(f, subject, identity), lambda: _chosen(client))

    return decorate


def _chosen(client: Optional[Checker]) -> Checker:
    chosen = client if client is not None else _default
    if chosen is None:
        raise RuntimeError("there is no client to ask: call volenti.use(volenti.Client(url, token)) first")
    return chosen


def _finder(f: Any, subject: Optional[Subject], identity: Optional[str]) -> Whose:
    if subject is None:
        return lambda args, kwargs: current()
    signature = inspect.signature(f)
    kinds = {name: p.kind for name, p in signature.parameters.items()}
    rest = next((name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD), None)
    if isinstance(subject, str) and rest is None and subject not in kinds:
        raise TypeError(f"the function has no argument {subject!r}, which the gate is to take the subject from")

    def whose(args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Person:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = dict(bound.arguments)
        if rest is not None:
            arguments = {**arguments.pop(rest), **arguments}
        person: Any = arguments.get(subject) if isinstance(subject, str) else subject(arguments)
        if identity is not None and person is not None:
            person = Identity(identity, person)
        return known(person)

    return whose
