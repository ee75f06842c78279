"""The composition root of an auditor: reads a log from a home, a server or tiles, and keeps the outcome.

An audit that finds nothing wrong keeps its last checkpoint, for the next audit to extend. An audit that finds
a fault leaves that file alone and writes the evidence.
"""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from hashpact.audit.answers.canaries import Canaries, canaries
from hashpact.audit.answers.withheld import AnswerAudit
from hashpact.audit.auditor import Auditor
from hashpact.audit.deriving.fold import Folded, scratch
from hashpact.audit.findable import unlike_the_log
from hashpact.audit.findings import MAX_FINDINGS, Finding, Progress, Report
from hashpact.audit.held import HeldLog, HeldWatch
from hashpact.audit.remote import ServerSource, TileSource, tile_source
from hashpact.audit.source import Source, ledger_source
from hashpact.clock import unix_time
from hashpact.config import MAX_SIZE
from hashpact.durable import new_directory, private_directory, read_bytes, write_private, write_public
from hashpact.errors import ConfigError, HashpactError, MalformedError
from hashpact.home.opening import Home, open_copy
from hashpact.home.paths import MirrorPaths
from hashpact.keys.passphrase import Passphrases
from hashpact.log import checkpoint
from hashpact.log.policy import WitnessPolicy
from hashpact.log.tiles import CHECKPOINT
from hashpact.lookup.directory import IndexFiles
from hashpact.lookup.native import NativeIndex
from hashpact.member.clients import Client
from hashpact.member.paths import ProfilePaths
from hashpact.member.profile import Profile
from hashpact.member.trusting.answers import AnswerStore
from hashpact.service.follow import check_reflects
from hashpact.storage.published import Directory, TileCopy
from hashpact.wire.client.attempts import Pace
from hashpact.wire.client.connection import Connection
from hashpact.wire.client.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What an auditor knows beforehand, and where it keeps the outcome.

    ``genesis`` is the SHA-256 of leaf 0, None to accept any. ``last`` is the file of the checkpoint that
    was audited last, which need not exist yet; None to keep none. ``evidence`` is the directory to make if
    something is wrong. ``max_age`` and ``demands`` are as in the `Auditor`. ``held`` is what a profile holds.
    ``answers`` are kept answers to compare, for which a server must give private parts. So many ``canaries``
    are checked, drawn by the ``seed``.
    """

    evidence: Path
    genesis: bytes | None = None
    last: Path | None = None
    max_age: int | None = None
    demands: WitnessPolicy | None = None
    held: HeldLog | None = None
    answers: AnswerStore | None = None
    canaries: int = 0
    seed: int = 0


def audit_server(
    profile: Path, address: str, passphrases: Passphrases, known: AuditSettings, progress: Progress
) -> Report:
    """Audit the log of the server at HOST:PORT, as the member of that profile.

    The profile's genesis is pinned unless another is given, and it keeps the last checkpoint.
    """
    loaded = Profile.reading(profile, passphrases).at(address)
    genesis, last = known.genesis or loaded.genesis, known.last or ProfilePaths(profile).audited
    held = HeldLog.of(ProfilePaths(profile))
    pinned = replace(known, genesis=genesis, last=last, demands=loaded.demands, held=held)
    with Client(loaded, retry_refused=False) as client:
        asked = canaries(client, known.canaries, known.seed, progress)
    return audit_endpoint(loaded.endpoint, loaded.member, pinned, progress, asked)


def audit_endpoint(
    endpoint: Endpoint,
    reader: str,
    known: AuditSettings,
    progress: Progress,
    asked: Canaries | None = None,
) -> Report:
    """Audit the log of the server there, as the member ``reader``, whom the channel authenticates.

    What canaries have found is reported in the end; they were ``asked`` for before.
    """
    pace = Pace(time.monotonic, random.random, retry_refused=False)  # somebody waits
    with contextlib.closing(Connection(endpoint, pace)) as connection:
        watcher = None if known.answers is None else AnswerAudit.of(known.answers)
        source = ServerSource(connection, reader, None if watcher is None else watcher.take)
        return audit(source, known, progress, asked, watcher)


def audit_mirror(place: str, known: AuditSettings, progress: Progress) -> Report:
    """Audit the log whose checkpoint and tiles lie in a directory, or below an http or https URL.

    Raises ConfigError if a directory has none.
    """
    with tile_source(place) as source:
        return audit(source, known, progress)


def verify_home(directory: Path, known: AuditSettings, progress: Progress) -> Report:
    """Audit the ledger of a home with all that is stored in it, then what it has published, then its index.

    Its server may run meanwhile. The checkpoint published in the home is one that the ledger must reach.
    """
    with open_copy(directory, check_head=False) as home:
        places = [place for place in home.published() if (place / CHECKPOINT).exists()]
        audited = TileCopy(Directory(places[0])).checkpoint() if home.paths.log in places else None
        mirrored = isinstance(home.paths, MirrorPaths)
        with ledger_source(home.ledger, confidential=not mirrored) as source:
            report = _audited(source, known, progress, audited if _is_checkpoint(audited) else None)
        for place in places:
            copy = TileSource(TileCopy(Directory(place)))
            tiles = _audited(copy, AuditSettings(known.evidence, report.genesis), progress, None)
            name = "published" if place == home.paths.log else str(place)
            below = (replace(each, message=f"{name}: {each.message}") for each in tiles.findings)
            report = replace(report, findings=(*report.findings, *below))
        wrong = islice(_index_findings(home), MAX_FINDINGS)
        report = replace(report, findings=(*report.findings, *wrong))
    return _kept(known.evidence, report)


def audit_copy(directory: Path, answers: AnswerStore, known: AuditSettings, progress: Progress) -> Report:
    """Audit the ledger of a mirror or of a home, and compare kept answers with it: no server is asked.

    Answers of later positions than it has are counted as ``ahead``.
    """
    with open_copy(directory) as home:
        watcher = AnswerAudit.of(answers, home.ledger)
        with ledger_source(home.ledger, confidential=not isinstance(home.paths, MirrorPaths)) as source:
            report = _audited(source, known, progress, None, watcher)
    return replace(_kept(known.evidence, report), ahead=watcher.ahead)


def _index_findings(home: Home) -> Iterator[Finding]:
    """How the saved index, if there is one, differs from what the log's entries make findable."""
    try:
        opened = NativeIndex.open(IndexFiles(home.paths.segments, home.ledger.indexes))
        if opened is not None:
            index, saved = opened
            check_reflects(home.ledger, saved.position, saved.root)
            for number, message in unlike_the_log(home.ledger, index, saved.position):
                yield Finding("index", number, message)
    except (HashpactError, OSError) as error:
        yield Finding("index", None, f"the saved index cannot be used, a server makes it again: {error}")


