"""Logs about who governs: genesis, root and policy."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring import quantum, signing, spelling, witnessing
from vectoring.worlds import admins, founded, key, member, office, policy, submission, suspension
from vectoring.writing import (
    ADMINS,
    Group,
    Trial,
    bad_line,
    digest,
    group,
    key_id,
    line_as,
    public,
)


def genesis() -> Group:
    """Leaf 0."""
    return group("genesis", "Leaf 0: who governs a log from its beginning.", None, list(_genesis()))


def _genesis() -> Iterator[Trial]:
    one = founded("genesis-two-of-two", "A genesis that both of its administrators sign.")
    one.no("a genesis is leaf 0 only", "genesis", *office(2, "alice", "bob"))
    yield one

    one = Trial("genesis-one-of-three", "One administrator is enough where the threshold is 1.")
    one.ok("genesis", *office(1, "alice", "bob", "carol", logs=("log/one", "log/two")), by="admin/carol")
    yield one

    full = [f"a{number:02}" for number in range(15)]
    one = Trial("genesis-fifteen", "The most administrators and log keys, all of whom sign.")
    logs = [f"log/{number}" for number in range(4)]
    one.ok("genesis", *office(15, *full, logs=logs), by=[f"admin/{name}" for name in full])
    one.ok("member-enrol", "id acme", "role check", by=[f"admin/{name}" for name in full])
    yield one

    wrong = [
        ("sixteen", "at most 15 administrators", office(1, *full, "a15"), ("admin/a00",)),
        ("no-administrator", "at least 1 administrator", office(1), ADMINS),
        ("five-log-keys", "at most 4 log keys", office(2, *_TWO, logs=[*logs, "log/4"]), ADMINS),
        ("no-log-key", "at least 1 log key", office(2, *_TWO, logs=()), ADMINS),
        ("threshold-0", "the threshold is at least 1", office(0, *_TWO), ADMINS),
        ("threshold-3", "the threshold is at most the number of administrators", office(3, *_TWO), ADMINS),
        ("one-signature", "fewer than the threshold sign", office(2, *_TWO), ("admin/alice",)),
        ("stranger", "the header's key is no administrator's", office(2, *_TWO), ("admin/eve", *ADMINS)),
        (
            "log-key-is-an-administrator",
            "a log key is no administrator's",
            office(2, *_TWO, logs=("admin/bob",)),
            ADMINS,
        ),
        ("log-key-twice", "a log key stands once", office(2, *_TWO, logs=("log/one", "log/one")), ADMINS),
    ]
    for name, why, lines, by in wrong:
        yield _refused(name, why, lines, by)

    key_twice = [*admins("alice"), f"admin bob {public('admin/alice')}", *office(2)]
    one = _refused("key-twice", "an administrator's key stands once", key_twice, ("admin/alice",))
    yield one
    name_twice = [*admins("alice", "alice#2"), *office(2)]
    yield _refused("name-twice", "a name stands once", name_twice, ("admin/alice", "admin/alice#2"))

    one = Trial("genesis-by-a-member", "A genesis is made by admin.")
    one.no("made by another than admin", "genesis", *office(1, "alice"), by="admin/alice", member="acme")
    one.no("there is no genesis before it", "genesis", *office(1, "alice"), by="admin/alice")
    one.no("the log has no genesis", "member-enrol", "id acme", "role check", by="admin/alice")
    yield one

    one = Trial("genesis-missing", "Leaf 0 is a genesis; without it, nothing has an effect.")
    one.no("leaf 0 is no genesis", "member-enrol", "id acme", "role check")
    one.no("a genesis is leaf 0 only", "genesis", *office(2, "alice", "bob"))
    yield one

    one = Trial("genesis-header-not-signed", "The header's key signs, besides as many as the threshold says.")
    one.no(
        "the header's key has not signed",
        "genesis",
        *office(1, "alice", "bob"),
        by="admin/bob",
        key=key_id("admin/alice"),
    )
    yield one

    one = Trial("root-of-one", "A log that was founded with the threshold 1 may keep it, or raise it.")
    one.ok("genesis", *office(1, "alice"), by="admin/alice")
    one.ok("root", "version 2", *office(1, "bob"), by=("admin/alice", "admin/bob"))
    one.ok("root", "version 3", *office(2, "bob", "carol"), by=("admin/bob", "admin/carol"))
    one.no("one of two", "member-enrol", "id acme", "role check", by="admin/bob")
    one.ok("root", "version 4", *office(1, "bob", "carol"), by=("admin/bob", "admin/carol"))
    yield one

    one = Trial("genesis-early", "A key that comes in the first 20 minutes of 1970 begins at 0.", at=0)
    one.ok("genesis", *office(2, "alice", "bob"))
    member(one, "acme", "check")
    key(one, "acme/k1")
    yield one
    yield from signing.genesis()
    yield from spelling.origins()
    yield from witnessing.genesis()
    yield from quantum.genesis()


_TWO = ("alice", "bob")


def _refused(name: str, why: str, lines: list[str], by: tuple[str, ...]) -> Trial:
    trial = Trial(f"genesis-{name}", f"Refused: {why}.")
    trial.no(why, "genesis", *lines, by=by)
    return trial


def roots() -> Group:
    """Other administrators and log keys."""
    prelude = founded("", "")
    return group(
        "root", "Administrators, threshold and log keys are replaced.", prelude, list(_roots(prelude))
    )


def _roots(prelude: Trial) -> Iterator[Trial]:
    bob_and_carol = ("version 2", *office(2, "bob", "carol", logs=("log/one", "log/two")))
    all_three = (*ADMINS, "admin/carol")

    one = prelude.fork("root-replaces", "Both thresholds sign; the one who left signs nothing any more.")
    one.ok("root", *bob_and_carol, by=all_three)
    one.no("alice is no administrator any more", "member-enrol", "id acme", "role check", by=ADMINS)
    one.no("alice does not count", "member-enrol", "id acme", "role check", by=("admin/bob", "admin/alice"))
    one.ok("member-enrol", "id acme", "role check", by=("admin/bob", "admin/carol"))
    one.no(
        "alice's key was in the log before",
        "root",
        "version 3",
        *office(2, "bob", "alice"),
        by=("admin/bob", "admin/carol", "admin/alice"),
    )
    one.ok("root", "version 3", *office(2, "bob", "carol"), by=("admin/bob", "admin/carol"))
    one.no(
        "log/two was the log's before",
        "root",
        "version 4",
        *office(2, "bob", "carol", logs=("log/two",)),
        by=("admin/bob", "admin/carol"),
    )
    yield one

    one = prelude.fork("root-version", "A version is the one before plus 1.")
    for version in (1, 3):
        one.no(f"version {version} after 1", "root", f"version {version}", *bob_and_carol[1:], by=all_three)
    one.ok("root", *bob_and_carol, by=all_three)
    one.no(
        "version 2 again", "root", "version 2", *office(2, "bob", "carol"), by=("admin/bob", "admin/carol")
    )
    yield one

    one = prelude.fork("root-signatures", "Signed by the threshold before, and by its own threshold.")
    one.no("one of the administrators before", "root", *bob_and_carol, by=("admin/bob", "admin/carol"))
    one.no("one of the new administrators", "root", *bob_and_carol, by=ADMINS)
    one.no(
        "the header's key is no administrator's before", "root", *bob_and_carol, by=("admin/carol", *ADMINS)
    )
    one.no(
        "a bad signature of a new administrator",
        "root",
        "version 2",
        *office(2, "alice", "bob", "carol"),
        extra=bad_line("admin/carol"),
    )
    one.ok("root", "version 2", *office(2, "alice", "bob", "carol"), why="a new one need not sign")
    yield one

    one = prelude.fork("root-renamed", "A renamed administrator signs under both names.")
    renamed = ("version 2", *admins("alice"), f"admin robert {public('admin/bob')}", *office(2))
    one.no("the new name has not signed", "root", *renamed)
    robert = line_as("admin/robert", "admin/bob")
    one.ok("root", *renamed, extra=robert)
    one.no("the old name signs nothing", "member-enrol", "id acme", "role check")
    one.ok("member-enrol", "id acme", "role check", by="admin/alice", extra=robert, why="the new name does")
    yield one

    one = prelude.fork("root-threshold", "At least 2, unless the genesis has 1; at most the administrators.")
    one.no("a threshold of 1", "root", "version 2", *office(1, "alice", "bob"))
    one.no("a threshold above the number", "root", "version 2", *office(3, "alice", "bob"))
    yield one

    one = prelude.fork("root-keys", "A new key stands nowhere in the log, and each key once in the root.")
    member(one, "acme", "check")
    key(one, "acme/k1")
    two = ("version 2", *admins("alice"))
    one.no(
        "a member's key as administrator",
        "root",
        *two,
        f"admin carol {public('acme/k1')}",
        *office(2),
        extra=line_as("admin/carol", "acme/k1"),
    )
    one.no("a member's key as log key", "root", "version 2", *office(2, "alice", "bob", logs=("acme/k1",)))
    one.no("the log's key as administrator", "root", *two, f"admin carol {public('log/one')}", *office(2))
    one.no(
        "the same key for both",
        "root",
        *two,
        f"admin carol {public('log/two')}",
        *office(2, logs=("log/two",)),
    )
    one.no(
        "an administrator's key as log key",
        "root",
        "version 2",
        *office(2, "alice", "carol", logs=("admin/bob",)),
        by=all_three,
    )
    one.no("an administrator twice", "root", *two, f"admin robert {public('admin/alice')}", *office(2))
    yield one


def policies() -> Group:
    """The policy."""
    prelude = founded("", "")
    return group("policy", "Labels, clocks, quotas and the panel.", prelude, list(_policies(prelude)))


def _policies(prelude: Trial) -> Iterator[Trial]:
    def refuse(trial: Trial, why: str, *lines: str) -> None:
        trial.no(why, "policy", "version 1", "label hate", "label ncii", *lines)

    one = prelude.fork(
        "policy-versions", "The first is 1, each later one the next; it replaces all of the one before."
    )
    for version in (0, 2):
        one.no(f"version {version} first", "policy", f"version {version}", "label hate")
    policy(one, 1, "key-delay 60", "tally-step 5", labels=("hate",))
    one.no("version 1 again", "policy", "version 1", "label hate")
    one.no("version 3 after 1", "policy", "version 3", "label hate")
    policy(one, 2, labels=("spam",))
    yield one

    one = prelude.fork(
        "policy-everything", "Every line that a policy may have, each at an edge of its bounds."
    )
    policy(
        one,
        1,
        "key-delay 2592000",
        "allow folded/1 ncii",
        "allow parts/1 hate",
        "private-quota 1",
        "private-quota-of acme 9223372036854775807",
        "rate check 600",
        "rate submit 1",
        "rate-of acme check 1",
        "rate-of acme submit 2",
        "rate-of beta check 3",
        "clock slow 31622400",
        "clock urgent 1",
        "priority hate slow",
        "priority ncii urgent",
        "panel acme",
        "panel beta",
        "quorum 2",
        f"texts {digest('texts')}",
        "tally-step 10",
        "benign-by acme",
        "benign-by nobody",
        "mark-benign yes",
        "ceiling hate pdq/1 31",
        "ceiling hate phash/1 0",
        "ceiling ncii phash/1 10",
        labels=("hate", "ncii"),
    )
    yield one

    one = prelude.fork(
        "policy-ceiling",
        "A ceiling is of a listed label, and of a type that bits compare, not above the type's.",
    )
    refuse(one, "a label that is not listed", "ceiling other pdq/1 1")
    for name in ("minhash/1", "parts/1", "sha256/1"):
        refuse(one, f"not compared by bits: {name}", f"ceiling hate {name} 0")
    refuse(one, "no type", "ceiling hate pdq/2 1")
    refuse(one, "above the type's: pdq/1", "ceiling hate pdq/1 32")
    refuse(one, "above the type's: phash/1", "ceiling hate phash/1 11")
    refuse(one, "mark-benign no", "mark-benign no")
    yield one

    one = prelude.fork(
        "policy-allow", "Only folded/1 and parts/1 are opt-in, and parts/1 not under every label."
    )
    refuse(one, "not opt-in", "allow pdq/1 hate")
    refuse(one, "no type", "allow folded/2 hate")
    refuse(one, "a label that is not listed", "allow folded/1 other")
    refuse(one, "never under ncii", "allow parts/1 ncii")
    for label in ("csam", "minors"):
        one.no(f"never under {label}", "policy", "version 1", f"label {label}", f"allow parts/1 {label}")
    yield one

    one = prelude.fork("policy-numbers", "The bounds of each number.")
    for line in (
        "key-delay 0",
        "key-delay 2592001",
        "private-quota 0",
        "private-quota-of acme 0",
        "rate check 0",
    ):
        refuse(one, line, line)
    for line in ("rate-of acme check 0", "clock slow 0", "clock slow 31622401", "tally-step 0"):
        refuse(one, line, line)
    one.ok("policy", "version 1", "label hate", "key-delay 1", "tally-step 1", why="the least of each")
    yield one

    one = prelude.fork("policy-once", "A member, kind, class or label stands once in each list.")
    for first, second in (
        ("private-quota-of acme 1", "private-quota-of acme 2"),
        ("rate check 1", "rate check 2"),
        ("rate-of acme check 1", "rate-of acme check 2"),
        ("clock slow 1", "clock slow 2"),
        ("priority hate code", "priority hate urgent"),
        ("ceiling hate pdq/1 1", "ceiling hate pdq/1 2"),
    ):
        refuse(one, f"{first}, {second}", first, second)
    refuse(one, "a kind that has no rate", "rate genesis 1")
    yield one

    one = prelude.fork(
        "policy-terms", "A priority is a listed label's and of a known class; a quorum goes with a panel."
    )
    refuse(one, "a label that is not listed", "priority other code")
    refuse(one, "a class that is nowhere", "priority hate slow")
    refuse(one, "a quorum without a panel", "quorum 2")
    refuse(one, "a panel without a quorum", "panel acme", "panel beta")
    refuse(one, "a quorum of 1", "panel acme", "panel beta", "quorum 1")
    refuse(one, "more than the panel", "panel acme", "panel beta", "quorum 3")
    one.ok(
        "policy",
        "version 1",
        "label hate",
        "priority hate appeal",
        "panel acme",
        "panel beta",
        "panel city",
        "quorum 3",
        why="the whole panel",
    )
    yield one

    one = prelude.fork("policy-missing", "Before the first policy there are no labels, no delay and no step.")
    member(one, "acme", "contribute")
    key(one, "acme/k1")
    one.no("no label is in the policy", "submit", *submission("other"), by="acme/k1")
    one.ok("tally", "month 2027-01", "checked 7", by="acme/k1")
    one.no(
        "no label is in the policy", "tally", "month 2027-01", "checked 7", "count hate 1 0 0", by="acme/k1"
    )
    yield one

    one = prelude.fork("policy-many", "At most 64 lines private-quota-of, and 64 clocks.")
    labels = [f"l{number:02}" for number in range(64)]
    allow = [f"allow {kind} {label}" for kind in ("folded/1", "parts/1") for label in labels]
    quotas = [f"private-quota-of m{number:02} 1" for number in range(65)]
    classes = [f"clock c{number:02} 1" for number in range(65)]
    start = ["version 1", *(f"label {label}" for label in labels)]
    one.no("65 quotas", "policy", *start, *quotas)
    one.no("65 clocks", "policy", *start, *classes)
    one.ok(
        "policy", *start, *allow, *quotas[:64], *classes[:64], why="with 128 lines allow, all that there are"
    )
    yield one

    one = prelude.fork(
        "policy-counts", "At most 64 labels, 32 members of the panel, and 64 that say what is benign."
    )
    labels = [f"l{number:02}" for number in range(65)]
    sure = [f"benign-by b{number:02}" for number in range(65)]
    one.no("65 that say what is benign", "policy", "version 1", "label hate", *sure)
    one.no("65 labels", "policy", "version 1", *(f"label {label}" for label in labels))
    one.no("no label", "policy", "version 1")
    panel = [f"panel p{number:02}" for number in range(33)]
    one.no("33 of a panel", "policy", "version 1", "label hate", *panel, "quorum 2")
    ceilings = [f"ceiling {label} {kind} 1" for label in labels[:64] for kind in ("pdq/1", "phash/1")]
    policy(one, 1, *panel[:32], "quorum 32", *sure[:64], *ceilings, labels=labels[:64])
    yield one

    one = prelude.fork(
        "policy-labels", "Entries keep the labels that they have; new ones take those in force."
    )
    policy(one, 1, labels=("hate", "other"))
    member(one, "acme", "contribute")
    key(one, "acme/k1")
    one.ok("submit", *submission("other"), by="acme/k1")
    policy(one, 2, labels=("hate",))
    one.no("the label is gone", "submit", *submission("other", "two"), by="acme/k1")
    one.ok("submit", *submission("hate", "three"), by="acme/k1")
    one.ok("key-suspend", *suspension("acme/k1"), by="admin/alice")
    yield one
