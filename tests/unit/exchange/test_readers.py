"""What each reader makes of a list: the fixtures exactly, and what a list may be made of to hurt."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from listed import CODE, DIGEST, FILES, PRIVATE, expected, fixture, rows

from hashpact.domain.fingerprints import MD5, SHA1
from hashpact.errors import MalformedError
from hashpact.exchange import streaming
from hashpact.exchange.formats import FORMATS
from hashpact.exchange.rows import Delete, Put, Row, Skip

SPACE = 'xmlns="https://hashsharing.ncmec.org/hashsharing/v2"'


def row(name: str, record: Mapping[str, object], **chosen: bool) -> Row:
    """What a reader of JSON makes of one record."""
    lists = {"threatexchange": "data", "stopncii": "hashRecords", "tcap": "results", "vics": "value"}
    (found,) = rows(name, json.dumps({lists[name]: [record]}), **chosen)
    return found


def shown(one: Row) -> dict[str, Any]:
    """A row as expected.json writes it."""
    if isinstance(one, Skip):
        return {"op": "skip", "key": one.key, "reason": one.reason}
    if isinstance(one, Delete):
        return {"op": "delete", "key": one.key}
    made = [{"type": each.type.name, "value": each.value.hex()} for each in one.fingerprints]
    return {"op": "put", "key": one.key, "fingerprints": made}


def by_type(one: dict[str, Any]) -> dict[str, Any]:
    """What is compared of a row, its fingerprints in the order of their types."""
    kept: dict[str, Any] = {
        name: one[name] for name in ("op", "key", "fingerprints", "reason") if name in one
    }
    if "fingerprints" in kept:
        kept["fingerprints"] = sorted(kept["fingerprints"], key=lambda each: str(each["type"]))
    return kept


@pytest.mark.parametrize("name", FILES)
def test_a_fixture_gives_exactly_its_rows(name: str) -> None:
    found = rows(name, fixture(name).read_bytes(), received=True)
    assert [by_type(shown(one)) for one in found] == [by_type(one) for one in expected(name)]
    for made, told in zip(found, expected(name), strict=True):
        if isinstance(made, Put):
            assert list(made.dropped) == told.get("dropped", [])
            assert made.updated == told.get("source_time", made.updated)
            named = [str(told[field]) for field in ("classification", "ideology", "bank") if field in told]
            named += [str(told["category"])] if name == "vics" else []
            assert sorted(made.classes) == sorted(told.get("tags", named))
            assert (made.affirmed, made.disputed) == (len(told.get("foreign_feedback", ())), 0)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_short_is_broken_or_loses_only_its_last_rows(name: str) -> None:
    data = fixture(name).read_bytes()
    whole = rows(name, data, received=True)
    for size in range(0, len(data) - 1, 37):
        if name not in {"tx", "tx-local", "hma"}:
            with pytest.raises(MalformedError):
                rows(name, data[:size], received=True)
            continue
        with contextlib.suppress(MalformedError):
            assert len(rows(name, data[:size], received=True)) <= len(whole)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in {"tx-local", "csv"}])
@pytest.mark.parametrize("data", [b"", b"\0\1\2", b"{}", b"[1]", b'{"value": 1}', b"<a/>", b"\xff\xfe{\0"])
def test_another_file_is_refused(name: str, data: bytes) -> None:
    if name == "hma" and data in {b"", b"[1]", b"{}", b'{"value": 1}'}:
        assert all(isinstance(one, Skip) for one in rows(name, data))
        return
    with pytest.raises(MalformedError, match=r"^not "):
        rows(name, data)


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "dtd",
    [
        f'<!DOCTYPE queryResult [<!ENTITY e0 "boom">{BOMB}]>',
        '<!DOCTYPE queryResult SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE queryResult [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE queryResult [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]>',
        "<!DOCTYPE queryResult>",
    ],
)
def test_an_ncmec_document_with_entities_or_any_dtd_is_refused(dtd: str) -> None:
    body = f"<queryResult {SPACE}><images><image><id>&e9;&f;</id></image></images></queryResult>"
    with pytest.raises(MalformedError, match="DTD"):
        rows("ncmec", f'<?xml version="1.0"?>{dtd}{body}')


def ncmec(entry: str, root: str = f"queryResult {SPACE}") -> list[Row]:
    """The rows of a document with these entries."""
    return rows("ncmec", f"<{root}><images>{entry}</images></{root.split(maxsplit=1)[0]}>")


def test_ncmec_takes_what_it_knows_and_follows_no_address() -> None:
    known = '<member id="7"/><id>a</id>'
    (one,) = ncmec(
        f"<image>{known}<fingerprints><tmk-pdqf href='{PRIVATE}'>{CODE}</tmk-pdqf><pdq href='{PRIVATE}'/>"
        f"<md5>{DIGEST.upper()}</md5><md5>{DIGEST}</md5><sha1>zz</sha1><netclean>1</netclean><pdq/>"
        "</fingerprints><feedback><negativeFeedback type='Md5'><reasons><reason guid='1'/>"
        "<members><member id='8'/></members><reason guid='2'/><members><member id='8'/><member id='9'/>"
        "</members></reasons></negativeFeedback></feedback></image>"
    )
    assert isinstance(one, Put)
    assert [each.type for each in one.fingerprints] == [MD5]
    assert one.dropped == ("tmk-pdqf", "pdq", "netclean", "sha1")
    assert (one.affirmed, one.disputed, one.source, one.classes) == (0, 2, "7", ())
    assert PRIVATE not in repr(one)
    only = "<fingerprints>{}</fingerprints>"
    assert ncmec(f"<image>{known}{only.format('<pdna>AA</pdna>')}</image>") == [
        Skip("7-a", "no-usable-fingerprint")
    ]
    assert ncmec(f"<image>{known}{only.format('<md5>AA</md5>')}</image>") == [
        Skip("7-a", "malformed-fingerprint")
    ]
    zeros = only.format(f"<pdq>{'0' * 64}</pdq>")
    assert ncmec(f"<image>{known}{zeros}</image>") == [Skip("7-a", "unusable-fingerprint")]
    assert ncmec("<image><id>a</id></image>") == [Skip("", "malformed-record")]
    deleted = "<member id='7'/><timestamp>2026-03-01T12:00:00Z</timestamp><id>b</id>"
    assert ncmec(f"<deletedVideo>{deleted}</deletedVideo>") == [Delete("7-b", 1772366400)]
    other = "<x:image xmlns:x='urn:x'><x:id>a</x:id></x:image>"
    assert ncmec(other) == []


@pytest.mark.parametrize(
    ("entry", "root"),
    [
        ("<image>", f"queryResult {SPACE}"),
        ("", "queryResult"),
        ("", f"other {SPACE}"),
        ("<image>" + "<a>" * 20, f"queryResult {SPACE}"),
        ("&undefined;", f"queryResult {SPACE}"),
    ],
)
def test_an_ncmec_document_of_another_form_is_refused(entry: str, root: str) -> None:
    with pytest.raises(MalformedError, match="not an NCMEC"):
        ncmec(entry, root)


def test_the_text_of_an_ncmec_element_is_bounded() -> None:
    (one,) = ncmec(f"<image><member id='7'/><id>{'a' * 100_000}</id></image>")
    assert one == Skip("", "malformed-record")


def descriptor(**said: object) -> dict[str, object]:
    """A descriptor of a ThreatExchange indicator."""
    return {"owner": {"id": "1"}, "status": "MALICIOUS", "tags": ["tvec"], **said}


def threat(*said: dict[str, object], **others: object) -> Row:
    """What is made of an indicator with these descriptors."""
    record = {
        "type": "HASH_PDQ",
        "indicator": CODE.upper(),
        "last_updated": 5,
        "descriptors": {"data": [*said]},
    }
    return row("threatexchange", record | others, seeds=False)


def test_threatexchange_makes_one_row_of_all_descriptors() -> None:
    key = f"HASH_PDQ:{CODE}"
    one = threat(
        descriptor(), descriptor(owner={"id": "2"}, tags={"data": [{"text": "a"}]}, status="UNKNOWN")
    )
    assert isinstance(one, Put)
    assert (one.key, one.classes, one.updated, one.source) == (key, ("tvec", "a"), 5, None)
    both = threat(descriptor(), descriptor(owner={"id": "2"}, status="NON_MALICIOUS"))
    assert isinstance(both, Put)
    assert (both.affirmed, both.disputed) == (0, 1)
    said = [{"key": "HELPFUL", "value": "3,4"}, {"key": "DISAGREE_WITH_TAGS", "value": "5"}, {"key": "X"}, 7]
    heard = threat(descriptor(reactions=said))
    assert isinstance(heard, Put)
    assert (heard.affirmed, heard.disputed, heard.source) == (2, 1, "1")
    assert threat(descriptor(status="NON_MALICIOUS")) == Skip(key, "negative")
    assert threat(descriptor(status="UNKNOWN")) == Skip(key, "below-category")
    seed = {"type": "HASH_MD5", "indicator": DIGEST, "descriptors": [descriptor(status="SUSPICIOUS")]}
    assert isinstance(row("threatexchange", seed, seeds=True), Put)
    assert threat(descriptor(owner=None)) == Skip(key, "malformed-record")
    assert threat() == threat(descriptors=None) == threat(descriptor(), should_delete=True) == Delete(key, 5)


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ({"type": "URI", "indicator": PRIVATE, "should_delete": True}, Skip("URI:…", "unsupported-type")),
        ({"type": "<b>", "indicator": PRIVATE}, Skip(":…", "unsupported-type")),
        ({"indicator": PRIVATE}, Skip("HASH_PDQ:…", "malformed-fingerprint")),
        ({"indicator": PRIVATE, "should_delete": True}, Skip("HASH_PDQ:…", "malformed-fingerprint")),
        ({"indicator": "0" * 64}, Skip("HASH_PDQ:…", "unusable-fingerprint")),
        ({"indicator": 7}, Skip("", "malformed-record")),
    ],
)
def test_no_key_of_threatexchange_shows_what_is_no_hash(others: dict[str, object], wanted: Row) -> None:
    assert threat(descriptor(), **others) == wanted


@pytest.mark.parametrize(
    ("others", "wanted"),
    [
        ({"hashStatus": "Deleted"}, Delete(f"VideoMD5:{DIGEST}", 9)),
        ({"hashStatus": "Deleted", "hashValue": PRIVATE}, Skip("VideoMD5:…", "malformed-fingerprint")),
        ({"hashStatus": "Received"}, Skip(f"VideoMD5:{DIGEST}", "below-category")),
        ({"hashStatus": "Paused"}, Skip(f"VideoMD5:{DIGEST}", "unknown-status")),
        ({"hashValue": PRIVATE}, Skip("VideoMD5:…", "malformed-fingerprint")),
        ({"signalType": "VideoTMK"}, Skip("VideoTMK:…", "unsupported-type")),
        ({"signalType": None}, Skip("", "malformed-record")),
    ],
)
def test_the_status_of_a_stopncii_record_decides(others: dict[str, object], wanted: Row) -> None:
    record = {"signalType": "VideoMD5", "hashValue": DIGEST, "hashStatus": "Active", "lastModtimestamp": 9}
    assert row("stopncii", record | others) == wanted


def test_opinions_of_stopncii_are_counted_by_who_gave_them() -> None:
    said = [{"source": "a", "feedbackValue": "Blocked"}] * 2 + [
        {"source": "b", "feedbackValue": "NotBlocked"}
    ]
    one = row(
        "stopncii",
        {"signalType": "ImagePDQ", "hashValue": CODE, "hashStatus": "Active", "CSPFeedbacks": [*said, 1]},
    )
    assert isinstance(one, Put)
    assert (one.affirmed, one.disputed, one.updated) == (1, 1, None)


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"id": 1, "algorithm": "SHA3", "hash_digest": "00"}, Skip("1", "unsupported-type")),
        ({"id": True, "algorithm": "MD5"}, Skip("", "malformed-record")),
        ({"id": "a", "algorithm": "MD5", "hash_digest": "0g"}, Skip("a", "malformed-fingerprint")),
        ({"id": 2, "algorithm": "PDQ", "hash_digest": "f" * 64}, Skip("2", "unusable-fingerprint")),
        ({"id": 3, "algorithm": "MD5", "deleted": True, "updated_on": 7.5}, Delete("3", 7)),
    ],
)
def test_a_record_of_tcap_that_cannot_be_taken_is_passed_over(record: dict[str, object], wanted: Row) -> None:
    assert row("tcap", record) == wanted


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"MediaID": 1, "MD5": DIGEST}, Skip("1", "uncategorised")),
        ({"MediaID": 1, "Category": None}, Skip("1", "uncategorised")),
        ({"MediaID": 1, "Category": "x"}, Skip("1", "malformed-record")),
        ({"Category": 1, "MD5": DIGEST}, Skip("", "malformed-record")),
        ({"MediaID": 1, "Category": 1}, Skip("1", "no-usable-fingerprint")),
        ({"MediaID": 1, "Category": 1, "MD5": "ABC"}, Skip("1", "malformed-fingerprint")),
        ({"MediaID": 1, "Media": [{"FilePath": PRIVATE}]}, Skip("", "case-file")),
    ],
)
def test_a_record_of_vics_that_cannot_be_taken_is_passed_over(record: dict[str, object], wanted: Row) -> None:
    assert row("vics", record) == wanted


def test_vics_reads_both_shapes_behind_a_byte_order_mark_and_no_case_file() -> None:
    more = [{"HashName": "SHA-1", "HashValue": "AB" * 20}, {"HashName": "PhotoDNA", "HashValue": "AA=="}, 3]
    record = {"MediaID": "x", "Category": "2", "MD5": "", "AlternativeHashes": more, "Series": PRIVATE}
    text = json.dumps({"odata.metadata": "http://example.invalid/#Media", "value": [record, 5]})
    one, other = rows("vics", b"\xef\xbb\xbf" + text.encode())
    assert isinstance(one, Put)
    assert [each.type for each in one.fingerprints] == [SHA1]
    assert (one.dropped, one.classes) == (("PhotoDNA",), ("2",))
    assert other == Skip("", "malformed-record")
    assert PRIVATE not in repr(one)
    for name in ("@odata.context", "odata.metadata"):
        context = {name: "http://example.invalid/DataModels/2.0.xml/US/$metadata#Cases"}
        assert rows("vics", json.dumps({**context, "value": [record]})) == [Skip("", "case-file")]


@pytest.mark.parametrize(
    "data",
    [
        b'{"value": [{"MediaID": "' + b"x" * (streaming.MAX_RECORD + 200_000) + b'"}]}',
        b'{"x": "' + b"x" * (streaming.MAX_RECORD + 200_000) + b'", "value": []}',
        b'{"value": [' + b" " * (streaming.MAX_RECORD + 200_000) + b"]}",
        b'{"value": [' + b"[" * 100_000,
        b'{"x": ' + b"[" * 100_000,
    ],
    ids=["record", "head", "blanks", "nested", "nested-head"],
)
def test_a_record_that_does_not_end_is_refused_before_the_memory_is_full(data: bytes) -> None:
    with pytest.raises(MalformedError, match=r"more than|broken|deep"):
        rows("vics", data)


def test_a_line_that_does_not_end_is_refused() -> None:
    with pytest.raises(MalformedError, match="more than"):
        rows("tx-local", b"x" * (streaming.MAX_RECORD + 200_000))


def test_lines_of_tx_are_read_in_any_spelling() -> None:
    assert [one.key for one in rows("tx-local", f"pdq  {CODE.upper()}\r\n\n vpdq x\npdq\nsha256 {CODE}")] == [
        f"pdq:{CODE}",
        "vpdq:…",
        "pdq:…",
        f"sha256:{CODE}",
    ]
    header = "signal_type,signal_str,collab,category,tags\n"
    seed = f"{header}pdq,{CODE},c,INVESTIGATION_SEED,\npdq,{CODE},c,DISPUTED,\npdq,{CODE},c,ODD,\npdq,1\n"
    first, *others = rows("tx", seed, seeds=True)
    assert isinstance(first, Put)
    assert [one.reason for one in others if isinstance(one, Skip)] == [
        "negative",
        "malformed-record",
        "malformed-record",
    ]
    for broken in ("a,b\n", f'{header}pdq,"{CODE}', f"{header}\xff".encode("latin-1")):
        with pytest.raises(MalformedError):
            rows("tx", broken)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"id": None}, Skip("", "malformed-record")),
        ({"bank": {}}, Skip("", "malformed-record")),
        ({"disable_until_ts": 0}, Skip("3", "disabled")),
        ({"signals": {}}, Skip("3", "no-usable-fingerprint")),
        ({"signals": {"vpdq": "x"}}, Skip("3", "no-usable-fingerprint")),
        ({"signals": {"pdq": PRIVATE}}, Skip("3", "malformed-fingerprint")),
    ],
)
def test_a_content_of_hma_that_cannot_be_taken_is_passed_over(change: dict[str, object], wanted: Row) -> None:
    content = {
        "id": 3,
        "bank": {"name": "B"},
        "disable_until_ts": 1,
        "signals": {"pdq": CODE},
        "note": PRIVATE,
    }
    assert rows("hma", json.dumps(content | change)) == [wanted]
    (good,) = rows("hma", json.dumps(content | {"signals": {"pdq": CODE, "vpdq": "x"}}))
    assert isinstance(good, Put)
    assert (good.dropped, good.classes) == (("vpdq",), ("B",))
