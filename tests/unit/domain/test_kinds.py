"""The kinds of statements: each is one declaration, and everything else follows from it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest
from builders import Identity, World
from documented import EXAMPLES, section
from folding import refuse, take

from hashpact.domain import statements
from hashpact.domain.kinds import ADMIN, KINDS, Body, Case, GiveOpinion, Signers
from hashpact.domain.kinds.conduct.filed import Filed
from hashpact.domain.kinds.lines import ID, REASON
from hashpact.domain.rules.replay import replay
from hashpact.domain.state import Charter, Record, Stance
from hashpact.errors import MalformedError, NotPermittedError
from hashpact.governance import describe, drafts
from hashpact.governance.administer import Drafter

ACME, BRAVO, ALICE = Identity.of("acme"), Identity.of("bravo"), Identity.of(ADMIN, "alice")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_declared_whole(kind: str) -> None:
    declared = KINDS[kind]
    assert declared.kind == kind
    assert not inspect.isabstract(declared)
    own = vars(declared).keys() | (vars(Filed).keys() if issubclass(declared, Filed) else set())
    assert {"summary", "describe", "effect"} <= own
    assert declared.__doc__ is not None
    assert declared.__doc__.splitlines()[0].endswith(".")
    number = [Signers.THRESHOLD in declared.signers, Signers.ONE_ADMINISTRATOR in declared.signers]
    assert declared.signers
    assert number != [True, True]
    if Signers.ITSELF in declared.signers:
        assert declared.__annotations__["id"] == "Annotated[str, ID]"
    assert f"\nkind {kind}\n" in section(f"Kind `{kind}`")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_a_summary_and_a_description(kind: str) -> None:
    body = EXAMPLES[kind]
    assert type(body) is KINDS[kind]
    assert body.summary().isprintable()
    assert len(body.summary()) <= 110
    lines = body.describe()
    assert lines[0].endswith(".")
    assert all(line.endswith((".", ":")) or line.startswith("  ") for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_one_administrator_is_enough_for_what_says_so(kind: str) -> None:
    charter = Charter("test.example/log", (), 7, ())
    enough = (
        Signers.ONE_ADMINISTRATOR in KINDS[kind].signers
    )  # as test_statement_format has it from the format
    assert KINDS[kind].administrators(charter) == (1 if enough else 7)


@dataclass(frozen=True, slots=True)
class Greet(Body):
    """A member or an administrator greets a member."""

    kind: ClassVar[str] = "greet"
    signers: ClassVar[Signers] = Signers.ONE_ADMINISTRATOR | Signers.ITSELF
    id: Annotated[str, ID]
    reason: Annotated[str, REASON]

    def summary(self) -> str:
        """Whom."""
        return f"hello {self.id}"

    def describe(self) -> list[str]:
        """Whom."""
        return [f"Greet {self.id}."]

    def effect(self, case: Case) -> tuple[Record, ...]:
        """Nothing."""
        assert case.charter.threshold == 2
        return ()


def test_a_declaration_is_all_that_a_new_kind_needs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: dict[str, Any] = KINDS
    monkeypatch.setitem(kinds, "greet", Greet)
    hello: Any = Greet("acme", "birthday")
    log = replay(world.founding("acme", "bravo"))
    leaf = world.leaf(hello, ACME)
    assert b"\nid acme\nreason birthday\n\n" in leaf
    assert statements.parse(leaf).statement.body == hello
    take(log, leaf)
    refuse(log, world.leaf(hello, BRAVO), NotPermittedError, "'bravo' makes no greet statement about 'acme'")
    take(log, world.leaf(hello, ALICE))
    refuse(log, world.leaf(hello, Identity.of(ADMIN, "bob"), ACME)[:-20], MalformedError, "")
    with pytest.raises(MalformedError):
        statements.parse(leaf.replace(b"id acme", b"id AC"))
    assert drafts.compose("greet", {"id": ["acme"], "reason": ["birthday"]}) == hello
    draft = Drafter(world.origin, ALICE.id, world.clock, world.entropy).draft(hello)
    assert describe.describe(draft.statement)[0] == "Greet acme."
    charter = log.state.charter()
    assert charter is not None
    assert describe.needed(draft.statement, charter) == 1


def test_a_kind_without_an_effect_is_no_kind() -> None:
    @dataclass(frozen=True, slots=True)
    class Half(Body):
        """A kind that says nothing of its effect."""

        kind: ClassVar[str] = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]  # what the test is about


@pytest.mark.parametrize("stance", [Stance.ENDORSE, Stance.DISPUTE])
def test_only_seen_says_replace(world: World, stance: Stance) -> None:
    with pytest.raises(MalformedError, match="only the stance seen") as caught:
        world.leaf(GiveOpinion(7, stance, replace=True), ACME)
    assert caught.value.details["field"] == "replace"
    seen = world.leaf(GiveOpinion(7, Stance.SEEN, "again", replace=True), ACME)
    assert b"\nstance seen\nreason again\nreplace yes\n" in seen
    with pytest.raises(MalformedError, match="only the stance seen"):
        statements.parse(seen.replace(b"stance seen", b"stance " + stance.value.encode()))
    for line in (b"replace no", b"replace", b"replace  yes", b"replace yes\nreplace yes", b"replace Yes"):
        with pytest.raises(MalformedError):
            statements.parse(seen.replace(b"replace yes", line))
