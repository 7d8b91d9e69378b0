"""What comes out of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ._person import Person

GRANTED = "granted"
UNAVAILABLE = "unavailable"

# All but GRANTED are a no.
REASONS = frozenset(
    {
        GRANTED,
        "no_record",
        "refused",
        "withdrawn",
        "expired",
        "reconsent_due",
        "unknown_purpose",
        UNAVAILABLE,
    }
)


@dataclass(frozen=True)
class Decision:
    """The answer of a check; it counts as true when it is a yes.

    reason is "granted", "no_record", "refused", "withdrawn", "expired",
    "reconsent_due", "unknown_purpose", or "unavailable" when nobody knows.
    """

    allowed: bool = False
    reason: str = UNAVAILABLE

    def __bool__(self) -> bool:
        return self.allowed is True


class ConsentNotGranted(Exception):
    """A gate said no, and what stands behind it did not run.

    Who it is about is for the program only: it shows in no text, and does not
    travel when the error is pickled.
    """

    def __init__(self, purpose: str, reason: str, subject: Optional[Person] = None) -> None:
        super().__init__(f"consent not granted for {purpose}: {reason}")
        self.purpose = purpose
        self.reason = reason
        self.subject = subject

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.purpose, self.reason)
