"""Drafts: files of statements that several people sign, and what they are told of them."""

from __future__ import annotations

import pytest
from builders import NOW, Identity, World, submit
from documented import EXAMPLES

from hashpact.domain import statements
from hashpact.domain.keys import NamedKey
from hashpact.domain.kinds import AnyBody, KeyEnrol, KeyRotate, KeySuspend, Root, Void
from hashpact.domain.state import Charter, Use
from hashpact.errors import HashpactError, InvalidInputError, MalformedError
from hashpact.governance import describe, drafts
from hashpact.governance.administer import Drafter
from hashpact.governance.drafts import Draft

WHO, OTHER = Identity.of("acme"), Identity.of("admin", "carol")
KEY = WHO.id
ROOT = Root(2, (NamedKey("alice", Identity.of("admin", "alice").public), OTHER.key), 2, (bytes(32),))
NEW_KEY = KeyEnrol("acme", "1", WHO.public, Use.SIGN, NOW)
BODIES = [*EXAMPLES.values(), KeyEnrol("acme", "recovery", WHO.public, Use.RECOVERY, 2**62)]


def drafter(world: World) -> Drafter:
    return Drafter(world.origin, world.admins[0].id, world.clock, world.entropy)


def by(world: World, draft: Draft, number: int) -> Draft:
    """The draft, signed by one of the administrators."""
    named, private = world.admins[number].signer
    return draft.signed(named.name, named.public, private)


def test_a_file_is_read_as_it_was_written_however_many_have_signed(world: World) -> None:
    first, second = (drafter(world).draft(body) for body in BODIES[2:4])
    for written in (
        [first],
        [first, second],
        [by(world, first, 0), second],
        [by(world, by(world, first, 0), 1), by(world, second, 1)],
    ):
        assert drafts.parse(drafts.write(written)) == written
    signed = by(world, by(world, first, 0), 1)
    assert statements.parse(signed.data).statement == first.statement
    assert by(world, signed, 0) == signed


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:0],
        lambda data: b" " + data,
        lambda data: data[:-1],
        lambda data: data + b"more\n",
        lambda data: data + b"\n",
        lambda data: data.replace(b"kind void", b"kind avoid"),
        lambda data: data.replace(b"entry 3", b"entry 03"),
        lambda data: b"hashpact/statement/v1\n" + data,
        lambda data: data * 5000,
    ],
)
def test_a_file_that_is_not_understood_is_refused(world: World, change: object) -> None:
    data = drafter(world).draft(Void(3, "court-order")).data
    assert callable(change)
    with pytest.raises(MalformedError):
        drafts.parse(change(data))


def test_copies_that_were_signed_apart_are_put_together(world: World) -> None:
    draft = drafter(world).draft(Void(3, "court-order"))
    one, two = by(world, draft, 0), by(world, draft, 1)
    (merged,) = drafts.merge([[one], [two], [one]])
    assert [line.name for line in merged.lines] == ["admin/alice", "admin/bob"]
    with pytest.raises(InvalidInputError, match="not copies of one"):
        drafts.merge([[one], [drafter(world).draft(Void(3, "court-order"))]])
    with pytest.raises(InvalidInputError, match="not copies of one"):
        drafts.merge([[one], [one, one]])


def test_a_statement_has_at_most_16_signatures(world: World) -> None:
    draft = drafter(world).draft(Void(3, "court-order"))
    for number in range(16):
        who = Identity.of("admin", str(number))
        draft = draft.signed(f"admin/{number}", who.public, who.private)
    with pytest.raises(InvalidInputError, match="no more"):
        by(world, draft, 0)


def test_a_key_finds_its_name_where_it_is_enrolled(world: World) -> None:
    names = {
        body.kind: drafter(world).draft(body).name_of(WHO.public)
        for body in (
            NEW_KEY,
            KeyRotate(KEY, "2", WHO.public, NOW, 86400),
            KeySuspend("acme", KEY, "lost"),
        )
    }
    assert names == {"key-enrol": "acme/1", "key-rotate": "admin/2", "key-suspend": None}
    assert drafter(world).draft(ROOT).name_of(OTHER.public) == "admin/carol"
    assert drafter(world).draft(ROOT).name_of(WHO.public) is None


