"""Opinions as people give them: with a reason, and never taken back by accident."""

from __future__ import annotations

import json
from pathlib import Path

from commands import Done, here
from running import RunningServer


def test_an_opinion_has_a_reason_and_seen_does_not_take_it_back(tmp_path: Path) -> None:
    home, text = tmp_path / "home", tmp_path / "text.txt"
    text.write_text("The members of one log give their opinions on what the others have shared there.")
    assert here("init", home, "--origin", "test.example/opinions", "--unencrypted").status == 0

    def run(member: str, *arguments: str | Path) -> Done:
        return here(*arguments, HASHPACT_PROFILE=str(tmp_path / member))

    def opinion(*arguments: str) -> Done:
        return run("lotus-forum", "opinion", entry, *arguments)

    with RunningServer(home):
        for member, roles in (("acme-video", "check,contribute"), ("lotus-forum", "check")):
            out = ("--out", tmp_path / member)
            done = here("member", "enrol", home, member, "--roles", roles, *out, "--unencrypted")
            assert done.status == 0, done.err
        submitted = run("acme-video", "submit", text, "--label", "other", "--json")
        entry = str(submitted.lines[0]["entry"])

        assert opinion("--stance", "seen").status == 0
        assert opinion("--stance", "dispute", "--reason", "news-report").status == 0
        refused = opinion("--stance", "seen")
        assert refused.status != 0
        assert refused.err.count("\n") == 1
        assert f"'lotus-forum' has the opinion dispute on entry {entry}" in refused.err
        assert "--replace" in refused.err
        assert "lotus-forum dispute (news-report)" in run("acme-video", "entry", entry).out
        (shown,) = run("acme-video", "entry", entry, "--json").lines
        assert shown["opinions"] == [{"member": "lotus-forum", "stance": "dispute", "reason": "news-report"}]

        assert opinion("--stance", "seen", "--replace").status == 0
        assert "lotus-forum seen\n" in run("acme-video", "entry", entry).out
        assert opinion("--stance", "dispute", "--reason", "Not a slug").status != 0
        listed = here("log", "show", home, "--start", "-2", "--json").out.splitlines()
        assert [json.loads(line)["summary"] for line in listed] == [
            f"entry {entry}: dispute, news-report",
            f"entry {entry}: seen, replaces the opinion before",
        ]
    assert here("log", "verify", home).status == 0
