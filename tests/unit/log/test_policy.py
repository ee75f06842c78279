"""Witness policies: the published form, what is none, and quorums against a plain oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from builders import NOW, ORIGIN, Identity, seeded
from hypothesis import given, settings
from hypothesis import strategies as st

from hashpact.domain import keys
from hashpact.errors import MalformedError, QuorumError
from hashpact.log import checkpoint, cosignature, note, policy
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import ED25519, Witness
from hashpact.log.policy import WitnessPolicy

NAMES = ("north", "south", "east", "west", "middle")
PEOPLE = {name: Identity.of(f"witness.example/{name}") for name in NAMES}
WITNESSES = {name: Witness(f"witness.example/{name}", PEOPLE[name].public) for name in NAMES}
LOG = note.verifier_key(ORIGIN, Identity.of("log").public)
TEXT = Checkpoint(ORIGIN, 7, seeded("root")).text()

EXAMPLE = f"""# Comments, empty lines and tabs are passed over.

log {LOG}
log {note.verifier_key("other.example/log", Identity.of("other log").public)} https://other.example/
witness N\t {WITNESSES["north"].key}
witness S {WITNESSES["south"].key} https://witness.example/south
witness \xc3 {WITNESSES["east"].key}
group poles  any N S
group both all poles \xc3
quorum both
""".encode("latin-1")


def opened(times: Mapping[str, int]) -> note.Note:
    """The checkpoint with the cosignatures of these witnesses, each of its time."""
    lines = [
        cosignature.sign(TEXT, WITNESSES[name], time, PEOPLE[name].private.sign)
        for name, time in times.items()
    ]
    return note.parse(note.join(TEXT, [note.signature_line(ORIGIN, bytes(32), bytes(64)), *lines]), 1 << 16)


def test_a_policy_is_read_and_written() -> None:
    read = policy.parse(EXAMPLE)
    assert [one.origin for one in read.logs] == [ORIGIN, "other.example/log"]
    assert list(read.witnesses) == [b"N", b"S", b"\xc3"]
    assert read.groups[b"poles"] == policy.WitnessGroup(1, (b"N", b"S"))
    assert read.groups[b"both"] == policy.WitnessGroup(2, (b"poles", b"\xc3"))
    assert read.quorum == b"both"
    assert policy.parse(read.data()) == read


def test_a_quorum_of_groups_has_the_newest_time_at_which_it_was_met() -> None:
    read = policy.parse(EXAMPLE)
    assert read.cosigned(opened({"north": NOW, "east": NOW + 5}), keys.verify) == NOW
    assert read.cosigned(opened({"north": NOW, "south": NOW + 9, "east": NOW + 5}), keys.verify) == NOW + 5
    with pytest.raises(QuorumError, match=r"cosignatures of witness.example/north, and not of") as caught:
        read.cosigned(opened({"north": NOW, "west": NOW}), keys.verify)
    assert caught.value.details["missing"] == "witness.example/east witness.example/south"


def test_none_wants_no_witness() -> None:
    assert policy.parse(b"quorum none\n").cosigned(opened({}), keys.verify) is None
    assert WitnessPolicy.threshold((), 0) == WitnessPolicy()
    assert policy.parse(WitnessPolicy().data()) == WitnessPolicy()


def test_a_forged_cosignature_is_named_even_if_the_others_are_enough() -> None:
    read = policy.parse(EXAMPLE)
    forged = cosignature.sign(TEXT, WITNESSES["south"], NOW, PEOPLE["west"].private.sign)
    whole = opened({"north": NOW, "east": NOW})
    data = note.join(TEXT, [note.signature_line(ORIGIN, bytes(32), bytes(64)), forged])
    with pytest.raises(QuorumError, match=r"'witness.example/south' does not") as caught:
        read.cosigned(note.parse(data, 1 << 16), keys.verify)
    assert caught.value.details["witness"] == "witness.example/south"
    assert read.cosigned(whole, keys.verify) == NOW


def test_two_keys_of_one_name_are_one_witness() -> None:
    other = Witness(WITNESSES["north"].name, PEOPLE["middle"].public)
    two = WitnessPolicy.threshold((WITNESSES["north"], other, WITNESSES["south"]), 2)
    assert policy.parse(two.data()) == two
    by_both = [
        cosignature.sign(TEXT, witness, NOW, PEOPLE[name].private.sign)
        for witness, name in ((WITNESSES["north"], "north"), (other, "middle"))
    ]
    with pytest.raises(QuorumError):
        two.cosigned(note.parse(note.join(TEXT, by_both), 1 << 16), keys.verify)
    south = cosignature.sign(TEXT, WITNESSES["south"], NOW, PEOPLE["south"].private.sign)
    assert two.cosigned(note.parse(note.join(TEXT, [by_both[1], south]), 1 << 16), keys.verify) == NOW


def test_the_oldest_of_several_policies_counts() -> None:
    one, other = (WitnessPolicy.threshold((WITNESSES[name],), 1) for name in ("north", "south"))
    both = opened({"north": NOW, "south": NOW + 7})
    assert policy.strictest((one, other, WitnessPolicy()), both, keys.verify) == NOW
    assert policy.strictest((WitnessPolicy(),), both, keys.verify) is None


KEY = {name: witness.key.encode() for name, witness in WITNESSES.items()}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no quorum line"),
        (b"log " + LOG.encode() + b"\n", "no quorum line"),
        (b"quorum none", "line 1: want a newline"),
        (b"quorum none\r\n", "line 1: a control character"),
        (b"quorum none\nquorum none\n", "line 2: a second quorum line"),
        (b"quorum\n", "line 1: want log, witness, group or quorum"),
        (b"quorum all N\n", "line 1: want log, witness, group or quorum"),
        (b"quorum N\n", "line 1: names a witness or group that no line before it"),
        (b"quorum N\nwitness N " + KEY["north"] + b"\n", "line 1: names a witness or group"),
        (b"witness N " + KEY["north"] + b"\ngroup G any N M\nquorum G\n", "line 2: names a witness or group"),
        (b"witness N\n", "line 1: want log, witness"),
        (b"witness N " + LOG.encode() + b"\n", "line 1: .* no key for cosignatures"),
        (b"witness none " + KEY["north"] + b"\n", "line 1: the name is taken"),
        (b"witness N " + KEY["north"] + b"\nwitness N " + KEY["south"] + b"\n", "line 2: the name is taken"),
        (
            b"witness N " + KEY["north"] + b"\nwitness S " + KEY["north"] + b"\n",
            "line 2: another witness has",
        ),
        (b"witness N " + KEY["north"] + b"\ngroup N any N\n", "line 2: the name is taken"),
        (b"witness N " + KEY["north"] + b"\ngroup G any N N\n", "line 2: each name is a member of one group"),
        (b"witness N " + KEY["north"] + b"\ngroup G 0 N\n", "line 2: a group wants all, any"),
        (b"witness N " + KEY["north"] + b"\ngroup G 2 N\n", "line 2: .*from 1 to 1 of"),
        (b"witness N " + KEY["north"] + b"\ngroup G 01 N\n", "line 2: .*from 1 to 1 of"),
        (b"witness N " + KEY["north"] + b"\ngroup G any\n", "line 2: want log"),
        (b"log " + LOG.encode() + b"\nlog " + LOG.encode() + b"\n", "line 2: another log has the same"),
        (b"log " + KEY["north"] + b"\n", "line 1: the key of a log is of type"),
        (b"log \xff\n", "line 1: not a verifier key"),
        (b"#" * (policy.MAX_SIZE + 1), "the limit is 1048576"),
        (b"Log " + LOG.encode() + b"\n", "line 1: want log"),
    ],
)
def test_what_is_no_policy_is_refused_by_its_line(data: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        policy.parse(data)


@pytest.mark.parametrize("what", ["log", "witness", "group"])
def test_there_is_room_for_128_of_each_and_no_more(what: str) -> None:
    def line(number: int) -> bytes:
        public = Identity.of(f"{what} {number}").public
        if what == "log":
            return f"log {note.verifier_key(f'log.example/{number}', public)}\n".encode()
        witness = f"witness w{number} {note.verifier_key('w.example', public, ED25519)}\n".encode()
        return witness if what == "witness" else b"group g%d any %s\n" % (number, name(number))

    def name(number: int) -> bytes:
        return b"N" if number == 0 else b"g%d" % (number - 1)

    first = b"witness N " + KEY["north"] + b"\n" if what == "group" else b""
    lines = [line(number) for number in range(policy.MAX_NAMES + 1)]
    policy.parse(first + b"".join(lines[:-1]) + b"quorum none\n")
    with pytest.raises(MalformedError, match="more than 128"):
        policy.parse(first + b"".join(lines) + b"quorum none\n")


@st.composite
def nested(draw: Callable[..., Any], names: tuple[str, ...] = NAMES) -> Any:  # noqa: ANN401 - a nested list
    """A group as (threshold, members), each member a witness's name or a group; no name twice."""
    left, members = list(names), []
    while left:
        taken = draw(st.integers(1, len(left)))
        part, left = tuple(left[:taken]), left[taken:]
        members.append(draw(nested(part)) if 1 < taken < len(names) else part[0])
        if taken > 1 and taken == len(names):
            members += part[1:]
    return draw(st.integers(1, len(members))), members


