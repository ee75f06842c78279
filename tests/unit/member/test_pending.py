"""Pending statements as files: what is read is what was written, and what was changed is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import ALL_TYPES, World, fingerprint

from hashpact.domain.fingerprints import PDQ, Fingerprint
from hashpact.domain.messages import Submission
from hashpact.domain.state import Stance
from hashpact.errors import ConfigError
from hashpact.member.author import Reason
from hashpact.member.paths import ProfilePaths
from hashpact.member.pending import Outbox, says_the_same, subject_of, subject_of_content

NCII = Reason(frozenset({"ncii"}))
MANY = [fingerprint(kind, str(number)) for number in range(3) for kind in ALL_TYPES]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    """An outbox that is empty."""
    return Outbox(ProfilePaths(tmp_path))


def test_what_is_kept_is_found_as_it_was(world: World, outbox: Outbox) -> None:
    author = world.author("acme")
    kept = [
        author.submit(MANY, NCII),
        author.submit(MANY[:1], NCII),
        author.withdraw(12, "mistake"),
        author.opinion(12, Stance.SEEN),
    ]
    for number, submission in enumerate(kept):
        assert outbox.find(str(number)) is None
        assert outbox.put(str(number), submission, ())
        assert not outbox.put(str(number), submission, ())
        found = outbox.find(str(number))
        assert found is not None
        assert (found.statement, list(found.private)) == (submission.statement, list(submission.private))
    assert sorted(subject for subject, _ in outbox.all()) == ["0", "1", "2", "3"]
    outbox.forget("0", kept[1])  # another one: it stays
    outbox.forget("1", kept[1])
    outbox.forget("1", kept[1])
    assert sorted(subject for subject, _ in outbox.all()) == ["0", "2", "3"]


def test_one_that_is_finished_meanwhile_is_passed_over(
    world: World, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        assert outbox.put(str(number), world.author("acme").withdraw(number, "mistake"), ())
    pending = outbox.paths.pending
    listed = iter(outbox.all())
    first, _ = next(listed)
    gone = next(path for path in sorted(pending.iterdir()) if path.name not in {first, ".lock"})
    gone.unlink()
    assert [subject for subject, _ in listed] == sorted({"0", "1", "2"} - {first, gone.name})
    names = [pending / "x", *pending.iterdir()]  # as a listing has one that is gone before it is looked at
    monkeypatch.setattr(Path, "iterdir", lambda _: iter(names))
    assert gone.name not in [subject for subject, _ in outbox.all()]


def test_one_is_exchanged_once(world: World, outbox: Outbox) -> None:
    old, new, newer = (world.author("acme").withdraw(12, "mistake") for _ in range(3))
    assert outbox.put("s", old, ())
    assert outbox.exchange("s", old, new) == new
    assert outbox.exchange("s", old, newer) == Submission(new.statement)
    outbox.forget("s", new)
    assert outbox.exchange("s", old, newer) is None


def test_shared_entries_are_remembered_in_order(world: World, outbox: Outbox) -> None:
    assert outbox.shared("s") == ()
    for entry in (7, 12, 7):
        outbox.record("s", entry)
    assert outbox.shared("s") == (7, 12)
    assert not outbox.put("s", world.author("acme").withdraw(12, "mistake"), (7,))
    (outbox.paths.shared / "s" / "012").touch()
    with pytest.raises(ConfigError, match="is damaged"):
        outbox.shared("s")


def test_every_byte_of_a_pending_statement_counts(world: World, outbox: Outbox) -> None:
    assert outbox.put("s", world.author("acme").submit(MANY[:2], NCII), ())
    path = outbox.paths.pending / "s"
    data = path.read_bytes()
    refused = 0
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        try:
            found = outbox.find("s")
        except ConfigError:
            refused += 1
        else:  # in the text or a signature of the statement, which the server refuses
            assert found is not None
            assert found.statement not in {b"", data}
    assert refused > len(data) // 2
    for cut in (0, 1, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(ConfigError, match="is damaged"):
            outbox.find("s")


def test_a_subject_is_the_content_or_the_entry(world: World) -> None:
    author = world.author("acme")
    content = subject_of(author.submit(MANY, NCII))
    assert content == subject_of_content(MANY[::-1] + MANY)
    assert content == subject_of(author.submit(MANY[::-1], Reason(frozenset({"hate"})), removed=5))
    assert content != subject_of(author.submit(MANY[1:], NCII))
    picture = fingerprint(PDQ, "0")
    assert subject_of_content([picture]) == subject_of_content([Fingerprint(PDQ, picture.value, 80)])
    about = [author.withdraw(1, "mistake"), author.withdraw(2, "mistake"), author.opinion(1, Stance.SEEN)]
    assert len({subject_of(each) for each in about}) == 3
    assert subject_of(author.opinion(1, Stance.DISPUTE)) == subject_of(about[2])
    assert subject_of(Submission(world.founding("acme")[0])) is None


def test_two_statements_say_the_same_if_their_author_chose_the_same(world: World) -> None:
    author = world.author("acme")
    one, two = author.submit(MANY, NCII, removed=5), author.submit(MANY, NCII, removed=6)
    assert says_the_same(one, two, removed=False)
    assert not says_the_same(one, two, removed=True)
    assert not says_the_same(one, author.submit(MANY, Reason(frozenset({"hate"}))), removed=False)
    assert says_the_same(author.withdraw(1, "a"), author.withdraw(1, "a"), removed=False)
    assert not says_the_same(author.withdraw(1, "a"), author.withdraw(1, "b"), removed=False)
