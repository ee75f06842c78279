"""Lists of other programs: imported, checked with, shared, exported, and never sent anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import commands
import pytest
from commands import here
from listed import FILES, expected, fixture
from places import Place, measured, other, puts, vics
from running import log_size

from hashpact.domain.checks import Filter
from hashpact.domain.fingerprints import PDQ, TYPES
from hashpact.member.awaiting import AsyncClient
from hashpact.member.clients import Client
from hashpact.wire.client.connection import Connection


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One of each for all tests."""
    made = Place(tmp_path_factory.mktemp("lists"))
    yield made
    made.server.kill()


@pytest.mark.parametrize("name", FILES)
def test_a_fixture_fills_a_private_list_once_and_checks_find_it(place: Place, name: str) -> None:
    before = log_size(place.home)
    arguments: tuple[str | Path, ...] = (
        fixture(name),
        "--private",
        f"from-{name}",
        "--received",
        "--map",
        place.map,
    )
    arguments += ("--label", "ncii") if name in {"stopncii", "tx-local"} else ()
    wanted = expected(name)
    tried = place.imported(name, *arguments, "--dry-run")
    first = place.imported(name, *arguments)
    assert first == tried | {"dry_run": False}
    assert first["added"] == len({one["key"] for one in wanted if one["op"] == "put"})
    reasons = [one["reason"] for one in wanted if one["op"] == "skip"]
    assert first["skipped"] == {reason: reasons.count(reason) for reason in reasons}
    assert [one["key"] for one in wanted if one["op"] == "skip"] == [
        key for keys in first["named"].values() for key in keys
    ]
    again = place.imported(name, *arguments)
    assert (again["added"], again["updated"], again["deleted"]) == (0, 0, 0)
    assert again["unchanged"] == first["added"]
    with Client(place.server.profile("acme-video")) as client:
        for code in puts(name):
            answer = client.check([code])
            assert f"from-{name}" in {match.source for match in answer.matches}
            assert all(match.key and match.strength for match in answer.matches)
            (many,) = client.check_many([code])
            (streamed,) = client.check_stream([[code]])
            assert many.matches == answer.matches
            assert getattr(streamed, "matches", None) == answer.matches
    assert log_size(place.home) == before


def test_every_client_and_command_answers_from_both_and_names_the_source(
    place: Place, tmp_path: Path
) -> None:
    file = tmp_path / "removed.bin"
    file.write_bytes(b"\0 what was removed")
    (shared,) = place.run("submit", file, "--label", "hate", "--json").lines
    assert place.run("list-local", "add", "reviewed", file, "--label", "ncii").status == 0
    done = place.run("check", file, "--json")
    assert done.status == 0
    matches = done.lines[0]["matches"]
    assert {match.get("entry", match.get("list")) for match in matches} == {shared["entry"], "reviewed"}
    assert all(("member" in match) == ("entry" in match) for match in matches)
    text = place.run("check", file, "--explain", "--prove").out
    assert "private list reviewed" in text
    assert "\nreviewed:file-" in text
    with Client(place.server.profile("acme-video")) as client:
        result = client.check_file(file)
        assert len(result.entries) == 2
        for narrow, sources in (
            (Filter(labels=frozenset({"ncii"})), {"reviewed"}),
            (Filter(labels=frozenset({"hate"})), {""}),
            (Filter(bases=frozenset({"guideline"})), {""}),
        ):
            assert {match.source for match in client.check_file(file, filter=narrow).matches} == sources
        (of_files, _) = client.check_files([file, file])
        assert of_files.matches == result.matches
    rows = place.run("list-local", "show", "reviewed", "--json").lines
    assert [row["types"] for row in rows] == [["sha256/1", "md5/1"]]
    assert "reviewed\t1\tlocal" in place.run("list-local", "show").out
    assert {line["list"] for line in place.run("list-local", "show", "--json").lines} >= {"reviewed"}
    assert "file-" in place.run("list-local", "show", "reviewed").out
    assert place.run("list-local", "remove", "reviewed", "--key", "no").status != 0
    assert place.run("list-local", "remove", "reviewed").status == 2
    assert (
        place.run("list-local", "remove", "reviewed", "--key", rows[0]["key"]).out == "reviewed: 1 removed\n"
    )
    assert [one.get("entry") for one in place.run("check", file, "--json").lines[0]["matches"]] == [
        shared["entry"]
    ] * 2
    assert place.run("list-local", "add", "reviewed", file, "--json").lines[0]["added"] == 1
    assert place.run("list-local", "remove", "reviewed", "--all", "--json").lines[0]["removed"] == 1
    missing = place.run("list-local", "show", "reviewed")
    assert "there is no private list reviewed" in missing.err
    assert place.run("list-local", "show", "../x").status != 0


