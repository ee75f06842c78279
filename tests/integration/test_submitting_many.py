"""Many pieces of content at once: directories, tables and standard input, from the command to the log."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from commands import here
from running import BOTH, RunningServer, found, log_size

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
        assert [line["entry"] for line in done.lines] == [before, before + 1, before + 2]
        lines = done.err.splitlines()
        for line, said in zip(
            lines,
            (f"{table}:4: type and value", "missing", f"{table}:6: ", f"{table}:7: ", "basis is one of",
             "'yesterday' is not a time", f"{table}:10: a row has 9 cells"),
            strict=True,
        ):  # fmt: skip
            assert said in line
        again = here(*command, "--json")
        assert [line["already"] for line in again.lines] == [True] * 3
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
