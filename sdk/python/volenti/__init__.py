"""Consent gates: functions that run with the consent of the person only.

    gate, Token         stand before a function            _gate.py, _guard.py
    Client              asks the server                    _client.py
    subject, Identity   whose data is used                 _person.py
    Decision            what the server said               _decision.py

What is not known is a no: when the server cannot be asked, or says anything
odd, the answer is a no with the reason "unavailable". No answer is kept, so
that no check that begins after an acknowledged withdrawal says yes.
"""

from ._client import Client
from ._decision import ConsentNotGranted, Decision
from ._gate import gate, use
from ._guard import Checker, Token
from ._person import Identity, MissingSubject, Person, subject

__all__ = [
    "Checker",
    "Client",
    "ConsentNotGranted",
    "Decision",
    "Identity",
    "MissingSubject",
    "Person",
    "Token",
    "gate",
    "subject",
    "use",
]