def test_each_signature_is_judged_by_a_key_that_is_known(world: World) -> None:
    charter = Charter(world.origin, tuple(admin.key for admin in world.admins), 2, world.log_keys)
    draft = drafter(world).draft(NEW_KEY)
    named, private = WHO.signer
    draft = by(world, draft, 0).signed(named.name, named.public, private)
    draft = draft.signed(OTHER.signer[0].name, OTHER.public, OTHER.private)
    with_charter = {one.name: one.valid for one in drafts.signatures(draft, charter)}
    assert with_charter == {"admin/alice": True, "acme/1": True, "admin/carol": None}
    alone = {one.name: one.valid for one in drafts.signatures(draft, None)}
    assert alone == {"admin/alice": None, "acme/1": True, "admin/carol": None}
    changed = Draft(draft.text.replace(b"use sign", b"use recovery"), draft.statement, draft.lines)
    assert [one.valid for one in drafts.signatures(changed, charter)] == [False, False, None]
    proposed = by(world, drafter(world).draft(ROOT), 0)
    assert [one.valid for one in drafts.signatures(proposed, None)] == [True]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.kind)
def test_every_kind_is_said_in_plain_words_and_can_be_composed(world: World, body: AnyBody) -> None:
    draft = drafter(world).draft(body)
    told = describe.describe(draft.statement)
    assert all(line.endswith((".", ":")) or line.startswith("  ") for line in told)
    assert told[-2:] == [
        f"Stated by the administrators of the log {world.origin}.",
        "Written 2027-01-15 08:00 UTC.",
    ]
    values: dict[str, list[str]] = {}
    for line in draft.text.decode().splitlines()[7:]:
        name, _, value = line.partition(" ")
        values.setdefault(name, []).insert(0, value)
    values = {name: given if name == "label" else given[::-1] for name, given in values.items()}
    assert drafts.compose(body.kind, values) == body


def test_a_member_and_a_change_of_governance_are_named_in_words(world: World) -> None:
    charter = Charter(world.origin, tuple(admin.key for admin in world.admins), 2, world.log_keys)
    told = describe.describe(drafter(world).draft(ROOT).statement, charter)
    assert "New: carol. No longer: bob." in told
    submission = statements.parse(world.author("acme").withdraw(3, "mistake").statement)
    assert "Stated by the member acme." in describe.describe(submission.statement)
    assert describe.needed(drafter(world).draft(KeySuspend("acme", KEY, "lost")).statement, charter) == 1
    assert describe.needed(drafter(world).draft(Void(1, "x")).statement, charter) == 2
    genesis = statements.parse(world.genesis()).statement
    assert describe.describe(genesis)[0] == "Found a new log."
    shared = statements.parse(world.leaf(submit(), WHO)).statement
    assert describe.describe(shared)[0] == "Share 1 fingerprints with the labels ncii."


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("nonsense", {}, "there is no kind 'nonsense'"),
        ("void", {"entry": ["1"], "reasons": ["x"]}, "void has no field 'reasons'; it has entry, reason"),
        ("void", {"entry": ["1"]}, "reason"),
        ("void", {"entry": ["01"], "reason": ["x"]}, "entry"),
        ("void", {"entry": ["1"], "reason": ["x\ny"]}, r"reason='x\\ny': want"),
        ("void", {"entry": ["1"], "reason": ["ngắn"]}, "reason='ngắn': want"),
        (
            "policy",
            {"version": ["2"], "label": ["ncii"], "rate": ["submit 60", "chekc 600"]},
            "^rate='chekc 600': want a kind and a number, such as 'check 600'; kinds are action-done, ",
        ),
        (
            "policy",
            {"version": ["2"], "label": ["ncii"], "rate-of": ["check 600"]},
            "^rate-of='check 600': want a member's id, a kind and a number, such as 'acme-video check 600'; ",
        ),
        (
            "policy",
            {"version": ["2"], "label": ["ncii"], "rate": ["check 0"]},
            "^rate='check 0': want a number",
        ),
    ],
)
def test_what_is_no_statement_is_not_composed(kind: str, values: dict[str, list[str]], said: str) -> None:
    with pytest.raises(HashpactError, match=said):
        drafts.compose(kind, values)
