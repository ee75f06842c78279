"""Files, texts and bytes: checked by their fingerprints, each with one result, with both clients."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import fingerprint
from clearinghouse import Clearinghouse, Connect, wall_clock
from PIL import Image, ImageOps

from hashpact.demo import pictures
from hashpact.domain.checks import Answer, Query
from hashpact.domain.fingerprints import FOLDED, MINHASH, PDQ, SHA256
from hashpact.domain.matching.unchecked import Unchecked
from hashpact.errors import (
    CertificateError,
    InvalidInputError,
    NotPermittedError,
    UnavailableError,
    UnusableContentError,
)
from hashpact.fingerprint.content import fingerprints_of, fingerprints_of_text
from hashpact.keys import certificates
from hashpact.member.checking import checks
from hashpact.member.checking.results import CheckResult
from hashpact.service.check import Checker

TEXT = "Hội chợ sách mùa thu mở cửa miễn phí cho học sinh, sinh viên đến hết tuần này tại nhà văn hóa quận."


def drawn(seed: int) -> Image.Image:
    return pictures.draw("hills", seed)


def saved(image: Image.Image, path: Path) -> Path:
    image.save(path)
    return path


def said(result: CheckResult) -> tuple[Any, ...]:
    """All that a result says of its content."""
    return result.content, result.answer, result.made


async def test_a_file_its_bytes_and_its_stream_have_one_result(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller = connect(house.profile("acme"))
    original = saved(drawn(1), tmp_path / "original.png")
    made = fingerprints_of(original)
    receipt = await caller("submit", made.fingerprints, labels=["ncii"])
    copy = saved(ImageOps.expand(drawn(1), 40, "black"), tmp_path / "framed.png")
    since = {"min_position": receipt.tree_size}
    result = await caller("check_file", copy, **since)
    (near,) = result.entries
    assert result.checked
    assert result.error is None
    assert (near.entry, near.labels, near.nearest.member) == (receipt.index, ("ncii",), "acme")
    assert near.matches == result.matches
    assert {match.view.value for match in near.matches} == {"part"}
    assert near.strength is not None
    assert near.strength.value == "near"
    assert result.made.fingerprints == fingerprints_of(copy).fingerprints
    for method, content in (
        ("check_bytes", copy.read_bytes()),
        ("check_file", io.BytesIO(copy.read_bytes())),
    ):
        again = await caller(method, content, **since)
        assert (again.matches, again.made) == (result.matches, result.made)
    plain = await caller("check_file", copy, views=(), **since)
    assert plain.checked
    assert plain.entries == ()
    assert (await caller("check_file", original, types=["sha256/1"], **since)).matches[0].type == "sha256/1"


async def test_a_text_is_checked_by_all_that_it_has(house: Clearinghouse, connect: Connect) -> None:
    caller = connect(house.profile("acme"))
    short = "Gửi 5 triệu vào số này"
    receipt = await caller("submit", fingerprints_of_text(TEXT).fingerprints, labels=["ncii"])
    since = {"min_position": receipt.tree_size}
    result = await caller("check_text", TEXT.upper() + " !!!", **since)
    (near,) = result.entries
    assert near.entry == receipt.index
    assert {match.type for match in near.matches} == {"minhash/1", "winnow/1"}
    assert near.strength.value == "same"
    result = await caller("check_text", short.upper(), **since)
    key = house.genesis  # of the log: others cannot compare the short texts of members
    assert result.made.fingerprints == fingerprints_of_text(short.upper(), key=key).fingerprints
    assert FOLDED in {one.type for one in result.made.fingerprints}
    result = await caller("check_text", "ok!", **since)
    assert [name for name, _ in result.refused] == ["minhash/1", "winnow/1"]
    assert result.content == b"ok!"


async def test_what_cannot_be_read_is_an_error_and_of_many_a_result(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller = connect(house.profile("acme"))
    missing, broken = tmp_path / "missing.jpg", tmp_path / "broken.png"
    broken.write_bytes(saved(drawn(1), tmp_path / "good.png").read_bytes()[:200])
    for content in (missing, broken, b""):
        with pytest.raises(UnusableContentError):
            await caller("check_file", content)
    good = tmp_path / "good.png"
    results = await caller("check_files", [missing, good, b"", good, broken])
    assert [result.checked for result in results] == [False, True, False, True, False]
    assert [result.content for result in results] == [missing, good, b"", good, broken]
    assert str(missing) in results[0].error.message
    assert results[0].made is None
    with pytest.raises(UnusableContentError, match="nothing was checked"):
        _ = results[0].matches
    assert await caller("check_files", []) == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("check_bytes", "a path", {}, "bytes are checked here, not str"),
        ("check_file", b"x", {"types": ["pdq/9"]}, "unknown fingerprint type"),
        ("check_files", [b"x"], {"types": ["pdq/9"]}, "unknown fingerprint type"),
        ("check_files", [b"x"], {"views": ["sideways"]}, "views are of"),
        ("check_text", "x", {"strength": "strong"}, "strength is one of"),
        ("check_text", "x", {"on_unavailable": "ajar"}, "on_unavailable is one of open, closed"),
        ("check_text", "x", {"limits": 3}, "unexpected option 'limits'"),
        ("check_file", b"x", {"limit": 2000}, "limit must be from 1 to 1000"),
        ("check_files", [b"\x00one", b"\x00two"], {"limit": 2000}, "limit must be from 1 to 1000"),
        ("check_files", [b"x"], {"min_position": -1}, "min_position must not be negative"),
        ("check_many", [], {"limit": 65}, "limit must be from 1 to 64"),
        ("check_files", [b"x"], {"timeout": -1}, "timeout is a number of seconds above 0"),
        ("check", [], {"views": ()}, "unexpected option 'views'"),
        ("check_many", [], {"views": ()}, "unexpected option 'views'"),
    ],
)
async def test_a_wrong_use_is_an_error_of_the_call(
    house: Clearinghouse, connect: Connect, wrong: tuple[str, object, dict[str, Any], str]
) -> None:
    method, content, options, message = wrong
    with pytest.raises(TypeError if "unexpected" in message else InvalidInputError, match=message):
        await connect(house.profile("acme"))(method, content, **options)


async def test_many_files_are_read_as_they_are_needed_and_answered_as_each_by_itself(
    house: Clearinghouse, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "AT_A_TIME", 5)
    caller = connect(house.profile("acme"))
    images = [saved(drawn(seed).resize((300, 200)), tmp_path / f"{seed}.png") for seed in range(4)]
    for path in images[:3]:
        receipt = await caller("submit", fingerprints_of(path).fingerprints, labels=["ncii"])
    receipt = await caller("submit", fingerprints_of_text(TEXT).fingerprints, labels=["hate"])
    contents = [
        *images,
        TEXT.encode(),
        b"\x00other",
        tmp_path / "missing",
        *(saved(ImageOps.mirror(Image.open(path)), path.with_suffix(".jpg")) for path in images),
        images[0],
        b"",
    ]
    since = {"min_position": receipt.tree_size, "limit": 3}
    results = await caller("check_files", contents, **since)
    assert [result.content for result in results] == contents
    for result in results:
        if result.checked:
            assert said(result) == said(await caller("check_file", result.content, **since))
    assert [len(result.entries) for result in results if result.checked] == [1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1]
    calls = [event["rpc"].rpartition("/")[2] for event in house.events.entries]
    # In three groups; the text by itself, and what was asked here again.
    assert (calls.count("CheckBatch"), calls.count("Check")) == (3, 12)


async def test_only_as_many_files_are_read_as_a_call_takes(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "AT_A_TIME", 4)
    caller = connect(house.profile("acme"))
    taken: list[int] = []

    def contents() -> Iterator[bytes]:
        for number in range(100):
            taken.append(number)
            yield bytes([0, number])

    results = caller.client.check_files(contents())
    first = next(results) if isinstance(results, Iterator) else await anext(results)
    assert first.content == bytes([0, 0])
    assert len(taken) == 4


async def test_what_a_batch_cuts_off_is_asked_by_itself(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller = connect(house.profile("acme"))
    made = fingerprints_of(saved(drawn(1), tmp_path / "one.png"))
    receipts = [await caller("submit", made.fingerprints, labels=["ncii"], again=True) for _ in range(66)]
    receipt = receipts[-1]
    since = {"min_position": receipt.tree_size, "limit": 500}
    many = await caller("check_files", [tmp_path / "one.png", b"\x00other"], **since)
    assert len(many[0].entries) == 66
    assert said(many[0]) == said(await caller("check_file", tmp_path / "one.png", **since))


async def test_what_is_looked_for_can_be_chosen(
    house: Clearinghouse, connect: Connect, tmp_path: Path
) -> None:
    caller = connect(house.profile("acme"))
    path = saved(drawn(1), tmp_path / "one.png")
    receipt = await caller("submit", fingerprints_of(path).fingerprints, labels=["ncii"])

    def exact(content: object, made: Any) -> list[Query]:  # noqa: ANN401  # what was made of it
        assert content == path
        return [query for query in made.queries if query.fingerprint.type is SHA256]

    result = await caller("check_file", path, queries=exact, min_position=receipt.tree_size)
    assert [match.type for match in result.matches] == [SHA256.name]

    def tight(_: object, made: Any) -> list[Query]:  # noqa: ANN401  # as above
        return [replace(one, threshold=0) for one in made.queries if one.fingerprint.type is PDQ]

    result = await caller("check_file", path, queries=tight, min_position=receipt.tree_size)
    assert {match.score for match in result.matches} == {0}


async def test_of_many_a_wrong_choice_of_what_is_looked_for_is_an_error_of_one(
    house: Clearinghouse, connect: Connect
) -> None:
    caller = connect(house.profile("acme"))
    code = fingerprints_of(b"\x00good").fingerprints[0]
    chosen = {
        b"\x00far": [Query(fingerprint(PDQ, "1"), 999)],
        b"\x00none": [],
        b"\x00many": [Query(code)] * 65,
        b"\x00good": [Query(code)],
        b"\x00also": [Query(code)],
    }

    def queries(content: Any, _: object) -> list[Query]:  # noqa: ANN401  # what was given
        return chosen[content]

    results = await caller("check_files", list(chosen), queries=queries)
    assert [result.checked for result in results] == [False, False, False, True, True]
    for result in results:
        assert result.made.fingerprints == fingerprints_of(result.content).fingerprints
        if not result.checked:
            with pytest.raises(InvalidInputError) as alone:
                await caller("check_file", result.content, queries=queries)
            assert result.error.message == alone.value.message


def test_an_unchecked_answer_never_looks_like_no_match() -> None:
    error = UnavailableError("away", position="7")
    answer = Unchecked(error)
    assert isinstance(answer, Answer)
    assert not answer.checked
    for part in ("matches", "entries", "position", "truncated"):
        with pytest.raises(UnavailableError, match="nothing was checked: away") as raised:
            getattr(answer, part)
        assert raised.value.details == {"position": "7"}
    with pytest.raises(UnavailableError):
        answer.graded([])
    assert repr(answer) == "<Unchecked: UNAVAILABLE>"
    assert answer == answer  # noqa: PLR0124 - only itself
    assert answer != Unchecked(error)
    assert len({answer, Unchecked(error)}) == 2
    copied = pickle.loads(pickle.dumps(answer))  # noqa: S301 - just made here
    assert (copied.checked, copied.error.message) == (False, "away")


def test_an_unchecked_answer_keeps_no_frame_alive() -> None:
    def failing() -> UnavailableError:
        try:
            msg = "away"
            raise UnavailableError(msg) from ValueError("below")  # noqa: TRY301 - it is caught to be kept
        except UnavailableError as error:
            return error

    answer = Unchecked(failing())
    assert (answer.error.__traceback__, answer.error.__cause__, answer.error.__context__) == (
        None,
        None,
        None,
    )


async def test_open_says_that_nothing_was_checked_and_never_hides_a_refusal(
    house: Clearinghouse, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = [Query(one) for one in fingerprints_of(b"\x00other").fingerprints]
    late = connect(house.profile("acme"), on_unavailable="open", timeout=0.3, channels=1)
    closed = connect(house.profile("acme"), timeout=0.3)
    stranger = connect(house.profile("stranger"), on_unavailable="open")
    with pytest.raises(NotPermittedError):
        await stranger("check", asked)
    other = certificates.make_authority(house.world.origin, wall_clock)
    refused = connect(house.profile("acme", house.tls(house.member("acme"), other)))
    with pytest.raises(CertificateError):
        await refused("check", asked, on_unavailable="open")
    assert (await late("check", asked, timeout=120)).checked  # it is connected now
    monkeypatch.setattr(Checker, "check", away)
    monkeypatch.setattr(Checker, "check_batch", away)
    answer = await late("check", asked)
    silent = {"UNAVAILABLE", "DEADLINE"}  # the last try may have no time left
    assert not answer.checked
    assert answer.error.code in silent
    many = await late("check_many", asked * 3)
    assert [one.checked for one in many] == [False] * 6
    result = await late("check_text", TEXT)
    assert not result.checked
    assert result.error.code in silent
    assert result.made.fingerprints[0].type is MINHASH
    results = await late("check_files", [b"\x00one", b"\x00two", tmp_path / "missing"])
    assert {result.error.code for result in results[:2]} <= silent
    assert results[2].error.code == "UNUSABLE_CONTENT"
    with pytest.raises(UnavailableError):
        await late("check", asked, on_unavailable="closed")
    for method, given in (
        ("check", asked),
        ("check_many", asked),
        ("check_bytes", b"x"),
        ("check_files", [b"x"]),
    ):
        with pytest.raises(UnavailableError):
            await closed(method, given)
    assert not (await closed("check", asked, on_unavailable="open")).checked


def away(*_: object, **__: object) -> None:
    msg = "not today"
    raise UnavailableError(msg)