def lines_of(group: Any, number: list[int]) -> tuple[list[bytes], bytes]:  # noqa: ANN401 - as above
    """The lines of a nested group, and its name."""
    least, members = group
    lines, names = [], []
    for member in members:
        below, name = ([], member.encode()) if isinstance(member, str) else lines_of(member, number)
        lines += below
        names.append(name)
    number[0] += 1
    name = b"g%d" % number[0]
    return [*lines, b"group %s %d %s\n" % (name, least, b" ".join(names))], name


def met(group: Any, there: set[str]) -> bool:  # noqa: ANN401 - as above
    """The oracle: whether enough members of a nested group are there."""
    least, members = group
    count = sum(one in there if isinstance(one, str) else met(one, there) for one in members)
    return bool(count >= least)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(nested(), st.dictionaries(st.sampled_from(NAMES), st.integers(NOW, NOW + 4)))
def test_quorums_are_met_as_an_oracle_says(group: Any, times: dict[str, int]) -> None:  # noqa: ANN401 - as above
    lines, name = lines_of(group, [0])
    keys_of = [b"witness %s %s\n" % (each.encode(), KEY[each]) for each in NAMES]
    read = policy.parse(b"".join([*keys_of, *lines, b"quorum ", name, b"\n"]))
    wanted = max(
        (time for time in times.values() if met(group, {one for one, at in times.items() if at >= time})),
        default=None,
    )
    if wanted is None:
        with pytest.raises(QuorumError):
            read.cosigned(opened(times), keys.verify)
    else:
        assert read.cosigned(opened(times), keys.verify) == wanted


def test_a_checkpoint_has_room_for_the_most_cosignatures() -> None:
    lines = [note.signature_line(f"witness.example/{n}", bytes(32), bytes(8 + 2420)) for n in range(15)]
    assert len(note.join(TEXT, lines)) <= checkpoint.MAX_SIZE
