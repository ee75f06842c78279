"""The code of conduct from the command line: each command once, against a server that runs."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from commands import Done, here
from running import BOTH, RunningServer, found

from hashpact.cli import exits
from hashpact.domain.state import Role

MEMBERS = {
    "acme-video": BOTH,
    "rights-watch": frozenset({Role.NOTIFY, Role.CHECK}),
    "cyber-office": frozenset({Role.AUTHORITY, Role.NOTIFY}),
}
EXPLANATION = "Ảnh bị ghép để bôi nhọ"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a platform, a notifier and an authority."""
    home = found(tmp_path_factory.mktemp("conduct"), MEMBERS)
    with RunningServer(home) as running:
        done = run(running, "contact", "set", "notices", "--at", "desk@acme.example", "--language", "vi")
        assert done.status == exits.OK, done.err
        yield running


def run(server: RunningServer, *arguments: str | Path, member: str = "acme-video") -> Done:
    """A command of a member."""
    profile = server.log_path.parent / member
    return here(*arguments, "--profile", profile, "--address", server.address)


def given(server: RunningServer, *more: str | Path, member: str = "rights-watch") -> int:
    """Give notice to acme-video; its index."""
    done = run(
        server,
        *("notice", "open", "--to", "acme-video", "--label", "hate", "--channel", "civil-society"),
        *("--clock", "code", "--reference", "case 7", "--explanation", EXPLANATION, "--json", *more),
        member=member,
    )
    assert done.status == exits.OK, done.err
    index = done.lines[0]["index"]
    assert isinstance(index, int)
    return index


def shared(server: RunningServer, tmp_path: Path) -> int:
    """Share an entry of some file; its index."""
    file = tmp_path / "removed.bin"
    file.write_bytes(tmp_path.name.encode() * 40)
    done = run(server, "submit", file, "--label", "hate", "--type", "sha256/1", "--json")
    assert done.status == exits.OK, done.err
    return int(done.lines[0]["entry"])


