"""Statements appended one by one that are refused: nothing changes."""

from __future__ import annotations

import pytest

from hashpact.domain.messages import Submission
from hashpact.errors import HashpactError
from hashpact.service.append import Appender


def refuse(
    appender: Appender, caller: str | None, submission: Submission, error: type[HashpactError], message: str
) -> HashpactError:
    """Append what is refused: nothing changes."""
    ledger = appender.ledger
    before, leaves = ledger.head(), list(ledger.leaves(0, ledger.head().size))
    with pytest.raises(error, match=message) as caught:
        appender.append(caller, submission)
    assert type(caught.value) is error
    assert ledger.head() == before
    assert list(ledger.leaves(0, before.size)) == leaves
    return caught.value
