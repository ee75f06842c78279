"""What is known to be harmless: said of matches, left out of them, and refused as entries."""

from __future__ import annotations

import pytest
from builders import LABELS, Identity, check_log, fingerprint, near
from checking import BASE, House
from hypothesis import given, settings
from hypothesis import strategies as st
from leaves import leaf_after

from hashpact.audit.findable import unlike_the_log
from hashpact.domain.checks import Filter, Match, NearBenign, Query
from hashpact.domain.fingerprints import MINHASH, PDQ, PHASH, SHA256, Fingerprint, Measure
from hashpact.domain.kinds import Policy
from hashpact.domain.matching.batches import Batch, Packed
from hashpact.domain.messages import PolicyDetail
from hashpact.domain.state import Basis, Charter, Stance
from hashpact.errors import ConflictError, NotPermittedError, UnknownLabelError
from hashpact.lookup import catalog
from hashpact.service.follow import Follower, item_ids
from hashpact.wire.evidence import policy_from_wire, policy_to_wire

PICTURE = fingerprint(PHASH, "picture")
CEILINGS = (("hate", ("pdq/1", 8)), ("hate", ("phash/1", 1)))
WITHOUT = Filter(without_benign=True)


@pytest.fixture(params=[catalog.FEW, -1], ids=["one by one", "in arrays"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog has one way for few hits and another for many, which answer the same."""
    monkeypatch.setattr(catalog, "FEW", request.param)


def town(*, mark: bool = True) -> House:
    """A clearinghouse in which bravo may say what is benign."""
    house = House(refuses=True)
    house.decree(benign_by=("bravo",), mark_benign=mark)
    return house


def harmless(house: House, *shared: Fingerprint, by: str = "bravo", label: str = "meme") -> int:
    """Say that this is benign; the entry's index."""
    return house.share(*shared, by=by, label=label, basis=Basis.BENIGN)


def said(house: House, *asked: Query | Fingerprint, narrow: Filter | None = None) -> list[object]:
    """Of each match its entry, and what is benign."""
    return [(match.entry, match.benign) for match in house.ask(*asked, narrow=narrow).matches]


@pytest.mark.usefixtures("few")
def test_a_match_says_what_harmless_is_as_near_and_a_filter_drops_it() -> None:
    house = town()
    near_one, far_one = house.share(near(BASE, 2)), house.share(near(BASE, 9))
    assert said(house, BASE) == [(near_one, None), (far_one, None)]
    meme = harmless(house, near(BASE, 5))
    assert said(house, BASE) == [(near_one, None), (far_one, NearBenign(meme, 5))]
    assert said(house, BASE, narrow=WITHOUT) == [(near_one, None)]
    same = harmless(house, near(BASE, 2))
    assert said(house, BASE) == [(near_one, NearBenign(same, 2)), (far_one, NearBenign(same, 2))]
    assert said(house, BASE, narrow=WITHOUT) == []
    check_log(house.ledger)


def test_what_is_harmless_never_matches_itself() -> None:
    house = town()
    harmless(house, BASE)
    assert said(house, BASE) == []


@pytest.mark.parametrize("end", ["withdrawn", "disputed", "voided", "revoked"])
@pytest.mark.usefixtures("few")
def test_it_counts_while_it_stands_and_nobody_disputes_it(end: str) -> None:
    house = town()
    entry, meme = house.share(near(BASE, 9)), harmless(house, near(BASE, 3))
    second = harmless(house, near(BASE, 4), label="logo")
    assert said(house, BASE) == [(entry, NearBenign(meme, 3))]
    match end:
        case "withdrawn":
            house.withdraw(meme, "bravo")
        case "disputed":
            house.say(meme, Stance.DISPUTE, "carol")
        case "voided":
            house.strike(meme)
        case _:
            house.revoke("bravo", meme)
    assert said(house, BASE) == [(entry, None if end == "revoked" else NearBenign(second, 4))]
    if end == "disputed":
        house.say(second, Stance.DISPUTE, "delta")
        assert said(house, BASE, narrow=WITHOUT) == [(entry, None)]


def test_a_crowd_that_does_not_count_hides_none_that_does() -> None:
    house = town()
    entry = house.share(near(BASE, 9))
    crowd = [harmless(house, near(BASE, 1)) for _ in range(70)]
    meme = harmless(house, near(BASE, 2))
    for one in crowd:
        house.say(one, Stance.DISPUTE, "carol")
    assert said(house, BASE) == [(entry, NearBenign(meme, 2))]


def test_each_type_is_judged_by_its_own_measure() -> None:
    house = town()
    exact, text = fingerprint(SHA256, "file"), fingerprint(MINHASH, "text")
    entry = house.share(exact, text, fingerprint(PHASH, "picture"))
    form = harmless(house, exact, text, label="form")
    assert said(house, exact) == [(entry, NearBenign(form, 0))]
    assert said(house, text) == [(entry, NearBenign(form, 1))]
    assert said(house, fingerprint(PHASH, "picture")) == [(entry, None)]


def test_a_batch_says_the_same() -> None:
    house = town()
    house.share(near(BASE, 9))
    meme = harmless(house, near(BASE, 3))
    other = house.share(fingerprint(PDQ, "other"))
    packed = Packed(PDQ, BASE.value + fingerprint(PDQ, "other").value)
    size = house.ledger.head().size

    def answer(narrow: Filter) -> list[tuple[int, NearBenign | None]]:
        batch = Batch((packed,), narrow, min_position=size)
        return [(match.query, match.benign) for match in house.checker.check_batch(batch).matches]

    assert answer(Filter()) == [(0, NearBenign(meme, 3)), (1, None)]
    assert answer(WITHOUT) == [(1, None)]
    assert other


def test_a_submission_near_something_harmless_is_refused_unless_the_policy_marks_it() -> None:
    house = town(mark=False)
    meme = harmless(house, BASE)
    house.ask(BASE)  # the index has followed
    with pytest.raises(ConflictError, match=f"near entry {meme}, which is stated to be benign") as refused:
        house.share(fingerprint(PDQ, "other"), near(BASE, 31))
    assert refused.value.details["entry"] == str(meme)
    assert house.share(near(BASE, 32)), "one bit further"
    assert harmless(house, near(BASE, 1), label="logo"), "what is benign may be near what is"
    house.say(meme, Stance.DISPUTE, "carol")
    with pytest.raises(ConflictError):
        house.share(near(BASE, 30))
    house.decree(benign_by=("bravo",), mark_benign=True)
    assert house.share(near(BASE, 30))


def test_only_whom_the_policy_names_says_what_is_harmless_and_of_which_category() -> None:
    house = town()
    with pytest.raises(NotPermittedError, match="names no 'acme' in a line benign-by"):
        harmless(house, BASE, by="acme")
    with pytest.raises(UnknownLabelError, match="unknown label 'ncii'; known are avatar, form"):
        harmless(house, BASE, label="ncii")


def test_an_index_made_anew_knows_what_is_harmless() -> None:
    house = town()
    entry, meme = house.share(near(BASE, 9)), harmless(house, near(BASE, 3))
    house.ask(BASE)
    fresh = House(house.world, house.ledger, founded=True)
    assert isinstance(fresh.follower, Follower)
    assert said(fresh, BASE) == [(entry, NearBenign(meme, 3))]


def test_an_audit_of_an_index_finds_what_is_harmless_in_its_place() -> None:
    house = town()
    entry, meme = house.share(near(BASE, 9)), harmless(house, near(BASE, 3))
    size = house.follower.catch_up()
    assert list(unlike_the_log(house.ledger, house.index, size)) == []
    ids = [item_ids(one)[0] for one in (entry, meme)]
    house.index.remove(ids)
    house.index.add([(ids[0], near(BASE, 9))], benign=True)
    house.index.add([(ids[1], near(BASE, 3))])
    wrong = [number for number, _ in unlike_the_log(house.ledger, house.index, size)]
    assert wrong == [entry, meme, None]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 31), st.integers(0, 3)), max_size=12), st.integers(1, 4)
)
def test_the_answer_is_that_of_comparing_with_everything(
    made: list[tuple[bool, int, int]], limit: int
) -> None:
    """Entries and benign ones at any distances; some are disputed."""
    house = town()
    entries: list[tuple[int, int]] = []
    known: list[tuple[int, int]] = []
    for is_benign, apart, disputes in made:
        shared = near(BASE, apart)
        index = harmless(house, shared) if is_benign else house.share(shared)
        if not is_benign:
            entries.append((apart, index))
        elif disputes:
            known.append((apart, index))
        else:
            house.say(index, Stance.DISPUTE, "carol")
    nearest = min(known, default=None)

    def benign(apart: int) -> NearBenign | None:
        return NearBenign(nearest[1], nearest[0]) if nearest is not None and nearest[0] <= apart else None

    expected = [(index, benign(apart)) for apart, index in sorted(entries)]
    answer = house.ask(BASE, limit=limit).matches
    assert [(match.entry, match.benign) for match in answer] == expected[:limit]
    kept = [index for index, found in expected if found is None][:limit]
    assert house.entries(BASE, narrow=WITHOUT, limit=limit) == kept