async def test_the_awaiting_client_answers_from_private_lists_too(place: Place) -> None:
    place.imported("tcap", fixture("tcap"), "--private", "awaited")
    client = AsyncClient(place.server.profile("acme-video"))
    (answer,) = [await client.check([code]) for code in puts("tcap")[:1]]
    assert "awaited" in {match.source for match in answer.matches}
    await client.close()


def test_content_is_checked_by_the_types_that_only_a_list_has(place: Place, tmp_path: Path) -> None:
    data = b"\0 known by its SHA-1 alone"
    file, table = tmp_path / "upload", tmp_path / "list.csv"
    file.write_bytes(data)
    (code,) = here("fingerprint", "--type", "sha1/1", file, "--json").lines[0]["fingerprints"]
    table.write_text(f"key,sha1/1\na,{code['value']}\n")
    place.imported("csv", table, "--private", "by-sha1")
    with Client(place.server.profile("acme-video")) as client:
        for result in (
            client.check_file(file),
            client.check_bytes(data),
            next(iter(client.check_files([file, tmp_path / "upload"]))),
        ):
            assert [(match.source, match.type) for match in result.matches] == [("by-sha1", "sha1/1")]
            assert result.made is not None
            assert "sha1/1" not in {each.type.name for each in result.made.fingerprints}
        read, write = os.pipe()
        os.write(write, data)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            assert [match.key for match in client.check_file(pipe).matches] == ["a"]
        text = tmp_path / "text.csv"
        text.write_text(f"key,sha1/1\nb,{here_sha1('some words that are known')}\n")
        place.imported("csv", text, "--private", "by-sha1")
        words = client.check_text("some words that are known")
        assert [match.key for match in words.matches] == ["b"]


