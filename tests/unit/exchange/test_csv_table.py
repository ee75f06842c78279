"""Any CSV, by the columns that a map names."""

from __future__ import annotations

import pytest
from listed import CODE, DIGEST, PRIVATE, rows

from hashpact.domain.fingerprints import MD5, PDQ, Fingerprint, FingerprintType
from hashpact.errors import ConfigError, MalformedError
from hashpact.exchange.mapping import ClassMap
from hashpact.exchange.rows import Delete, Put, Skip


def test_a_csv_is_read_by_the_columns_of_a_map() -> None:
    columns = {"pdq/1": "PDQ hash", "md5/1": "md5", "label": "kind", "deleted": "gone", "separator": ";"}
    classes = ClassMap(columns=columns)
    text = (
        f"no;PDQ hash;md5;kind;gone\n1;{CODE};{DIGEST};a b;\n2;;{DIGEST};;1\n3;;;;\n4;;\n5;x{PRIVATE};;;0\n"
    )
    assert rows("csv", text, classes=classes) == [
        Put(f"pdq/1:{CODE}", tuple(made(PDQ, CODE) + made(MD5, DIGEST)), ("a", "b")),
        Delete(f"md5/1:{DIGEST}"),
        Skip("", "malformed-record"),
        Skip("", "malformed-record"),
        Skip("pdq/1:…", "malformed-fingerprint"),
    ]
    keyed = {"key": "id", "md5/1": "md5", "removed": "when", "updated": "at"}
    (one, other) = rows(
        "csv", f"id,md5,when,at\na,{DIGEST},5,1970-01-01T00:00:09Z\nb,,,\n", classes=ClassMap(columns=keyed)
    )
    assert isinstance(one, Put)
    assert (one.removed, one.updated) == (5, 9)
    assert other == Skip("b", "no-usable-fingerprint")


def made(kind: FingerprintType, digits: str) -> list[Fingerprint]:
    """A fingerprint in a list."""
    return [Fingerprint(kind, bytes.fromhex(digits))]


@pytest.mark.parametrize(
    ("columns", "text", "error"),
    [
        ({"pdq": "a"}, "a\n", ConfigError),
        ({"pdq/1": "a", "separator": "ab"}, "a\n", ConfigError),
        ({"pdq/1": "a"}, "b\n", MalformedError),
        ({"label": "a"}, "a\n", MalformedError),
        ({}, "a,b\n", MalformedError),
        ({"pdq/1": "a"}, 'a\n"x', MalformedError),
        ({"pdq/1": "a"}, "", MalformedError),
    ],
)
def test_a_csv_without_its_columns_is_refused(
    columns: dict[str, str], text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        rows("csv", text, classes=ClassMap(columns=columns))
