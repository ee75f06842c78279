"""The errors that Hashpact raises, as one tree.

    HashpactError
    ├── InvalidInputError            a value breaks its format; names the field
    │   ├── MalformedError           bytes of a statement, note or private part; names the line
    │   ├── UnknownLabelError        not in the policy's taxonomy; lists the known ones
    │   ├── UnusableFingerprintError a fingerprint that would match too much or too little
    │   └── UnusableContentError     a file or text that no fingerprint can be made from
    ├── UnauthenticatedError         the channel does not authenticate the caller
    ├── NotPermittedError            known, but not allowed: role, suspension, another's name
    │   ├── UnknownKeyError          the key is not enrolled
    │   └── BadSignatureError        a signature is missing or does not verify
    │       └── MissingSignatureError  not all who must sign the statement have signed it yet
    ├── NotFoundError                no such entry or member
    ├── RequestReusedError           the request id was used for other bytes
    ├── ConflictError                the state of the log forbids it now
    │   ├── ClockSkewError           the statement's time is too far from the server's
    │   ├── AlreadySharedError       the member shares the same content already; names the entry
    │   └── ElsewhereError           a mirror takes no statements; names the clearinghouse's address
    ├── OverloadedError              a quota or a bound of the server is reached
    ├── UnavailableError             cannot answer now; the same call may succeed later
    │   ├── BehindError              the index, or the log, does not reach the position asked for
    │   ├── LaggingError             the mirror's copy of the log is older than it may answer from
    │   ├── StoppingError            the server stops; another one may answer
    │   ├── CommitFailedError        the disk refused a commit; the process stops and starts again
    │   ├── CertificateError         the TLS channel was refused; retrying will not help
    │   └── DeadlineError            the call's time ran out; its outcome is unknown
    ├── CorruptError                 stored bytes are not what the log committed to
    │   └── ProofError               a Merkle proof or receipt does not verify
    │       ├── LogKeyError          no key of the log that is pinned signed the checkpoint
    │       ├── QuorumError          too few witnesses have cosigned it, or too long ago
    │       └── ForkError            the log has signed two histories, or takes back what it has signed
    └── ConfigError                  the home, profile or configuration is unusable

Each class has a stable ``code``. The server sends it with a gRPC status, and the SDK raises the same class
from it, so that one ``except`` works on both sides of the wire. ``fault`` is whether it is a fault of the
server, which its operator must see, or a refusal of the caller's request.
"""

from __future__ import annotations

from typing import ClassVar


class HashpactError(Exception):
    """The base of every error that Hashpact raises on purpose.

    ``details`` are short machine-readable facts, safe to show to the caller: never a fingerprint, never
    content, never a key.
    """

    code: ClassVar[str] = "INTERNAL"
    fault: ClassVar[bool] = True

    def __init__(self, message: str, **details: str) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidInputError(HashpactError):
    """A value breaks its format. ``details["field"]`` names it."""

    code = "INVALID_INPUT"
    fault = False


class MalformedError(InvalidInputError):
    """Bytes that are not a statement, note or private part. ``details["line"]`` counts from 1."""

    code = "MALFORMED"


class UnknownLabelError(InvalidInputError):
    """A label that the policy does not have. ``details["known"]`` lists the known ones."""

    code = "UNKNOWN_LABEL"


class UnusableFingerprintError(InvalidInputError):
    """A fingerprint that would match too much or too little to be shared."""

    code = "UNUSABLE_FINGERPRINT"


class UnusableContentError(InvalidInputError):
    """A file or text that no fingerprint can be made from."""

    code = "UNUSABLE_CONTENT"


class UnauthenticatedError(HashpactError):
    """The channel does not prove who is calling."""

    code = "UNAUTHENTICATED"
    fault = False


class NotPermittedError(HashpactError):
    """The caller is known and may not do this."""

    code = "NOT_PERMITTED"
    fault = False


class UnknownKeyError(NotPermittedError):
    """The statement names a key that is not enrolled."""

    code = "UNKNOWN_KEY"


class BadSignatureError(NotPermittedError):
    """A required signature is missing or does not verify."""

    code = "BAD_SIGNATURE"


class MissingSignatureError(BadSignatureError):
    """Not all who must sign the statement have signed it. With their signatures it may be accepted."""

    code = "MISSING_SIGNATURE"


class NotFoundError(HashpactError):
    """There is no such entry or member. ``details["resource"]`` names it."""

    code = "NOT_FOUND"
    fault = False


class RequestReusedError(HashpactError):
    """The member used this request id before, for other bytes. Nothing has changed."""

    code = "REQUEST_REUSED"
    fault = False


class ConflictError(HashpactError):
    """The statement is well formed and signed, but the state of the log forbids it."""

    code = "CONFLICT"
    fault = False


class ClockSkewError(ConflictError):
    """The statement's time is too far from the server's. ``details["server_time"]`` is in Unix seconds."""

    code = "CLOCK_SKEW"


class AlreadySharedError(ConflictError):
    """The member shares the same fingerprints already. ``details["entry"]`` is the entry's index.

    ``details["differs"]`` lists in which terms, such as ``labels``, if the entry is on other ones.
    """

    code = "ALREADY_SHARED"


class ElsewhereError(ConflictError):
    """A mirror was asked for what only the clearinghouse does. ``details["address"]`` is where that is."""

    code = "ELSEWHERE"


class OverloadedError(HashpactError):
    """A quota or a bound of the server is reached."""

    code = "OVERLOADED"
    fault = False


class UnavailableError(HashpactError):
    """The clearinghouse cannot answer now; the same call may succeed later."""

    code = "UNAVAILABLE"


class BehindError(UnavailableError):
    """The server has not indexed as much of the log as the call asks for, or the log is not as long."""

    code = "BEHIND"
    fault = False


class LaggingError(UnavailableError):
    """The mirror's copy of the log is older than it may answer from. ``details`` are the lag's fields."""

    code = "LAGGING"
    fault = False


class StoppingError(UnavailableError):
    """The server is stopping, and has ended a stream; what has no answer can be asked for again."""

    code = "STOPPING"
    fault = False


class CommitFailedError(UnavailableError):
    """The disk refused a commit. Nothing of it was answered; the process must stop and start again."""

    code = "COMMIT_FAILED"


class CertificateError(UnavailableError):
    """The TLS channel was refused. Trying again does not help; renewing the certificate may."""

    code = "CERTIFICATE"


class DeadlineError(UnavailableError):
    """The call's time ran out. Its outcome is unknown; sending the same bytes again is safe."""

    code = "DEADLINE"
    fault = False


class CorruptError(HashpactError):
    """Stored bytes are not what the log committed to."""

    code = "CORRUPT"


class ProofError(CorruptError):
    """A Merkle proof or a receipt does not verify."""

    code = "PROOF"


class LogKeyError(ProofError):
    """No key of the log that is pinned signed the checkpoint. Root statements may name another."""

    code = "LOG_KEY"


class QuorumError(ProofError):
    """Too few witnesses have cosigned the checkpoint, or their cosignatures are too old to rely on."""

    code = "QUORUM"


class ForkError(ProofError):
    """The log has signed a checkpoint that does not extend an earlier one of its own.

    ``details["evidence"]`` is the file that has both, if it could be written.
    """

    code = "FORK"


class ConfigError(HashpactError):
    """The home, the profile or the configuration cannot be used as it is."""

    code = "CONFIG"


def is_fault(error: BaseException) -> bool:
    """Whether an error is a fault of the server, and not a refusal of the caller's request."""
    return error.fault if isinstance(error, HashpactError) else True
