"""The formats by their names: how each is read and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TypeAlias

from hashpact.exchange import csv_table, ncmec, stopncii, tcap, threatexchange, tx, vics
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import Listed, Row


@dataclass(frozen=True, slots=True)
class ReadChoices:
    """What an operator chooses of what is read.

    ``received`` and ``seeds`` take records that nobody has looked at or called harmful yet.
    """

    classes: ClassMap = field(default_factory=ClassMap)
    received: bool = False
    seeds: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """The options of a writer. ``origin`` names where the rows come from."""

    classes: ClassMap = field(default_factory=ClassMap)
    origin: str = "hashpact"


Read: TypeAlias = Callable[[BinaryIO, ReadChoices], Iterator[Row]]
Write: TypeAlias = Callable[[BinaryIO, Iterable[Listed], Writing], int]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of lists.

    ``of_others``: it carries lists of organisations that are under agreements, whose rows are shared only by
    their source. ``by_class``: a row has one class, without a label for which it is not taken; otherwise it
    has tags, of which some may mean nothing here. ``by_time``: the order of rows says nothing, and a record's
    own time does. ``united``: rows of one key are one, with the classes of all. ``write`` is None for what is
    only read. ``deletes``: rows may be taken back in it.
    """

    what: str
    read: Read
    write: Write | None
    of_others: bool = True
    by_class: bool = False
    by_time: bool = False
    united: bool = False
    deletes: bool = True


FORMATS: Final = {
    "ncmec": Format(
        ncmec.WHAT,
        lambda file, _: ncmec.read(file),
        lambda file, rows, by: ncmec.write(file, rows, by.classes.class_of),
        by_class=True,
        by_time=True,
    ),
    "threatexchange": Format(
        threatexchange.WHAT,
        lambda file, by: threatexchange.read(file, seeds=by.seeds),
        lambda file, rows, _: threatexchange.write(file, rows),
        by_time=True,
    ),
    "stopncii": Format(
        stopncii.WHAT,
        lambda file, by: stopncii.read(file, received=by.received),
        lambda file, rows, _: stopncii.write(file, rows),
        by_class=True,
    ),
    "tcap": Format(
        tcap.WHAT,
        lambda file, _: tcap.read(file),
        lambda file, rows, by: tcap.write(file, rows, by.classes.class_of),
        by_class=True,
    ),
    "vics": Format(
        vics.WHAT,
        lambda file, _: vics.read(file),
        lambda file, rows, by: vics.write(
            file, rows, lambda labels: by.classes.class_of(labels, numbered=True)
        ),
        by_class=True,
        deletes=False,
    ),
    "tx": Format(
        tx.CSV,
        lambda file, by: tx.read(file, seeds=by.seeds),
        lambda file, rows, by: tx.write(file, rows, by.origin),
        of_others=False,
        united=True,
        deletes=False,
    ),
    "tx-local": Format(
        tx.LOCAL,
        lambda file, _: tx.read_local(file),
        lambda file, rows, _: tx.write_local(file, rows),
        of_others=False,
        united=True,
        deletes=False,
    ),
    "hma": Format(
        tx.CONTENTS,
        lambda file, _: tx.read_contents(file),
        None,
        of_others=False,
        deletes=False,
    ),
    "csv": Format(
        csv_table.WHAT,
        lambda file, by: csv_table.read(file, by.classes.columns),
        lambda file, rows, _: csv_table.write(file, rows),
        of_others=False,
    ),
}
"""Every format, by the name that commands have for it."""
