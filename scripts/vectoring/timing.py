"""Logs about time: the moment, when keys begin and end, and mending."""

from __future__ import annotations

from collections.abc import Iterator

from vectoring.worlds import (
    enrolment,
    key,
    member,
    policy,
    rotate,
    rotation,
    submission,
    submit,
    town,
)
from vectoring.writing import ADMINS, DAY, Group, Trial, group, key_id

SPAN = 1200


def times() -> Group:
    """The moment."""
    prelude = town()
    return group("time", "The moment, and the times of keys.", prelude, list(_times(prelude)))


def _train(trial: Trial, by: str, time: int) -> int:
    return trial.ok("training", "topic law", "month 2027-01", "heads 1-9", by=by, time=time)


def _times(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork("moment", "The later of its own time and the lower median of the signers' times.")
    base = one.now
    one.ok(
        "training",
        "topic law",
        "month 2027-01",
        "heads 1-9",
        by="acme/k1",
        time=base + 100,
        why="two signers: the earlier is the log's moment",
    )
    _train(one, "beta/k1", base + 300)
    _train(one, "city/k1", base + 200)
    _train(one, "ngo/k1", base + 50)
    _train(one, "acme/k1", base)
    _train(one, "beta/k1", base)
    _train(one, "acme/k1", base + 150)
    yield one

    one = prelude.fork("signers-11", "Of 12 signers the one that was silent for the longest is dropped.")
    names = [f"m{number:02}" for number in range(12)]
    for name in names:
        member(one, name, "check")
        key(one, f"{name}/k1")
    base = one.now
    for number, name in enumerate(names):
        _train(one, f"{name}/k1", base + 100 * number)
    _train(one, "m00/k1", base)
    _train(one, "m05/k1", base)
    yield one

    one = prelude.fork("dated-ahead", "A statement dated ahead spoils its own key only.")
    far = one.now + 400 * DAY
    one.no("the key has expired by then", "submit", *submission(), by="acme/k1", time=far)
    _train(one, "acme/k1", one.now + 200 * DAY)
    one.at = one.at - 200 * DAY
    submit(one, "beta/k1")
    submit(one, "acme/k1")
    yield one

    one = prelude.fork("dated-back", "What is dated before the log's moment counts as made at it.")
    late = one.now + 299 * DAY
    for who in ("acme/k1", "beta/k1", "city/k1"):
        _train(one, who, late)
    one.ok("submit", *submission(), by="acme/k1", time=late - 100 * DAY)
    for who in ("acme/k1", "beta/k1", "city/k1"):
        key(one, who.replace("k1", "k2"), life=600 * DAY - 299 * DAY)
    yield one

    one = prelude.fork("key-expires", "A key signs before its end; for 30 days more it replaces itself.")
    key(one, "acme/k2", life=DAY)
    ends = one.at + DAY
    submit(one, "acme/k2", time=ends - 1)
    one.no("it has expired", "submit", *submission("other", "two"), by="acme/k2", time=ends)
    one.at = ends + 30 * DAY - 1 - 60
    one.no(
        "30 days are over",
        "key-rotate",
        *rotation(one, "acme/k2", "acme/k3"),
        by=("acme/k2", "acme/k3"),
        time=ends + 30 * DAY,
    )
    one.ok("key-rotate", *rotation(one, "acme/k2", "acme/k3"), by=("acme/k2", "acme/k3"))
    submit(one, "acme/k3", item="three")
    yield one

    one = prelude.fork("recovery-expires", "An expired recovery key replaces itself and no other key.")
    key(one, "acme/safe2", "recovery", life=DAY)
    one.at += 2 * DAY
    one.no("another key", "key-rotate", *rotation(one, "acme/k1", "acme/k3"), by=("acme/safe2", "acme/k3"))
    rotate(one, "acme/safe2", "acme/safe3")
    rotate(one, "acme/k1", "acme/k3", by="acme/safe3")
    yield one

    one = prelude.fork("key-begins", "Without a delay a key begins 20 minutes before its enrolment's moment.")
    key(one, "acme/k2")
    begun = one.at
    for who in ("beta/k1", "city/k1"):
        _train(one, who, begun - SPAN - 100)
    one.no("a second too early", "submit", *submission(), by="acme/k2", time=begun - SPAN - 1)
    one.ok("submit", *submission(), by="acme/k2", time=begun - SPAN)
    rotate(one, "acme/k2", "acme/k3", time=begun)
    one.no("a second too early", "submit", *submission(), by="acme/k3", time=begun - SPAN - 1)
    one.ok("submit", *submission(), by="acme/k3", time=begun - SPAN)
    yield one

    one = prelude.fork("key-delay", "With the policy's delay an enrolled key waits; a replacement does not.")
    policy(one, 2, "key-delay 3600")
    key(one, "acme/k2")
    begins = one.at + 3600
    one.no("it has not begun", "submit", *submission(), by="acme/k2", time=begins - 1)
    rotate(one, "acme/k1", "acme/k3")
    submit(one, "acme/k3", item="two")
    submit(one, "acme/k2", time=begins)
    policy(one, 3)
    key(one, "acme/k4")
    submit(one, "acme/k4", item="four")
    yield one

    yield from _mending(prelude)


def _mending(prelude: Trial) -> Iterator[Trial]:
    one = prelude.fork(
        "clock-mend", "No time before it stays later than its own; statements stand as before."
    )
    now = one.now
    far = now + 280 * DAY
    for who in ("acme/k1", "beta/k1", "city/k1", "ngo/k1"):
        _train(one, who, far)
    one.no(
        "a key may live 366 days from the moment",
        "key-enrol",
        *enrolment(one, "acme/k2", life=700 * DAY),
        by=(*ADMINS, "acme/k2"),
        time=now,
    )
    one.no("one administrator of two", "clock-mend", "reason clock", by="admin/alice", time=now)
    one.ok("clock-mend", "reason clock", time=now)
    submit(one, "acme/k1", time=now + 60)
    key(one, "acme/k2")
    one.no(
        "too long from the moment as it is now",
        "key-enrol",
        *enrolment(one, "acme/k3", life=367 * DAY),
        by=(*ADMINS, "acme/k3"),
    )
    yield one

    one = prelude.fork(
        "clock-mend-keys", "Keys that begin later than its moment begin as if it enrolled them."
    )
    now = one.now
    key(one, "acme/soon", life=10 * DAY)
    policy(one, 2, "key-delay 3600")
    one.at = now + 100 * DAY
    rotate(one, "acme/k1", "acme/k2")
    key(one, "acme/late")
    policy(one, 3, "key-delay 7200")
    one.ok("clock-mend", "reason clock", time=now + 2000, why="late waits 7200, k2 begins 20 minutes before")
    mended = one.at
    one.no("a second too early", "submit", *submission(), by="acme/late", time=mended + 7199)
    one.ok("submit", *submission(), by="acme/k2", time=mended - SPAN)
    submit(one, "acme/late", item="two", time=mended + 7200)
    yield one

    one = prelude.fork(
        "clock-mend-later", "A key that begins by its moment, or sooner than a new one, is left."
    )
    key(one, "acme/k2")
    begins = one.at - SPAN
    policy(one, 2, "key-delay 3600")
    key(one, "acme/k3")
    one.ok("clock-mend", "reason clock", time=begins + 600, why="k2 begins before it, by 600 seconds")
    one.no("as before", "submit", *submission(), by="acme/k2", time=begins - 1)
    one.ok("submit", *submission(), by="acme/k2", time=begins)
    one.ok("clock-mend", "reason clock", time=begins, why="at the very moment")
    policy(one, 3, "key-delay 2592000")
    one.ok("clock-mend", "reason clock", time=begins + 60, why="k3 would wait longer")
    yield one

    one = prelude.fork("clock-mend-at-begin", "A key that begins at the very moment of the mend begins then.")
    key(one, "acme/k2")
    one.ok("clock-mend", "reason clock", time=one.at - SPAN)
    yield one

    one = prelude.fork(
        "clock-mend-without-delay", "Without a delay a waiting key begins 20 minutes before it."
    )
    policy(one, 2, "key-delay 360000")
    key(one, "acme/k2")
    policy(one, 3)
    one.ok("clock-mend", "reason clock")
    one.ok("submit", *submission(), by="acme/k2", time=one.at - SPAN)
    one.no(
        "replaced by itself only",
        "key-rotate",
        f"old {key_id('acme/k1')}",
        "name k3",
        *rotation(one, "acme/k1", "acme/k3")[2:],
        by=("acme/k2", "acme/k3"),
    )
    yield one
