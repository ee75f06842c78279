"""A second reader of logs, which follows docs/formats/statement.md.

It shares no code with src/hashpact and is built otherwise on purpose: it keeps the statements themselves and
derives what stands from them each time, where the first keeps records. Where the two disagree, the document
has a gap. Clarity comes before speed: it is for small logs.

    log = Log()
    refusals = [log.add(leaf) for leaf in leaves]   # None, or why the leaf has no effect
    derived = report(log)                           # as docs/vectors/README.md describes it
"""

from __future__ import annotations

from independent.fold import Log
from independent.report import report

__all__ = ["Log", "report"]
