"""Administrators' proposals as messages and back.

As in wire/codec.py, a ``from_wire`` function refuses what is missing, of the wrong size or past its limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hashpact.domain.messages import MAX_DOCUMENT, MAX_DOCUMENTS, Appended
from hashpact.domain.statements import MAX_LEAF
from hashpact.governance.drafts import MAX_FILE, MAX_STATEMENTS, MAX_WAITING
from hashpact.wire.evidence import receipt_from_wire, receipt_to_wire
from hashpact.wire.fields import count, limited, within
from hashpact.wire.v1 import governance_pb2, log_pb2


def proposal_to_wire(statements: bytes, documents: Sequence[bytes] = ()) -> governance_pb2.ProposeRequest:
    """The request that proposes a file of statements, with documents that they name."""
    return governance_pb2.ProposeRequest(statements=statements, documents=documents)


def proposal_from_wire(request: governance_pb2.ProposeRequest) -> tuple[bytes, tuple[bytes, ...]]:
    """The file of statements in a request, and the documents."""
    count("documents", request.documents, 0, MAX_DOCUMENTS)
    documents = (
        limited(f"documents[{number}]", one, MAX_DOCUMENT) for number, one in enumerate(request.documents)
    )
    return limited("statements", request.statements, MAX_FILE), tuple(documents)


def appended_to_wire(appended: Iterable[Appended]) -> governance_pb2.ProposeResponse:
    """The response to a proposal."""
    found = (
        governance_pb2.Appended(statement=one.statement, receipt=receipt_to_wire(one.receipt).receipt)
        for one in appended
    )
    return governance_pb2.ProposeResponse(appended=found)


def appended_from_wire(response: governance_pb2.ProposeResponse) -> tuple[Appended, ...]:
    """What a response says is in the log: checks its form only; `calls.propose` verifies it."""
    count("appended", response.appended, 0, MAX_STATEMENTS)
    found = []
    for number, one in enumerate(response.appended):
        with within(f"appended[{number}]"):
            statement = limited("statement", one.statement, MAX_LEAF)
            receipt = log_pb2.AppendResponse(receipt=one.receipt if one.HasField("receipt") else None)
            found.append(Appended(statement, receipt_from_wire(receipt)))
    return tuple(found)


def proposals_to_wire(proposals: Iterable[bytes]) -> governance_pb2.ListProposalsResponse:
    """The response that lists proposals."""
    return governance_pb2.ListProposalsResponse(proposals=proposals)


def proposals_from_wire(response: governance_pb2.ListProposalsResponse) -> tuple[bytes, ...]:
    """The proposals in a response, as files of statements."""
    count("proposals", response.proposals, 0, MAX_WAITING)
    return tuple(
        limited(f"proposals[{number}]", one, MAX_FILE) for number, one in enumerate(response.proposals)
    )
