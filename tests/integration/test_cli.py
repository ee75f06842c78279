"""The commands as people run them: real processes, a real server, real files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from commands import Done, here, process
from PIL import Image, ImageOps
from running import RunningServer

from hashpact.demo import pictures, texts

BRIDGE = Path(__file__).resolve().parents[3] / "shared" / "data" / "bridge"
ORIGIN = "test.example/hashpact"
MATCH_KEYS = {"entry", "type", "labels", "basis", "member", "endorsed_by", "disputed_by", "shared_at"}
MATCH_KEYS |= {"view", "strength", "reason", "false_matches"}


@dataclass
class Place:
    """A home with a running server, and the profiles of the members enrolled in it."""

    home: Path
    server: RunningServer
    profiles: dict[str, Path] = field(default_factory=dict)

    def enrol(self, member: str, roles: str = "check,contribute") -> Path:
        """Enrol a member, and keep its profile."""
        out = self.profiles[member] = self.home.parent / member
        arguments = ("member", "enrol", self.home, member, "--roles", roles, "--out", out, "--unencrypted")
        done = here(*arguments, "--json")
        assert done.status == 0, done.err
        return out

    def run(self, member: str, *arguments: str | Path, how: Callable[..., Done] = here) -> Done:
        """Run a command as a member."""
        return how(*arguments, HASHPACT_PROFILE=str(self.profiles[member]))

    def ask(
        self, member: str, *arguments: str | Path, how: Callable[..., Done] = here
    ) -> list[dict[str, Any]]:
        """What a command of a member prints in JSON."""
        done = self.run(member, *arguments, "--json", how=how)
        assert (done.status, done.err) in {(0, ""), (1, "")}
        return done.lines


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A clearinghouse with the members acme-video and lotus-forum."""
    home = tmp_path_factory.mktemp("cli") / "home"
    assert process("init", home, "--origin", ORIGIN, "--unencrypted").status == 0
    with RunningServer(home) as server:
        place = Place(home, server)
        place.enrol("acme-video")
        place.enrol("lotus-forum", "check,authority")
        yield place


def found(line: dict[str, Any], entry: int) -> dict[str, dict[str, Any]]:
    """The matches of one entry in a line of `check --json`, by fingerprint type."""
    assert set(line) == {"file", "position", "matches"} | ({"texts"} & set(line))
    for match in line["matches"]:
        nearness = {"minhash/1": "similarity", "winnow/1": "share"}.get(match["type"], "distance")
        assert set(match) == MATCH_KEYS | {nearness}
    return {match["type"]: match for match in line["matches"] if match["entry"] == entry}


@pytest.mark.skipif(not BRIDGE.is_dir(), reason="the photographs of shared/data/bridge are not here")
def test_every_altered_copy_of_a_photograph_is_found(place: Place) -> None:
    (receipt,) = place.ask("acme-video", "submit", BRIDGE / "aaa-orig.jpg", "--label", "ncii", how=process)
    copies = sorted(BRIDGE.glob("*.jpg"))
    assert len(copies) == 11
    answers = place.ask("lotus-forum", "check", *copies, how=process)
    assert [Path(answer["file"]) for answer in answers] == copies
    for answer in answers:
        match = found(answer, receipt["entry"])["pdq/1"]
        assert match["distance"] <= 31
        assert (match["labels"], match["basis"], match["member"]) == (["ncii"], "guideline", "acme-video")


