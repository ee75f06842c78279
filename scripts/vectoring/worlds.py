"""The beginnings of logs: founded, with a policy, with members and their keys."""

from __future__ import annotations

from collections.abc import Sequence

from vectoring.writing import ADMINS, DAY, Trial, digest, key_id, public


def admins(*names: str) -> list[str]:
    """The lines of administrators."""
    return [f"admin {name.partition('#')[0]} {public(f'admin/{name}')}" for name in names]


def office(threshold: int, *names: str, logs: Sequence[str] = ("log/one",)) -> list[str]:
    """The lines of a genesis or, after its version, of a root."""
    return [*admins(*names), f"threshold {threshold}", *(f"log-key {public(log)}" for log in logs)]


def founded(name: str, says: str) -> Trial:
    """A log of two administrators who both sign."""
    trial = Trial(name, says)
    trial.ok("genesis", *office(2, "alice", "bob"))
    return trial


def policy(trial: Trial, version: int, *lines: str, labels: Sequence[str] = ("hate", "ncii", "other")) -> int:
    """A policy."""
    return trial.ok("policy", f"version {version}", *(f"label {label}" for label in labels), *lines)


def member(trial: Trial, name: str, *roles: str) -> int:
    """A member."""
    return trial.ok("member-enrol", f"id {name}", *(f"role {role}" for role in roles))


def key_lines(who: str, expires: int) -> list[str]:
    """The lines name and public of a new key, and its end after what stands between."""
    name = who.partition("/")[2].partition("#")[0]
    return [f"name {name}", f"public {public(who)}", f"expires {expires}"]


def enrolment(trial: Trial, who: str, use: str = "sign", life: int = 300 * DAY) -> list[str]:
    """The lines of a key's enrolment."""
    name, raw, expires = key_lines(who, trial.now + life)
    return [f"id {who.partition('/')[0]}", name, raw, f"use {use}", expires]


def key(trial: Trial, who: str, use: str = "sign", life: int = 300 * DAY) -> int:
    """A key by administrators."""
    return trial.ok("key-enrol", *enrolment(trial, who, use, life), by=(*ADMINS, who))


def rotation(trial: Trial, old: str, new: str, overlap: int = 0, life: int = 300 * DAY) -> list[str]:
    """The lines of a replacement."""
    return [f"old {key_id(old)}", *key_lines(new, trial.now + life), f"overlap {overlap}"]


def rotate(  # noqa: PLR0913 - what a replacement is made of
    trial: Trial, old: str, new: str, overlap: int = 0, *, by: str | None = None, time: int | None = None
) -> int:
    """A key in the place of another, by that one or by ``by``."""
    lines = rotation(trial, old, new, overlap)
    if time is not None:
        lines[3] = f"expires {time + 300 * DAY}"
    return trial.ok("key-rotate", *lines, by=(old if by is None else by, new), time=time)


def revocation(target: str, cutoff: int) -> list[str]:
    """The lines of a revocation."""
    return [f"id {target.partition('/')[0]}", f"target {key_id(target)}", f"cutoff {cutoff}", "reason stolen"]


def suspension(target: str) -> list[str]:
    """The lines of a key's suspension or its end."""
    return [f"id {target.partition('/')[0]}", f"target {key_id(target)}", "reason care"]


def submission(label: str = "other", item: str = "one", *more: str) -> list[str]:
    """The lines of a submission by guideline."""
    return [f"label {label}", "basis guideline", *more, "removed 1800000000", f"item {digest(item)}"]


def submit(trial: Trial, by: str, label: str = "other", item: str = "one", time: int | None = None) -> int:
    """A submission."""
    return trial.ok("submit", *submission(label, item), by=by, time=time)


def lawful(authority: str, label: str = "other") -> list[str]:
    """The lines of a submission by law."""
    return [
        f"label {label}",
        "basis law",
        f"authority {authority}",
        "article art-16",
        "jurisdiction VN",
        "removed 1800000000",
        f"item {digest('law')}",
    ]


def contact(trial: Trial, by: str, point: str = "notices", life: int = 300 * DAY) -> int:
    """A contact point that is valid from its statement on."""
    return trial.ok("contact", *contact_lines(point, trial.now, trial.now + life), by=by)


def contact_lines(point: str, start: int, end: int) -> list[str]:
    """The lines of a contact point."""
    return [
        f"point {point}",
        f"from {start}",
        f"to {end}",
        "language vi",
        "hours always",
        f"words {digest(point)}",
    ]


def notice(to: Sequence[str], *, about: str = "", label: str = "other", clock: str = "code") -> list[str]:
    """The lines of a notice about items, or about an entry by the line ``about``."""
    return [
        *(f"to {each}" for each in to),
        *([about] if about else []),
        f"label {label}",
        "basis guideline",
        "channel flagger",
        f"clock {clock}",
        *([] if about else [f"item {digest('sought')}"]),
        f"words {digest('notice')}",
    ]


def decided(index: int, outcome: str = "kept") -> list[str]:
    """The lines of a decision by which nothing is done."""
    return [f"notice {index}", f"outcome {outcome}", "guidelines no-breach", "law not-judged"]


def town(name: str = "", says: str = "") -> Trial:
    """A log with a policy, five members and their keys: who most vectors are about."""
    trial = founded(name, says)
    policy(trial, 1, "priority ncii vulnerable", "panel acme", "panel beta", "panel city", "quorum 2")
    member(trial, "acme", "check", "contribute")
    member(trial, "beta", "contribute")
    member(trial, "city", "authority")
    member(trial, "ngo", "notify", "represent")
    for who in ("acme/k1", "beta/k1", "city/k1", "ngo/k1"):
        key(trial, who)
    key(trial, "acme/safe", "recovery")
    return trial
