"""Many pieces of content at once: directories, tables and standard input, from the command to the log."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from commands import here
from running import BOTH, RunningServer, found, log_size

from hashpact.cli.platform.pieces import MAX_TABLE
from hashpact.domain.fingerprints import Fingerprint
from hashpact.member.author import Reason
from hashpact.member.clients import Client
from hashpact.member.pending import subject_of, subject_of_content


def test_many_are_shared_and_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    profile = tmp_path / "acme-video"
    files = tmp_path / "removed"
    (files / "deep").mkdir(parents=True)
    for name in ("a.bin", "deep/b.bin", "c.bin", ".hidden"):
        (files / name).write_bytes(b"\0" + name.encode())
    with RunningServer(home) as server:
        before = log_size(home)
        at = ("--profile", profile, "--address", server.address)
        command = ("submit", files, "--label", "ncii", *at)
        foreseen = here(*command, "--dry-run")
        assert (foreseen.status, foreseen.err) == (0, "")
        assert foreseen.out == "".join(
            f"{files / name}: to be shared with sha256/1, md5/1\n"
            for name in ("a.bin", "c.bin", "deep/b.bin")
        )
        assert log_size(home) == before
        (first,) = here("submit", files / "c.bin", *command[2:], "--json").lines
        done = here(*command, "--json")
        assert (done.status, done.err) == (0, "")
        assert [(Path(line["file"]).name, line["entry"]) for line in done.lines] == [
            ("a.bin", before + 1), ("c.bin", before), ("b.bin", before + 2),
        ]  # fmt: skip
        assert [line.get("already", False) for line in done.lines] == [False, True, False]
        assert first["entry"] == before
        assert "already" in here(*command, "--dry-run").out
        withdrawn = here("submit", files / "c.bin", *command[2:], "--again", "--json").lines
        done = here("withdraw", str(withdrawn[0]["entry"]), "--reason", "mistake", *at)
        assert done.status == 0
        assert done.err == f"hashpact: entry {before} shares the same content and still stands\n"
        server.stop()
        stopped = here("submit", files, "--label", "ncii", "--again", *at)
        assert stopped.status == 4
        assert "stopped at 1 of 3; the same command goes on from there" in stopped.err


def test_a_table_is_shared_row_by_row(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH, "ministry": BOTH})
    profile = tmp_path / "acme-video"
    (one := tmp_path / "one.bin").write_bytes(b"\0one")
    table = tmp_path / "removed.csv"
    table.write_text(
        "\ufeffPath,type,value,labels,basis,authority,article,jurisdictions,removed\n"
        f"{one},,,ncii hate,,,,VN;DE,2026-11-01T00:00:00Z\n"
        f",sha256/1;md5/1,{bytes(32).hex()};{bytes(16).hex()},,law,ministry,art-16,,\n"
        f",sha256/1,{'0' * 63},,,,,,\n"
        f"{tmp_path / 'missing'},,,,,,,,\n"
        f",sha256/1,{b'x'.hex() * 32},rubbish,,,,,\n"
        f",sha256/1,{b'y'.hex() * 32},,law,nobody,art-16,,\n"
        f",sha256/1,{b'z'.hex() * 32},,whim,,,,\n"
        f",sha256/1,{b'v'.hex() * 32},,,,,,yesterday\n"
        ",,\n"
        f",sha256/1,{b'w'.hex() * 32},,,,,,\n",
        "utf-8",
    )
    with RunningServer(home) as server:
        before = log_size(home)
        at = ("--profile", profile, "--address", server.address)
        command = ("submit", "--csv", table, "--label", "ncii", *at)
        assert here(*command, "--dry-run").status == 1
        assert log_size(home) == before
        done = here(*command, "--json")
        assert done.status == 1
        shared = [line for line in done.lines if "entry" in line]
        assert [line["entry"] for line in shared] == [before, before + 1, before + 2]
        for line, where, said in zip(
            (line for line in done.lines if "error" in line),
            (f"{table}:4", tmp_path / "missing", *(f"{table}:{number}" for number in (6, 7, 8, 9, 10))),
            ("type and value", "No such file", "", "nobody", "basis is one of", "'yesterday' is not a time",
             "a row has 9 cells"),
            strict=True,
        ):  # fmt: skip
            assert line["file"] == str(where)
            assert said in line["error"]["message"]
        assert f"hashpact: {table}:4: type and value" in here(*command).err
        again = here(*command, "--json")
        assert [line["already"] for line in again.lines if "entry" in line] == [True] * 3
        assert log_size(home) == before + 3
        with Client(server.profile("acme-video")) as client:
            first, second = (client.entry(before + number).entry for number in (0, 1))
    assert (first.labels, first.jurisdictions, first.removed_at) == (
        ("hate", "ncii"),
        ("DE", "VN"),
        1793491200,
    )
    assert (second.labels, second.authority, second.items) == (("ncii",), "ministry", 2)


def test_standard_input_is_one_piece_of_content(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as server:
        command = [sys.executable, "-m", "hashpact", "submit", "-", "--label", "ncii", "--type", "sha256/1"]
        command += ["--profile", str(tmp_path / "acme-video"), "--address", server.address]
        done = subprocess.run(command, input=b"\0piped", capture_output=True, check=True)
        assert done.stdout.startswith(b"-: entry ")
        with Client(server.profile("acme-video")) as client:
            entry = int(done.stdout.split()[2])
            shared = Fingerprint("sha256/1", hashlib.sha256(b"\0piped").digest())
            assert [match.entry for match in client.check([shared]).matches] == [entry]


def test_what_is_refused_does_not_keep_the_others_from_being_resumed(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as server:
        author, outbox = server.author("acme-video"), server.profile("acme-video").outbox
        assert outbox is not None
        codes = [Fingerprint("sha256/1", bytes([number]) * 32) for number in range(3)]
        labels = ("ncii", "rubbish", "hate")
        for number, label in enumerate(labels):
            submission = author.submit([codes[number]], Reason(frozenset({label})))
            assert outbox.put(subject_of_content([codes[number]]), submission, ())
        before = log_size(home)
        profile = ("--profile", tmp_path / "acme-video", "--address", server.address)
        done = here("submit", "--resume", *profile)
        assert done.status == 1
        assert done.out == "".join(f"resumed: entry {before + number} with sha256/1\n" for number in (0, 1))
        assert "known are" in done.err
        assert list(outbox.all()) == []
        withdrawal = author.withdraw(before, "mistake")
        subject = subject_of(withdrawal)
        assert subject is not None
        assert outbox.put(subject, withdrawal, ())
        done = here("submit", "--resume", *profile)
        assert done.out == f"resumed: withdraw of entry {before}, leaf {before + 2}\n"


def test_each_term_of_a_row_counts_and_only_the_chosen_types_are_shared(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH, "ministry": BOTH, "court": BOTH})
    (text := tmp_path / "text.txt").write_text(" ".join(f"word{number}" for number in range(60)), "utf-8")
    table = tmp_path / "law.csv"
    rows = (
        f",sha256/1,{'1' * 64},,court,art-99",  # the basis is that of the option
        f",sha256/1,{'2' * 64},,,art-99",
        f",sha256/1,{'3' * 64},guideline,,",  # and here neither authority nor article of the options is meant
        f",sha256/1;md5/1,{'4' * 64};{'4' * 32},,,",
        f"{text},sha256/1,,,,",
        f",md5/1,{'5' * 32},,,",
        f",sha256/1;sha256/1,{'6' * 64};{'6' * 64},,,",
        f",sha256/1,{'7' * 64},guideline,court,art-1",
    )
    table.write_text(
        "path,type,value,basis,authority,article\n" + "".join(f"{row}\n" for row in rows), "utf-8"
    )
    with RunningServer(home) as server:
        at = ("--label", "ncii", "--profile", tmp_path / "acme-video", "--address", server.address, "--json")
        law = ("--basis", "law", "--authority", "ministry", "--article", "art-1", "--type", "sha256/1")
        done = here("submit", "--csv", table, *law, *at)
        assert done.status == 1
        shared = [line for line in done.lines if "entry" in line]
        assert [line["types"] for line in shared] == [["sha256/1"]] * 5
        said = [line["error"]["message"] for line in done.lines if "error" in line]
        for message, part in zip(said, ("that --type names", "each once", "and only it"), strict=True):
            assert part in message
        with Client(server.profile("acme-video")) as client:
            entries = [client.entry(line["entry"]).entry for line in shared]
    assert [(entry.basis.value, entry.authority, entry.article) for entry in entries] == [
        ("law", "court", "art-99"), ("law", "ministry", "art-99"), ("guideline", None, None),
        ("law", "ministry", "art-1"), ("law", "ministry", "art-1"),
    ]  # fmt: skip


def test_a_dry_run_sends_nothing_and_foresees_what_a_run_does(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    (file := tmp_path / "a.bin").write_bytes(b"\0a")
    with RunningServer(home) as server:
        at = ("--profile", tmp_path / "acme-video", "--address", server.address)
        outbox = server.profile("acme-video").outbox
        assert outbox is not None
        code = Fingerprint("sha256/1", bytes(32))
        kept = server.author("acme-video").submit([code], Reason(frozenset({"ncii"})))
        assert outbox.put(subject_of_content([code]), kept, ())
        before = log_size(home)
        for option in ("--dry-run", "--again", "--label=hate", "--basis=law", "--type=md5/1"):
            assert "takes no files and no terms" in here("submit", "--resume", option, *at).err
        assert log_size(home) == before
        assert [subject for subject, _ in outbox.all()] == [subject_of_content([code])]
        share = ("submit", file, "--label", "ncii", *at)
        assert here(*share).status == 0
        assert here(*share, "--dry-run").out == f"{file}: already entry {before}\n"
        other = ("submit", file, "--label", "hate", *at)
        for dry in ((), ("--dry-run",)):
            done = here(*other, *dry)
            assert (done.status, done.out) == (1, "")
            assert f"already entry {before}" in done.err
            assert "with other labels; withdraw it first" in done.err
        assert here("withdraw", str(before), "--reason", "mistake", *at).status == 0
        assert "to be shared" in here(*other, "--dry-run").out


def test_one_piece_that_cannot_be_shared_is_the_commands_error(tmp_path: Path) -> None:
    home = found(tmp_path, {"acme-video": BOTH})
    with RunningServer(home) as server:
        at = ("--label", "ncii", "--profile", tmp_path / "acme-video", "--address", server.address)
        done = here("submit", tmp_path / "missing", *at, "--json")
        assert (done.status, done.out) == (2, "")
        assert json.loads(done.err)["error"]["code"] == "UNUSABLE_CONTENT"
        (tmp_path / "empty").mkdir()
        done = here("submit", tmp_path / "empty", *at)
        assert (done.status, done.out) == (0, "")
        assert "nothing to share" in done.err
        done = here("submit", "--csv", "/dev/zero", *at)
        assert done.status == 2
        assert f"over the limit of {MAX_TABLE} characters" in done.err
        (file := tmp_path / "a.bin").write_bytes(b"\0a")
        done = here("submit", file, *at, "--removed", "9999-12-31T23:59:59Z")
        assert done.status == 2
        assert "in the future" in done.err