def test_altered_copies_are_found_in_views_which_can_be_chosen(place: Place, tmp_path: Path) -> None:
    picture = pictures.write_original(pictures.draw("hills", 11), tmp_path / "hills.jpg")
    (receipt,) = place.ask("acme-video", "submit", picture, "--label", "ncii")
    original = Image.open(picture)
    for name, copy, view in (
        ("mirrored", ImageOps.mirror(original), "turned"),
        ("turned", original.transpose(Image.Transpose.ROTATE_90), "turned"),
        ("framed", ImageOps.expand(original, 40, "darkred"), "part"),
    ):
        copy.save(tmp_path / f"{name}.jpg")
        (plain,), (wide,), (one,), (other,) = (
            place.ask("lotus-forum", "check", tmp_path / f"{name}.jpg", *more)
            for more in (("--views", "none"), (), ("--views", view), ("--views", "black, frame"))
        )
        assert not found(plain, receipt["entry"]).keys() & {"pdq/1", "phash/1"}
        assert not found(other, receipt["entry"]).keys() & {"pdq/1", "phash/1"}
        for answer in (wide, one):
            match = found(answer, receipt["entry"])["pdq/1"]
            assert (match["view"], match["strength"]) == (view, "near")
            assert match["distance"] <= 20
            assert match["reason"].startswith({"turned": "The upload in", "part": "A part of"}[view])
        (same,) = place.ask(
            "lotus-forum", "check", tmp_path / f"{name}.jpg", "--strength", "same", "--type", "pdq/1"
        )
        assert same["matches"] == []
    (itself,) = place.ask("lotus-forum", "check", picture, "--strength", "same")
    assert found(itself, receipt["entry"])["pdq/1"]["strength"] == "same"
    table = place.run("lotus-forum", "check", tmp_path / "framed.jpg").out
    assert "\tnear\t" in table
    assert " part" in table
    assert "without a border" not in table
    explained = place.run("lotus-forum", "check", tmp_path / "framed.jpg", "--explain").out
    assert f"{receipt['entry']} by pdq/1, near: A part of the upload, without a border" in explained
    refused = place.run("lotus-forum", "check", picture, "--views", "sideways")
    assert refused.status == 2
    assert "views are of whole, shown" in refused.err


def test_other_posts_in_one_layout_are_shown_only_on_demand(place: Place) -> None:
    viewed = Path(__file__).resolve().parents[1] / "vectors" / "viewed"
    (receipt,) = place.ask("acme-video", "submit", viewed / "screenshot-a.png", "--label", "fraud")
    (strong,), (all_of_them,) = (
        place.ask("lotus-forum", "check", viewed / "screenshot-b.png", *more)
        for more in ((), ("--strength", "weak"))
    )
    assert found(strong, receipt["entry"]) == {}
    assert found(all_of_them, receipt["entry"])["phash/1"]["strength"] == "weak"