def here_sha1(text: str) -> str:
    """The digest of a text in hex."""
    import hashlib  # noqa: PLC0415 - for this alone

    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def test_nothing_of_a_private_list_is_sent_or_logged_or_legible_on_disk(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    run = Connection.run

    def recorded(self: Connection, call: Any, timeout: float) -> Any:  # noqa: ANN401 - the types of what is wrapped
        sent.append(
            bytes(call.request) if isinstance(call.request, bytes) else call.request.SerializeToString()
        )
        return run(self, call, timeout)

    monkeypatch.setattr(Connection, "run", recorded)
    said = [place.run("import", name, fixture(name), "--private", "kept", "--received") for name in FILES]
    with Client(place.server.profile("acme-video")) as client:
        codes = [code for name in FILES for code in puts(name) if code.type is PDQ]
        for code in codes:
            assert "kept" in {match.source for match in client.check([other(code)]).matches}
    assert len(sent) >= len(codes) > 5
    held = [code.value for name in FILES for code in puts(name)]
    files = [path for path in place.profile.rglob("*") if path.is_file()]
    assert any(path.name == "kept.list" for path in files)
    files += [place.server.log_path, *(path for path in place.home.rglob("*") if path.is_file())]
    everywhere = [*sent, *(path.read_bytes() for path in files), *(done.err.encode() for done in said)]
    for value in held:
        for form in (value, value.hex().encode(), value.hex().upper().encode()):
            assert not any(form in text for text in everywhere)
    # The search finds what is there: the codes that were checked.
    assert all(any(other(code).value in text for text in sent) for code in codes)


def test_a_list_whose_bytes_were_altered_or_whose_key_is_another_is_refused(tmp_path: Path) -> None:
    from hashpact.errors import ConfigError, CorruptError  # noqa: PLC0415 - for this test
    from hashpact.keys.master import master_key  # noqa: PLC0415 - as above
    from hashpact.keys.passphrase import Passphrases  # noqa: PLC0415 - as above
    from hashpact.lists.local import PrivateLists  # noqa: PLC0415 - as above

    made = Place(tmp_path)
    made.imported("tcap", fixture("tcap"), "--private", "kept")
    lists = PrivateLists(made.profile / "lists", unencrypted=True)
    assert {kind.name for kind in lists.held()} == {"pdq/1", "md5/1", "sha256/1", "sha512/1"}
    with lists.table("kept") as table:
        table.sql.execute(
            "UPDATE block SET sealed = CAST(substr(sealed, 1, 40) || x'00' || substr(sealed, 42) AS BLOB)"
        )
    with pytest.raises(CorruptError, match="was altered"):
        lists.held()
    made.imported("tcap", fixture("tcap"), "--private", "second")
    lists.remove("kept")
    key = made.profile / "lists/lists.key"
    key.unlink()
    with pytest.raises(ConfigError, match=r"lists\.key is missing"):
        PrivateLists(made.profile / "lists", unencrypted=True).held()
    assert not key.exists()
    master_key(key, Passphrases(), unencrypted=True)
    with pytest.raises(CorruptError, match="another key"):
        PrivateLists(made.profile / "lists", unencrypted=True).held()
    (made.profile / "lists/odd.list").write_bytes(b"not a database at all, but long enough to be read")
    made.server.kill()
    with pytest.raises(CorruptError, match="no list"):
        lists.table("odd")


def test_one_bad_hash_among_many_is_named_and_a_cut_file_changes_nothing(
    place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "set.json"
    vics(path, 4_000, bad=777)
    done = measured(place, path)
    assert done.status == 0, done.err
    (report,) = done.lines
    assert (report["added"], report["skipped"]) == (3_999, {"malformed-fingerprint": 1})
    assert report["named"] == {"malformed-fingerprint": ["777"]}
    assert done.peak < 300
    assert measured(place, path).lines[0]["unchanged"] == 3_999
    whole = path.read_bytes()
    path.write_bytes(whole[:-10].replace(b'"MediaID": 1,', b'"MediaID": -1,'))
    cut = measured(place, path)
    assert cut.status == 2
    assert "ends early; nothing was imported" in cut.err
    path.write_bytes(whole)
    assert measured(place, path).lines[0]["unchanged"] == 3_999


@pytest.mark.slow
def test_a_million_rows_and_three_gigabytes_fit_into_300_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "TOO_SLOW", 1800.0)
    place = Place(tmp_path)
    place.server.kill()
    path = tmp_path / "set.json"
    vics(path, 1_000_000, bad=500_000)
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        filler = b',{"MediaID": 5, "Category": 0, "Series": "' + b"y" * 1_000_000 + b'"}'
        for _ in range(3000):
            file.write(filler)
        file.write(b"]}")
    assert path.stat().st_size > 3e9
    done = measured(place, path)
    assert done.status == 0, done.err
    assert done.lines[0]["added"] == 999_999
    assert done.peak < 300


def test_every_single_valued_type_can_be_kept(place: Place, tmp_path: Path) -> None:
    from builders import fingerprint  # noqa: PLC0415 - for this test

    kinds = [kind for kind in TYPES.values() if not kind.is_set]
    codes = [fingerprint(kind, "kept") for kind in kinds]
    table = tmp_path / "all.csv"
    table.write_text(
        ",".join(("key", *(kind.name for kind in kinds)))
        + "\nx,"
        + ",".join(code.value.hex() for code in codes)
        + "\n"
    )
    place.imported("csv", table, "--private", "all-types")
    with Client(place.server.profile("acme-video")) as client:
        for code in codes:
            assert [match.source for match in client.check([code], strength="weak").matches] == ["all-types"]