def audit(
    source: Source,
    known: AuditSettings,
    progress: Progress,
    asked: Canaries | None = None,
    watcher: AnswerAudit | None = None,
) -> Report:
    """Audit a log, then keep its checkpoint if nothing is wrong, or else the evidence.

    Raises ConfigError if what is known cannot be read or the outcome cannot be written, and UnavailableError
    if the log cannot be read now.
    """
    audited = None
    if known.last is not None and known.last.exists():
        audited = read_bytes(known.last, MAX_SIZE)
        if not _is_checkpoint(audited):
            msg = f"{known.last} is not a checkpoint; name one that an audit has kept"
            raise ConfigError(msg)
    report = _audited(source, known, progress, audited, watcher, asked)
    report = _kept(known.evidence, report)
    if not report.findings and known.last is not None and report.checkpoint is not None:
        write_public(known.last, report.checkpoint, replace=True)
    return report


def _audited(  # noqa: PLR0913, PLR0917  # what is known beforehand, and what is compared besides
    source: Source,
    known: AuditSettings,
    progress: Progress,
    audited: bytes | None,
    watcher: AnswerAudit | None = None,
    asked: Canaries | None = None,
) -> Report:
    with scratch() as fold:
        held = HeldWatch(known.held or HeldLog(), fold)
        looks = [held.see] if watcher is None else [held.see, watcher.seen(fold)]

        def seen(leaf: Folded) -> None:
            for look in looks:
                look(leaf)

        report = Auditor(
            source,
            unix_time,
            progress,
            fold,
            genesis=known.genesis,
            audited=audited,
            max_age=known.max_age,
            demands=known.demands,
            seen=seen,
        ).run()
        findings = [*report.findings, *held.findings(report)]
        if watcher is not None:
            findings += watcher.end(report.size)
        if asked is not None:
            findings += [*asked.found, *asked.standing(fold.file.state)]
    compared = 0 if watcher is None else watcher.compared
    return replace(report, answers=compared, findings=tuple(findings))


def _is_checkpoint(data: bytes | None) -> bool:
    try:
        return data is not None and checkpoint.parse(data) is not None
    except MalformedError:
        return False


def summary(report: Report) -> dict[str, object]:
    """The report for JSON, without the evidence: hashes in hex."""
    return {
        "origin": report.origin,
        "genesis": report.genesis.hex(),
        "size": report.size,
        "root": report.root.hex(),
        "signed": report.signed,
        "audited": report.audited,
        "statements": dict(report.counts),
        "newest": report.newest,
        "answers": report.answers,
        "answers_ahead": report.ahead,
        "private_withheld": report.withheld,
        "administrators": report.administrators,
        "threshold": report.threshold,
        "single_admin": report.threshold == 1,
        "faults": [
            {
                "topic": each.topic,
                "index": each.index,
                "kind": each.kind,
                "member": each.member,
                "message": each.message,
            }
            for each in report.findings
        ],
    }


NOT_KEPT: Final = "evidence"
"""The topic of what is said when the evidence of the others cannot be written."""


def new_evidence(below: Path) -> Path:
    """A directory for what one audit finds, that no other has: the Unix time and four random bytes in hex."""
    return below / f"{unix_time()}-{secrets.token_hex(4)}"


def _kept(directory: Path, report: Report) -> Report:
    """The report, once its evidence is written; if that fails, with that as one more thing that is wrong."""
    try:
        write_evidence(directory, report)
    except ConfigError as error:
        lost = Finding(NOT_KEPT, None, f"the evidence is not kept: {error}; name a place with --evidence")
        return replace(report, findings=(*report.findings, lost))
    return report


def write_evidence(directory: Path, report: Report) -> None:
    """If anything is wrong, make the directory: report.json, and the bytes that show each fault.

    Directories above it that are missing are made for their owner alone. Raises ConfigError.
    """
    if not report.findings:
        return
    for above in reversed(directory.parents):
        private_directory(above)
    with new_directory(directory) as draft:
        write_private(draft / "report.json", json.dumps(summary(report), indent=1).encode() + b"\n")
        for number, finding in enumerate(report.findings):
            for name, data in finding.evidence.items():
                write_private(draft / f"{number:04d}-{name}", data)
