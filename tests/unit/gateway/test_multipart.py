"""Forms: what was put into one comes out of it, and what is no form is refused."""

from __future__ import annotations

import contextlib

import pytest
from gatewayed import BOUNDARY, FORM, form
from hypothesis import given
from hypothesis import strategies as some

from hashpact.errors import InvalidInputError
from hashpact.gateway.rest.multipart import MAX_HEAD, MAX_PARTS, FormPart, form_parts

KIND = FORM["Content-Type"]
NAMES = some.text(some.characters(codec="utf-8", exclude_characters='"\r\n\\%'), min_size=1, max_size=20)


@given(some.lists(some.tuples(NAMES, some.binary(max_size=200) | some.text(max_size=50)), max_size=5))
def test_there_and_back(fields: list[tuple[str, bytes | str]]) -> None:
    if any(f"--{BOUNDARY}".encode() in (b if isinstance(b, bytes) else b.encode()) for _, b in fields):
        return
    found = form_parts(KIND, form(*fields))
    expected = [
        FormPart(name, isinstance(value, bytes), value if isinstance(value, bytes) else value.encode())
        for name, value in fields
    ]
    assert found == expected


@given(some.binary(max_size=300) | some.binary(max_size=200).map(lambda data: form(("a", b"b")) + data))
def test_anything_is_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(InvalidInputError):
        assert all(len(part.data) < len(body) for part in form_parts(KIND, body))


@pytest.mark.parametrize(
    ("head", "name", "is_file"),
    [
        ('content-disposition: form-data; name="a"; filename="b.jpg"\r\nContent-Type: image/jpeg', "a", True),
        ("Content-Type: text/plain\r\nContent-Disposition: form-data; name=a", "a", False),
        ("Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''b.jpg", "a", True),
        ('Content-Disposition: form-data; name="a%22b\\"c"', 'a"b"c', False),
        ('Content-Disposition: form-data; filename=""; name="a"', "a", True),
    ],
)
def test_how_programs_write_heads(head: str, name: str, *, is_file: bool) -> None:
    body = f"--{BOUNDARY}\r\n{head}\r\n\r\nx\r\n--{BOUNDARY}--".encode()
    assert form_parts(KIND, body) == [FormPart(name, is_file, b"x")]
    quoted = f'multipart/form-data; charset=utf-8; boundary="{BOUNDARY}"'
    assert form_parts(quoted, b"before\r\n" + body) == [FormPart(name, is_file, b"x")]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("multipart/form-data", form(), "names no boundary"),
        (KIND, b"", "its boundary is not in it"),
        (KIND, form(("a", b"b"))[:-20], "it has no end"),
        (KIND, form(*[("a", "b")] * (MAX_PARTS + 1)), f"it has over {MAX_PARTS} fields"),
        (KIND, f"--{BOUNDARY}\r\nx\r\n--{BOUNDARY}--".encode(), "a field has no head"),
        (
            KIND,
            f"--{BOUNDARY}\r\nX: {'y' * MAX_HEAD}\r\n\r\n\r\n--{BOUNDARY}--".encode(),
            "a field has no head",
        ),
        (KIND, f"--{BOUNDARY}\r\nX: y\r\n\r\n\r\n--{BOUNDARY}--".encode(), "a field has no name"),
        (
            KIND,
            f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\n\r\n--{BOUNDARY}--".encode(),
            "a field has no name",
        ),
    ],
)
def test_refusals(kind: str, body: bytes, expected: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        form_parts(kind, body)
    assert expected in refused.value.message
