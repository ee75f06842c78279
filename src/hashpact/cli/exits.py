"""Exit statuses: what a script learns from a command without reading its output.

0    all went well; `check`: something matched
1    the command ran, and the answer is no: `check` found nothing, an audit found faults, a receipt proves
     nothing, something ends soon, or some of many pieces could not be shared
2    wrong use or bad input
3    the clearinghouse refused: not permitted, not found, or the log's state forbids it
4    unavailable, or out of time; the same command may succeed later
5    the channel's certificate is refused
6    something stored or received is not what the log committed to
10   `monitor --once`: nothing is wrong, and there was news
11   `monitor --once`: the log is older than it may be
12   `monitor --once`: the log contradicts what it has signed before
70   an error inside Hashpact (EX_SOFTWARE of sysexits.h)
74   output could not be written (EX_IOERR)
130  after Ctrl-C
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hashpact import errors
from hashpact.errors import HashpactError

OK: Final = 0
NO: Final = 1
MISUSED: Final = 2
REFUSED: Final = 3
UNAVAILABLE: Final = 4
CERTIFICATE: Final = 5
CORRUPT: Final = 6
NEWS: Final = 10
STALE: Final = 11
FORKED: Final = 12
INTERNAL: Final = 70
NO_OUTPUT: Final = 74
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""

STATUS: Final[Mapping[type[HashpactError], int]] = {
    errors.HashpactError: INTERNAL,
    errors.InvalidInputError: MISUSED,
    errors.ConfigError: MISUSED,
    errors.UnauthenticatedError: CERTIFICATE,
    errors.CertificateError: CERTIFICATE,
    errors.NotPermittedError: REFUSED,
    errors.NotFoundError: REFUSED,
    errors.RequestReusedError: REFUSED,
    errors.ConflictError: REFUSED,
    errors.OverloadedError: UNAVAILABLE,
    errors.UnavailableError: UNAVAILABLE,
    errors.CorruptError: CORRUPT,
}
"""The status of each class; a class that is not here has that of its nearest base."""


def status_of(error: HashpactError) -> int:
    """The exit status of a command that ends with this error."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)
