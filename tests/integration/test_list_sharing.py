"""Lists that are shared as entries, and lists that are written for other programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listed import DIGEST, fixture
from places import Place, csv, other, puts, state
from running import log_size

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.member.clients import Client


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One of each for all tests."""
    made = Place(tmp_path_factory.mktemp("lists"))
    yield made
    made.server.kill()


def test_a_list_of_ones_own_is_shared_updated_and_withdrawn(place: Place, tmp_path: Path) -> None:
    table, share = tmp_path / "own.csv", ("--share", "--map", place.map)
    one, two, three = (f"{number:032x}" for number in (11, 12, 13))
    table.write_text(csv(f"a,{one},ncii,", f"b,{two},hate,", f"c,{three},unknown,", f"d,{two},hate,"))
    before = log_size(place.home)
    tried = place.imported("csv", table, *share, "--dry-run")
    assert (tried["added"], tried["skipped"], log_size(place.home)) == (3, {"unmapped-label": 1}, before)
    assert place.imported("csv", table, *share)["added"] == 3
    assert log_size(place.home) == before + 2  # b and d are one entry
    assert place.imported("csv", table, *share)["unchanged"] == 3
    assert log_size(place.home) == before + 2
    with Client(place.server.profile("acme-video")) as client:
        entry = client.check([Fingerprint("md5/1", bytes.fromhex(two))]).matches[0].entry
        table.write_text(csv(f"a,{one},hate,", "b,,,yes", "z,,,yes"))
        report = place.imported("csv", table, *share)
        assert (report["updated"], report["deleted"], report["unknown"]) == (1, 1, 1)
        assert client.entry(entry).stands  # d is still there
        report = place.imported("csv", table, *share, "--complete")
        assert (report["unchanged"], report["deleted"]) == (1, 1)
        assert not client.entry(entry).stands
        (left,) = client.check([Fingerprint("md5/1", bytes.fromhex(one))]).matches
        assert left.labels == ("hate",)
        table.write_text(csv(f"a,{one},hate,", f"b,{two},hate,"))
        assert place.imported("csv", table, *share)["added"] == 1  # undeleted
        assert client.check([Fingerprint("md5/1", bytes.fromhex(two))]).matches[0].entry > entry


