"""Asks at the moment of effect, whatever kind of function has it."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Dict, Protocol, Tuple, TypeVar

from ._decision import ConsentNotGranted, Decision
from ._person import Person

F = TypeVar("F", bound=Callable[..., Any])
Out = TypeVar("Out")


class Checker(Protocol):
    """Knows whether a person's data may be used for a purpose now; Client is one."""

    def allowed(self, person: Person, purpose: str) -> Decision: ...

    async def allowed_async(self, person: Person, purpose: str) -> Decision: ...


# Tells whose data a call would use, or raises MissingSubject.
Whose = Callable[[Tuple[Any, ...], Dict[str, Any]], Person]


def guard(f: F, purpose: str, whose: Whose, checker: Callable[[], Checker]) -> F:
    """Wraps a function so that it begins with consent only.

    A generator begins with its first item and a coroutine when it is awaited:
    they are checked then.
    """
    def require(args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
        person = whose(args, kwargs)
        heed(checker().allowed(person, purpose), person, purpose)

    async def require_async(args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> None:
        person = whose(args, kwargs)
        heed(await checker().allowed_async(person, purpose), person, purpose)

    @functools.wraps(f)
    def plain(*args: Any, **kwargs: Any) -> Any:
        require(args, kwargs)
        return f(*args, **kwargs)

    @functools.wraps(f)
    def generator(*args: Any, **kwargs: Any) -> Any:
        require(args, kwargs)
        return (yield from f(*args, **kwargs))

    @functools.wraps(f)
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        await require_async(args, kwargs)
        return await f(*args, **kwargs)

    @functools.wraps(f)
    async def stream(*args: Any, **kwargs: Any) -> Any:
        await require_async(args, kwargs)
        items = f(*args, **kwargs)
        step = items.__anext__()
        while True:  # what `yield from` would do, if it were allowed here
            try:
                item = await step
            except StopAsyncIteration:
                return
            try:
                step = items.asend((yield item))
            except GeneratorExit:
                await items.aclose()
                raise
            except BaseException as thrown:
                step = items.athrow(thrown)

    wrapped: Any = plain
    if inspect.isasyncgenfunction(f):
        wrapped = stream
    elif inspect.iscoroutinefunction(f):
        wrapped = coroutine
    elif inspect.isgeneratorfunction(f):
        wrapped = generator
    return wrapped  # type: ignore[no-any-return]


def heed(decision: Decision, person: Person, purpose: str) -> None:
    """Raises ConsentNotGranted unless the decision is a yes."""
    if decision.allowed is not True:
        raise ConsentNotGranted(purpose, decision.reason, person)


class Token:
    """A yes that was given earlier, for work that is planned now and takes effect later.

    It is worth nothing by itself: run asks again. Client.token makes one.
    """

    def __init__(self, checker: Checker, person: Person, purpose: str) -> None:
        self._checker = checker
        self._person = person
        self._purpose = purpose

    def run(self, f: Callable[..., Out], *args: Any, **kwargs: Any) -> Out:
        """Calls f if the consent still stands, else raises ConsentNotGranted.

        Of an async function it gives the coroutine, which asks when it is
        awaited; of a generator function the generator, which asks before its
        first item.
        """
        return guard(f, self._purpose, lambda *_: self._person, lambda: self._checker)(*args, **kwargs)

    def __repr__(self) -> str:
        return f"volenti.Token({self._purpose!r})"