def test_a_text_is_found_inside_a_longer_one(place: Place, tmp_path: Path) -> None:
    removed, longer, part = (tmp_path / name for name in ("removed.txt", "longer.txt", "part.txt"))
    original, others = texts.ORIGINALS[1].original, [each.original for each in texts.ORIGINALS[2:]]
    removed.write_text(original, "utf-8")
    longer.write_text("\n\n".join([*others, original, *texts.UNRELATED.values()]), "utf-8")
    part.write_text("\n\n".join([*others, original[: len(original) * 2 // 5]]), "utf-8")
    (receipt,) = place.ask("acme-video", "submit", removed, "--label", "fraud")
    assert receipt["types"] == ["minhash/1", "winnow/1", "sha256/1", "md5/1"]

    whole, some = place.ask("lotus-forum", "check", longer, part)
    matches = found(whole, receipt["entry"])
    assert set(matches) == {"winnow/1"}
    assert matches["winnow/1"]["share"] == 1
    assert found(some, receipt["entry"]) == {}
    (some,) = place.ask("lotus-forum", "check", part, "--min-share", "0.1")
    assert 0.3 <= found(some, receipt["entry"])["winnow/1"]["share"] < 0.5


def test_pictures_and_texts_from_submission_to_withdrawal(place: Place, tmp_path: Path) -> None:
    drawing = pictures.draw("hills", 7)
    picture = pictures.write_original(drawing, tmp_path / "hills.jpg")
    copies = [path for _, path in pictures.write_copies(drawing, tmp_path / "copy")]
    other = pictures.write_original(pictures.draw("lanterns", 7), tmp_path / "other.jpg")
    text, reworded, unrelated = (tmp_path / name for name in ("text.txt", "reworded.txt", "unrelated.txt"))
    text.write_text(texts.ORIGINALS[0].original, "utf-8")
    reworded.write_text(texts.ORIGINALS[0].reworded, "utf-8")
    unrelated.write_text(next(iter(texts.UNRELATED.values())), "utf-8")

    receipts = place.ask(
        "acme-video", "submit", picture, text, "--label", "fraud", "--label", "other", "--jurisdiction", "VN",
        "--removed", "2026-11-01T00:00:00Z",
    )  # fmt: skip
    first, second = (receipt["entry"] for receipt in receipts)
    assert second == first + 1
    assert receipts[0]["types"] == ["pdq/1", "phash/1", "sha256/1", "md5/1"]
    assert receipts[0]["tree_size"] == first + 1

    asked: tuple[str | Path, ...] = (
        "check",
        *copies,
        picture,
        reworded,
        other,
        unrelated,
        "--jurisdiction",
        "VN",
        "--label",
        "fraud",
    )
    answers = place.ask("lotus-forum", *asked)
    assert all(found(answer, first)["pdq/1"]["distance"] <= 31 for answer in answers[: len(copies)])
    assert set(found(answers[-4], first)) == {"pdq/1", "phash/1", "sha256/1", "md5/1"}
    assert 0.6 <= found(answers[-3], second)["minhash/1"]["similarity"] < 1
    assert [answer["matches"] for answer in answers[-2:]] == [[], []]
    assert all(answer["position"] >= receipts[1]["tree_size"] for answer in answers)
    assert place.ask("lotus-forum", "check", picture, "--jurisdiction", "FR")[0]["matches"] == []
    assert len(place.ask("lotus-forum", "check", picture, "--limit", "1")[0]["matches"]) == 1

    (given,) = place.ask("lotus-forum", "opinion", f"entries/{first}", "--stance", "dispute")
    assert given["entry"] == first
    (answer,) = place.ask("lotus-forum", "check", picture, "--min-position", str(given["tree_size"]))
    assert {match["disputed_by"] for match in found(answer, first).values()} == {1}
    assert found(place.ask("lotus-forum", "check", picture, "--without-disputed")[0], first) == {}
    (shown,) = place.ask("lotus-forum", "entry", str(first))
    assert shown["opinions"] == [{"member": "lotus-forum", "stance": "dispute", "reason": None}]
    assert (shown["removed_at"], shown["withdrawn_index"]) == ("2026-11-01T00:00:00Z", None)

    refused = place.run("lotus-forum", "withdraw", str(first), "--reason", "mistake")
    assert "only 'acme-video'" in refused.error
    (taken,) = place.ask("acme-video", "withdraw", str(first), "--reason", "mistake")
    (answer,) = place.ask("lotus-forum", "check", picture, "--min-position", str(taken["tree_size"]))
    assert found(answer, first) == {}
    (leaf,) = here("log", "show", place.home, "--start", str(taken["index"]), "--json").lines
    assert (leaf["kind"], leaf["summary"]) == ("withdraw", f"entry {first}: mistake")
    assert leaf["leaf_hash"] == taken["leaf_hash"]
    told = place.run("lotus-forum", "entry", str(first)).out
    assert f"withdrawn index   leaf {taken['index']}\n" in told
    assert "stands            no\n" in told


def test_what_people_see(place: Place, tmp_path: Path) -> None:
    picture = pictures.write_original(pictures.draw("forest", 7), tmp_path / "forest.jpg")
    submitted = place.run("acme-video", "submit", picture, "--label", "other")
    assert (submitted.status, submitted.err) == (0, "")
    entry = submitted.out.split("entry ")[1].split()[0]
    assert submitted.out == f"{picture}: entry {entry} with pdq/1, phash/1, sha256/1, md5/1\n"
    checked = place.run("lotus-forum", "check", picture)
    assert checked.out.startswith(f"{picture}: 1 entry at position ")
    assert f"\n{entry}\tsame\tmd5/1, pdq/1 0, phash/1 0, sha256/1\t" in checked.out
    endorsed = place.run("lotus-forum", "opinion", entry, "--stance", "endorse")
    assert endorsed.out.startswith(f"entry {entry}: endorse, leaf ")
    assert "lotus-forum endorse" in place.run("acme-video", "entry", entry).out
    listed = place.run("lotus-forum", "member", "list")
    assert "acme-video" in listed.out
    assert "check, contribute" in listed.out
    assert {line["member"] for line in place.ask("acme-video", "member", "list")} >= set(place.profiles)
    law = ("--basis", "law", "--authority", "lotus-forum", "--article", "art-16-2")
    assert place.run("acme-video", "submit", picture, "--label", "other", "--again", *law).status == 0
    shown = here("log", "show", place.home, "--start", "-4").out
    assert f"entry {entry}: endorse" in shown
    assert "4 fingerprints, other, law lotus-forum art-16-2" in shown


def test_members_are_enrolled_whether_the_server_runs_or_not(tmp_path: Path) -> None:
    home, text = tmp_path / "home", tmp_path / "text.txt"
    text.write_text(texts.ORIGINALS[1].original, "utf-8")
    assert here("init", home, "--origin", ORIGIN, "--unencrypted", "--single-admin").status == 0
    with RunningServer(home) as server:
        place = Place(home, server)
        place.enrol("river-social")
        (receipt,) = place.ask("river-social", "submit", text, "--label", "fraud")
    stopped = place.run("river-social", "check", text, "--timeout", "1")
    assert stopped.error
    place.enrol("acme-video", "check")
    with RunningServer(home) as place.server:
        (answer,) = place.ask("acme-video", "check", text, "--address", place.server.address)
    assert found(answer, receipt["entry"])["minhash/1"]["similarity"] == 1
    again = here(
        "member", "enrol", home, "acme-video", "--roles", "check", "--out", tmp_path / "x", "--unencrypted"
    )
    assert "is enrolled already" in again.error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label", "rubbish"), "known are csam, fraud, harassment, hate, incitement, minors, ncii, other"),
        (("--label", "Not A Label"), "label"),
        (("--label", "other", "--jurisdiction", "vn"), "jurisdiction"),
        (("--label", "other", "--basis", "law", "--authority", "nobody", "--article", "a-1"), "'nobody'"),
    ],
)
def test_a_submission_that_breaks_a_rule_is_refused(
    arguments: tuple[str, ...], said: str, place: Place, tmp_path: Path
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(texts.ORIGINALS[2].original, "utf-8")
    assert said in place.run("acme-video", "submit", text, *arguments).error


def test_a_profile_that_is_none_is_told(tmp_path: Path) -> None:
    assert "profile.toml" in here("check", __file__, "--profile", tmp_path / "nowhere").error


def test_one_bad_file_does_not_keep_the_others(place: Place, tmp_path: Path) -> None:
    good = pictures.write_original(pictures.draw("town", 3), tmp_path / "good.jpg")
    (empty := tmp_path / "empty.jpg").touch()
    done = place.run("lotus-forum", "check", empty, good, tmp_path / "missing", "--json")
    assert done.status == 2
    assert [line["file"] for line in done.lines if "matches" in line] == [str(good)]
    assert [line["error"]["code"] for line in done.lines if "error" in line] == ["UNUSABLE_CONTENT"] * 2
    assert done.err == ""


def test_a_server_that_is_told_to_stop_ends_well(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert here("init", home, "--origin", ORIGIN, "--unencrypted", "--single-admin").status == 0
    server = RunningServer(home)
    assert server.stop() == 0


def test_a_member_enrolled_after_the_server_was_bound_elsewhere_finds_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert here("init", home, "--origin", "test.example/log", "--single-admin", "--unencrypted").status == 0
    text = tmp_path / "text.txt"
    text.write_text(texts.ORIGINALS[0].original, "utf-8")
    with RunningServer(home) as server:
        out = tmp_path / "lotus-forum"
        assert (
            here(
                "member", "enrol", home, "lotus-forum", "--roles", "check", "--out", out, "--unencrypted"
            ).status
            == 0
        )
        assert f'address = "{server.address}"' in (out / "profile.toml").read_text()
        assert here("check", text, "--profile", out).status == 1


def test_the_program_in_the_readme_runs(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = pictures.write_original(pictures.draw("hills", 23), tmp_path / "upload.jpg")
    pictures.write_original(pictures.draw("town", 23), tmp_path / "removed.jpg")
    (shared,) = place.ask("acme-video", "submit", picture, "--label", "ncii")
    readme = Path(__file__).resolve().parents[2] / "README.md"
    (program,) = re.findall(r"^```python\n(.*?)^```$", readme.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    assert program.count('"lotus-forum"') == 1
    exec(program.replace('"lotus-forum"', repr(str(place.enrol("river-social")))), {})  # noqa: S102 - our README
    assert f"{shared['entry']} same whole ('ncii',) acme-video 0\n" in capsys.readouterr().out