def test_a_ceiling_of_a_label_bounds_its_matches_from_the_policy_on() -> None:
    house = town()
    strict, other = house.share(near(BASE, 9)), house.share(near(BASE, 9), label="hate")
    assert house.entries(BASE) == [strict, other]
    house.decree(ceilings=(("ncii", ("pdq/1", 8)), ("ncii", ("phash/1", 1))))
    assert house.entries(BASE) == [other]
    assert house.entries(near(BASE, 1)) == [strict, other], "8 bits away"
    house.decree(ceilings=(("hate", ("pdq/1", 3)), ("ncii", ("pdq/1", 9))))
    assert house.entries(BASE) == [strict]
    house.decree()
    assert house.entries(BASE) == [strict, other]


def test_a_policy_that_breaks_a_rule_bounds_no_matches() -> None:
    """A log may have it, if its operator lies; a mirror keeps it as a leaf of no member."""
    house = town()
    entry = house.share(near(BASE, 9))
    forged = Policy(3, LABELS, ceilings=(("ncii", ("pdq/1", 0)),))
    with house.ledger.begin() as transaction:
        head = house.ledger.head()
        data = house.world.leaf(forged, Identity.of("acme"))
        transaction.append(leaf_after(head, data, "", head.size.to_bytes(16)), (), ())
    assert house.entries(BASE) == [entry]
    assert house.ask(BASE).texts is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 31), st.sampled_from(("fraud", "hate", "ncii"))), max_size=40),
    st.dictionaries(st.sampled_from(("hate", "ncii")), st.integers(0, 31)),
    st.integers(1, 5),
)
def test_ceilings_answer_as_comparing_with_everything(
    made: list[tuple[int, str]], most: dict[str, int], limit: int
) -> None:
    house = town()
    house.decree(ceilings=tuple(sorted((label, ("pdq/1", bits)) for label, bits in most.items())))
    shared = [(apart, house.share(near(BASE, apart), label=label), label) for apart, label in made]
    kept = [index for apart, index, label in sorted(shared) if apart <= most.get(label, 31)]
    assert house.entries(BASE, limit=limit) == kept[:limit]