def test_an_import_that_was_interrupted_goes_on_and_sends_nothing_twice(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "own.csv"
    codes = [f"{number:032x}" for number in range(100, 106)]
    table.write_text(csv(*(f"k{code},{code},hate," for code in codes)))
    share = ("--share", "--map", place.map, "--source", "interrupted")
    before, submit, count = log_size(place.home), Client.submit, 0

    def failing(self: Client, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the types of what is wrapped
        nonlocal count
        receipt = submit(self, *arguments, **options)
        count += 1
        if count == 3:  # the receipt is there, and the ledger does not know yet
            raise KeyboardInterrupt
        return receipt

    with monkeypatch.context() as patched:
        patched.setattr(Client, "submit", failing)
        assert place.run("import", "csv", table, *share).status == 130
    assert log_size(place.home) == before + 3
    report = place.imported("csv", table, *share)
    assert (report["added"], report["unchanged"]) == (4, 2)
    assert log_size(place.home) == before + 6


@pytest.mark.parametrize("name", ["ncmec", "threatexchange", "stopncii", "tcap", "vics"])
def test_lists_under_agreements_are_shared_only_by_their_source(place: Place, name: str) -> None:
    before = log_size(place.home)
    refused = place.run("import", name, fixture(name), "--share", "--map", place.map)
    assert refused.status == 2
    assert "under agreements" in refused.err
    tried = place.imported(
        name, fixture(name), "--share", "--map", place.map, "--i-am-the-source", "9001", "--dry-run"
    )
    assert tried["added"] == (3 if name == "ncmec" else 0)
    assert log_size(place.home) == before


def test_options_that_do_not_go_together_are_refused(place: Place, tmp_path: Path) -> None:
    odd = tmp_path / "odd.toml"
    for text, said in (
        ("labels = 1", "not a table"),
        ("x", "not TOML"),
        ("y = 1", "may have"),
        ("[labels]\na = 'No label'", "not a label"),
        ("[columns]\na = 1", "name of a column"),
    ):
        odd.write_text(text)
        assert said in place.run("import", "csv", odd, "--map", odd).err
        assert said in place.run("export", "csv", "--entries", "--output", tmp_path / "x", "--map", odd).err
    odd.write_text("[labels]\na = 'no-such-label'")
    for arguments, said in (
        (("--share", "--private", "x"), "not both"),
        (("--i-am-the-source", "1"), "is for --share"),
        (("--share", "--map", odd), "no-such-label"),
        ((), "not the CSV of the map"),
    ):
        done = place.run("import", "csv", odd, *arguments)
        assert done.status == 2, done
        assert said in done.err
    assert "No such file" in place.run("import", "csv", tmp_path / "none").err
    assert "name --private" in place.run("export", "csv", "--output", tmp_path / "x").err
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    assert "read twice" in place.run("import", "csv", tmp_path / "pipe").err
    os.close(writer)


@pytest.mark.parametrize(
    "name", ["ncmec", "threatexchange", "stopncii", "tcap", "csv", "tx", "tx-local", "vics"]
)
def test_what_is_exported_and_imported_again_is_the_same_set(place: Place, tmp_path: Path, name: str) -> None:
    source, target = f"out-{name}", f"in-{name}"
    seed = tmp_path / "seed.csv"
    codes = [other(code).value.hex() for code in puts("ncmec") if code.type is PDQ]
    rows = [f"7-a,{codes[0]},{DIGEST},A1,", f"7-b,,{'1' * 32},B2,", f"7-c,{codes[1]},,A1,"]
    header = "key,pdq/1,md5/1,label,deleted"
    known = tmp_path / "known.toml"
    known.write_text('[labels]\nA1 = "ncii"\nB2 = "hate"\n1 = "ncii"\n2 = "hate"\n')
    seed.write_text("\n".join((header, *rows)))
    place.imported("csv", seed, "--private", source, "--map", known)
    output = tmp_path / "all"
    labelled = ("--map", known)
    assert place.run("export", name, "--private", source, "--output", output, *labelled).status == 0
    labels = () if name in {"ncmec", "vics"} else ("--label", "ncii")
    maps = labelled if name in {"ncmec", "vics"} else ()
    place.imported(name, output, "--private", target, *maps, *labels)
    carried = {kind for kind, _, _ in state(place, target)}
    whole = {one for one in state(place, source) if one[0] in carried}
    assert state(place, target) == whole
    assert carried == ({"md5/1"} if name == "vics" else {"pdq/1", "md5/1"})
    seed.write_text("\n".join((header, *rows[:2], "7-c,,,,yes")))
    place.imported("csv", seed, "--private", source, "--map", known)
    second = tmp_path / "some"
    (done,) = place.run("export", name, "--private", source, "--output", second, *labelled, "--json").lines
    assert (done["written"], done["deleted"]) == (3, 1)
    complete = () if name in {"ncmec", "threatexchange", "stopncii", "tcap", "csv"} else ("--complete",)
    place.imported(name, second, "--private", target, *complete, *maps, *labels)
    wanted = {one for one in state(place, source) if one[0] in carried}
    assert state(place, target) == wanted
    assert any(deleted for _, _, deleted in wanted) or name == "vics"


def test_entries_are_exported_with_those_that_were_withdrawn(place: Place, tmp_path: Path) -> None:
    with Client(place.server.profile("acme-video")) as client:
        gone = client.submit([Fingerprint("md5/1", bytes.fromhex("9" * 32))], labels=["hate"]).index
        client.withdraw(gone, "mistake")
    output = tmp_path / "entries.csv"
    assert place.run("export", "csv", "--entries", "--output", output).status == 0
    lines = [line for line in output.read_text().splitlines() if f'"entries/{gone}"' in line]
    assert len(lines) == 1
    assert ",yes," in lines[0]
    assert place.run("export", "vics", "--entries", "--output", tmp_path / "v").err.endswith("left out\n")
    assert output.stat().st_mode & 0o077 == 0
    assert place.run("export", "csv", "--entries", "--output", output).status != 0