def test_a_notice_from_a_file_to_its_decision(server: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "seen.txt"
    file.write_text("Bài viết này kêu gọi thù ghét một nhóm người vì nguồn gốc của họ.\n" * 3, "utf-8")
    index = given(server, file)
    (line,) = [
        one for one in run(server, "notice", "list", "--mine", "--json").lines if one["notice"] == index
    ]
    assert (line["state"], line["by"], line["explanation"]) == ("open", "rights-watch", EXPLANATION)
    assert "sha256/1" in line["types"]
    utc, local = dt.datetime.fromisoformat(line["due"]), dt.datetime.fromisoformat(line["due_local"])
    assert utc == local
    assert local.utcoffset() == dt.timedelta(hours=7)
    assert run(server, "notice", "confirm", str(index)).status == exits.OK
    decided = run(
        server,
        *("notice", "decide", str(index), "--outcome", "removed", "--clause", "hate-3-2"),
        *("--notified-by", "portal"),
    )
    assert decided.out.startswith(f"notice {index} decided: removed: leaf ")
    shown = run(server, "notice", "show", str(index), member="rights-watch")
    assert "answered" in shown.out
    assert "removed, hate-3-2" in shown.out
    for row in ("guidelines        breach, hate-3-2", "law               not-judged", "+0700, by portal"):
        assert row in shown.out
    (line,) = run(server, "notice", "show", str(index), "--json").lines
    (decision,) = line["decisions"]
    assert (decision["guidelines"], decision["clause"]) == ("breach", "hate-3-2")
    assert (decision["law"], decision["article"], decision["notified_by"]) == ("not-judged", None, "portal")
    assert decision["decided_at"] <= line["due"]
    listed = run(server, "notice", "list", "--given", "--state", "answered", "--json", member="rights-watch")
    assert index in [one["notice"] for one in listed.lines]
    assert EXPLANATION not in server.log_path.read_text("utf-8")


def test_an_incomplete_notice_is_one_line_and_is_not_sent(server: RunningServer) -> None:
    done = run(server, "notice", "open", "--to", "acme-video", member="rights-watch")
    assert done.status == exits.MISUSED
    assert done.err == (
        "hashpact: the notice is incomplete, and was not sent: it lacks about, label, channel, clock, "
        "reference, explanation\n"
    )
    asked = run(server, "notice", "show", "999999", member="rights-watch")
    assert (asked.status, "no notice 999999" in asked.err) == (exits.REFUSED, True)


def test_contact_points_and_their_procedure(server: RunningServer, tmp_path: Path) -> None:
    procedure = tmp_path / "procedure.txt"
    procedure.write_text("Name the content, the rule and the reason.\n", "utf-8")
    named = run(
        server,
        *("contact", "set", "appeals", "--at", "appeals@acme.example", "--language", "en"),
        *("--hours", "mon-fri-0800-1700", "--to", "2027-06-01T00:00:00Z"),
    )
    assert named.status == exits.OK, named.err
    again = run(
        server,
        *("contact", "set", "notices", "--at", "desk@acme.example", "--language", "vi"),
        *("--procedure", procedure),
    )
    assert again.status == exits.OK, again.err
    assert run(server, "contact", "confirm", "notices").status == exits.OK
    lines = run(server, "contact", "list", "--json", member="rights-watch").lines
    assert [(one["member"], one["point"], one["address"]) for one in lines] == [
        ("acme-video", "appeals", "appeals@acme.example"),
        ("acme-video", "notices", "desk@acme.example"),
    ]
    (printed,) = run(server, "contact", "procedure", "acme-video", "--json", member="rights-watch").lines
    assert printed["text"] == procedure.read_text("utf-8")
    missing = run(server, "contact", "procedure", "cyber-office")
    assert (missing.status, "has published no procedure" in missing.err) == (exits.REFUSED, True)
    assert run(server, "contact", "list", "--overdue", "--json").lines == []
    assert run(server, "contact", "list", "--zone", "Nowhere/At-All").status == exits.MISUSED


def test_an_appeal_ends_an_entry(server: RunningServer, tmp_path: Path) -> None:
    entry = shared(server, tmp_path)
    why = tmp_path / "why.txt"
    why.write_text("Đây là trào phúng.", "utf-8")
    opened = run(
        server,
        *("appeal", "open", "--entry", str(entry), "--reason", "satire", "--explanation-file", why, "--json"),
        member="rights-watch",
    )
    index = str(opened.lines[0]["index"])
    (line,) = [
        one for one in run(server, "appeal", "list", "--mine", "--json").lines if one["entry"] == entry
    ]
    assert (line["stage"], line["explanation"]) == ("owner", "Đây là trào phúng.")
    ruled = run(
        server,
        *("appeal", "rule", index, "--outcome", "upheld", "--entry", str(entry), "--reason", "satire"),
    )
    assert ruled.status == exits.OK, ruled.err
    assert "upheld" in run(server, "appeal", "show", index).out
    (shown,) = run(server, "entry", str(entry), "--json").lines
    assert (shown["stands"], shown["withdrawn_reason"]) == (False, "appeal-upheld")


def test_an_authority_is_asked_and_replies(server: RunningServer) -> None:
    asked = run(
        server,
        *("question", "ask", "cyber-office", "--reason", "which-article", "--explanation", "Which one?"),
        "--json",
    )
    index = str(asked.lines[0]["index"])
    (line,) = run(server, "reply", "list", "--mine", "--json", member="cyber-office").lines
    assert (line["to"], line["state"], line["explanation"]) == (int(index), "open", "Which one?")
    done = run(server, "reply", "give", index, "--reason", "article-5", member="cyber-office")
    assert done.status == exits.OK, done.err
    assert run(server, "reply", "list", "--state", "open", "--json").lines == []
    refused = run(server, "reply", "give", index, "--reason", "again", member="cyber-office")
    assert refused.status == exits.REFUSED


def test_what_is_reported_is_listed(server: RunningServer, tmp_path: Path) -> None:
    guide, minutes = tmp_path / "guide.txt", tmp_path / "minutes.txt"
    guide.write_text("Look at the account before the picture.\n", "utf-8")
    minutes.write_text("Agreed.\n", "utf-8")
    assert run(server, "practice", "share", guide, "--topic", "review").status == exits.OK
    digest = hashlib.sha256(guide.read_bytes()).hexdigest()
    (printed,) = run(server, "practice", "show", digest, "--json", member="cyber-office").lines
    assert (printed["sha256"], printed["text"]) == (digest, guide.read_text("utf-8"))
    trained = run(
        server, "training", "record", "--topic", "children", "--month", "2026-10", "--heads", "10-49"
    )
    assert trained.status == exits.OK, trained.err
    counted = run(
        server,
        *("tally", "report", "--month", "2026-10", "--checked", "9000", "--count", "hate 30 20 10"),
        *("--quarantined", "2"),
    )
    assert counted.status == exits.OK, counted.err
    signed = run(
        server, "review", "sign", "2026Q4", minutes, "--action", "train 2027-02-01T00:00:00Z", "--json"
    )
    index = str(signed.lines[0]["index"])
    assert run(server, "review", "done", index, "train").status == exits.OK
    for group in ("practice", "training", "tally", "review"):
        (line,) = run(server, group, "list", "--json", member="rights-watch").lines
        assert (line["member"], line["stands"]) == ("acme-video", True)
        assert line["summary"] in run(server, group, "list").out
    bad = run(server, "tally", "report", "--month", "2026-10", "--checked", "1", "--count", "hate many")
    assert (bad.status, "a label and three numbers" in bad.err) == (exits.MISUSED, True)


def test_the_methods_statement_is_published_once_and_shown(server: RunningServer) -> None:
    home = server.log_path.parent / "home"
    missing = run(server, "methods", "show")
    assert (missing.status, "no methods statement is published yet" in missing.err) == (exits.REFUSED, True)
    first = here("methods", "publish", home, "--json")
    assert first.status == exits.OK, first.err
    again = here("methods", "publish", home, "--json")
    assert (first.lines[0]["new"], again.lines[0]["new"]) == (True, False)
    assert again.lines[0]["index"] == first.lines[0]["index"]
    (line,) = run(server, "methods", "--json").lines
    assert line["index"] == first.lines[0]["index"]
    assert line["format"] == "hashpact/methods/v1"
    shown = run(server, "methods", "show", "--lang", "vi")
    assert "Kết quả trùng chỉ là tín hiệu" in shown.out
    assert "pdq/1" in shown.out


def test_a_watch_says_what_waits(server: RunningServer) -> None:
    index = given(server, "--entry", str(_an_entry(server)))
    lines = run(server, "notice", "watch", "--once", "--json").lines
    (line,) = [one for one in lines if one["notice"] == index]
    assert (line["type"], line["by"]) == ("notice.new", "rights-watch")
    assert EXPLANATION not in str(lines)
    needs = run(server, "notice", "watch", "--once", "--webhook", "https://a.example/")
    assert (needs.status, "--secret-file" in needs.err) == (exits.MISUSED, True)


def test_a_watch_that_looks_once_does_not_wait_for_a_receiver_that_is_down(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashpact.cli.hooks._PATIENCE", 0.01)
    secret, seen = tmp_path / "secret", tmp_path / "seen.json"
    secret.write_text(f"whsec_{'A' * 32}", "utf-8")
    index = given(server, "--entry", str(_an_entry(server)))
    hook = ("--webhook", "http://127.0.0.1:9/", "--secret-file", secret, "--resume", seen)
    done = run(server, "notice", "watch", "--once", "--json", *hook)
    assert index in [one["notice"] for one in done.lines]
    assert done.status == exits.UNAVAILABLE
    assert "run the command again to post them" in done.err
    assert not seen.exists()  # what was not posted comes again


class Hooked(BaseHTTPRequestHandler):
    """Takes events, and notes their ids."""

    ids: ClassVar[dict[int, list[str]]] = {}

    def do_POST(self) -> None:
        """Take an event."""
        notice = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["notice"]
        self.ids.setdefault(notice, []).append(self.headers["webhook-id"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing to stderr."""


def test_an_event_that_is_posted_again_has_the_id_that_it_had(server: RunningServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"whsec_{'A' * 32}", "utf-8")
    index = given(server, "--entry", str(_an_entry(server)))
    with HTTPServer(("127.0.0.1", 0), Hooked) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        hook = ("--webhook", f"http://127.0.0.1:{receiver.server_port}/", "--secret-file", secret)
        for _ in range(2):
            assert run(server, "notice", "watch", "--once", *hook).status == exits.OK
        receiver.shutdown()
    first, again = Hooked.ids[index]
    assert first == again
    assert len({one for ids in Hooked.ids.values() for one in ids}) == len(Hooked.ids)


def test_a_time_that_no_calendar_has_spoils_no_list(server: RunningServer) -> None:
    far = 10**17
    point = ("contact", "set", "press", "--at", "desk", "--language", "vi")
    assert run(server, *point, "--from", str(far), "--to", str(far + 1)).status == exits.OK
    lines = run(server, "contact", "list", "--json", member="rights-watch").lines
    assert str(far) in [one["valid_from"] for one in lines]


@pytest.mark.parametrize(
    "counts", [("hate 3 2 1", "hate 4 2 1"), ("hate 1_0 2 1",), ("hate 3 2",), ("hate -1 0 0",)]
)
def test_no_number_of_a_tally_is_lost_or_guessed(server: RunningServer, counts: tuple[str, ...]) -> None:
    options = [option for count in counts for option in ("--count", count)]
    refused = run(server, "tally", "report", "--month", "2026-10", "--checked", "9", *options)
    assert (refused.status, "hate" in refused.err) == (exits.MISUSED, True)


def test_an_action_that_is_named_twice_is_refused(server: RunningServer, tmp_path: Path) -> None:
    minutes = tmp_path / "minutes.txt"
    minutes.write_text("agreed\n", "utf-8")
    twice = [option for year in (2027, 2028) for option in ("--action", f"train {year}-01-01T00:00:00Z")]
    refused = run(server, "review", "sign", "2026Q3", minutes, *twice)
    assert (refused.status, "'train' is named twice" in refused.err) == (exits.MISUSED, True)


def test_a_zone_that_there_is_not(server: RunningServer) -> None:
    refused = run(server, "contact", "list", "--zone", "Mars/Olympus")
    assert (refused.status, "no time zone 'Mars/Olympus'" in refused.err) == (exits.MISUSED, True)


def test_a_watch_goes_on_from_its_file(server: RunningServer, tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    watched = ("notice", "watch", "--once", "--json", "--resume", seen)
    first = given(server, "--entry", str(_an_entry(server)))
    assert first in [one["notice"] for one in run(server, *watched).lines]
    assert run(server, *watched).lines == []
    second = given(server, "--entry", str(_an_entry(server)))
    assert run(server, "notice", "decide", str(first), "--outcome", "kept").status == exits.OK
    lines = run(server, *watched).lines
    assert sorted((one["notice"], one["type"], one["state"]) for one in lines) == [
        (first, "notice.answered", "answered"),
        (second, "notice.new", "open"),
    ]
    seen.write_text("nonsense", "utf-8")
    refused = run(server, *watched)
    assert (refused.status, str(seen) in refused.err) == (exits.MISUSED, True)


def _an_entry(server: RunningServer) -> int:
    """An entry that stands."""
    first = next((one["entry"] for one in run(server, "list", "--json").lines), None)
    if first is not None:
        return int(first)
    return shared(server, server.log_path.parent)