def test_the_strictest_of_an_entrys_labels_counts() -> None:
    match = Match(1, "pdq/1", Measure.HAMMING, 1, ("a",), "law", (), "acme", 0, 0, 0)
    assert match.benign is None
    house = town()
    terms = house.decree(ceilings=(("hate", ("pdq/1", 5)), ("ncii", ("pdq/1", 3))))
    assert terms.ceiling(("hate", "ncii"), "pdq/1") == 3
    assert terms.ceiling(("hate",), "phash/1") is None


def test_a_graded_match_says_what_speaks_against_it() -> None:
    house = town()
    house.share(PICTURE, near(BASE, 125))
    meme = harmless(house, near(PICTURE, 1))
    asked = (near(PICTURE, 1), BASE)
    graded = house.ask(*asked).graded([Query(one) for one in asked])
    (match,) = graded.matches
    assert match.reason.endswith(
        f"Entry {meme}, which is known to be harmless, is as near or nearer. "
        "But by pdq/1 the two differ in 125 bits, as unrelated pictures do."
    )


def test_people_read_what_a_policy_states_about_matches() -> None:
    before = Policy(1, ("hate",), benign_by=("acme", "bravo"), mark_benign=True)
    assert before.describe()[-2:] == [
        "acme, bravo may say what is benign.",
        "Submissions near something benign are taken, and their matches say so.",
    ]
    after = Policy(2, ("hate",), ceilings=(("hate", ("phash/1", 4)),))
    assert after.describe()[-1] == "An entry with the label hate matches by phash/1 within 4 bits."
    charter = Charter("test.example/log", (), 1, (), 1, ("hate",), matching=before.matching)
    assert after.changes(charter)[-2:] == [f"Until now: {line}" for line in before.describe()[-2:]]


def test_a_policy_comes_back_from_the_wire() -> None:
    matching = Policy(1, ("hate",), benign_by=("acme",), mark_benign=True, ceilings=CEILINGS).matching
    sent = PolicyDetail(1, ("hate",), 0, matching=matching)
    assert policy_from_wire(policy_to_wire(sent)).matching == matching
