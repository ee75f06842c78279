"""The plug-in in integrations/tx with the real `tx`, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import fingerprint, near
from commands import here
from exchanging import Tx, environment
from gatewayed import gatewayed, made_folder
from PIL import Image
from running import BOTH, RunningServer, found

from hashpact import Client, Fingerprint, fingerprints_of, fingerprints_of_text
from hashpact.domain.fingerprints import PDQ, SHA256

pytestmark = pytest.mark.slow
COLLAB = "shared-removals"
ACME, LOTUS = "acme-video", "lotus-forum"
CODES = [fingerprint(PDQ, f"tx {number}") for number in range(6)]
"""An index of tx with one code alone finds nothing, so that tests share several."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A clearinghouse of two members."""
    home = found(tmp_path, {ACME: BOTH, LOTUS: BOTH})
    with RunningServer(home, "--workers", "1") as running:
        yield running


@pytest.fixture
def acme(server: RunningServer) -> Iterator[Client]:
    """The member that shares."""
    with Client(server.profile(ACME)) as client:
        yield client


@pytest.fixture(scope="module")
def program() -> Path:
    """The program `tx`."""
    return environment()


@pytest.fixture
def tx(program: Path, server: RunningServer, tmp_path: Path) -> Tx:
    """`tx` of the other member, which collaborates with the clearinghouse."""
    made = Tx(program, tmp_path / "state", tmp_path / LOTUS)
    made("config", "extensions", "add", "hashpact_tx.manifest")
    configure(made, "--create", "--address", server.address)
    return made


def configure(tx: Tx, *options: str) -> None:
    """Make or change the collaboration."""
    tx("config", "collab", "edit", "hashpact", *options, COLLAB)


def matches(tx: Tx, code: Fingerprint, content: str = "photo", signal: str = "pdq") -> list[str]:
    """What `tx match` prints of the collaboration for a hash."""
    said = tx("match", "-H", "-S", signal, "-A", content, "--", code.value.hex())
    return [line.partition(f"({COLLAB}) ")[2] for line in said.splitlines()]


def share(client: Client, *codes: Fingerprint, label: str = "fraud") -> list[int]:
    """An entry for each code."""
    return [client.submit([code], labels=[label], removed=7).index for code in codes]


def admin(home: Path, *arguments: str | int) -> None:
    """A statement that both administrators sign."""
    draft = home.with_name("draft.note")
    draft.unlink(missing_ok=True)
    commands: list[tuple[str | Path, ...]] = [
        ("draft", home, *map(str, arguments), "--out", draft),
        *(("sign", draft, "--key", home / "pki" / f"admin-{name}.key", "--yes") for name in "12"),
        ("submit", draft, "--home", home),
    ]
    for command in commands:
        done = here("statement", *command)
        assert done.status == 0, done.err


def check_audit(server: RunningServer) -> None:
    """An audit of the log finds nothing."""
    profile = server.log_path.parent / LOTUS
    done = here("audit", server.address, "--profile", profile)
    assert done.status == 0, done.out[-600:] + done.err


def test_a_copy_is_found_until_its_entry_is_withdrawn(server: RunningServer, acme: Client, tx: Tx) -> None:
    first, *others = share(acme, *CODES[:5])
    tx("fetch")
    assert matches(tx, near(CODES[0], 12)) == [f"POSITIVE_CLASS fraud entries/{first}"]
    acme.withdraw(first, "mistake")
    tx("fetch")
    assert matches(tx, near(CODES[0], 12)) == []
    assert matches(tx, CODES[1]) == [f"POSITIVE_CLASS fraud entries/{others[0]}"]
    tx("fetch")
    check_audit(server)


def test_opinions_voidings_and_revocations_reach_tx(server: RunningServer, acme: Client, tx: Tx) -> None:
    home = server.log_path.parent / "home"
    first, second, third, fourth, fifth = share(acme, *CODES[:5])
    tx("fetch")
    with Client(server.profile(LOTUS)) as lotus:
        lotus.opinion(first, "dispute")
        lotus.opinion(second, "seen")
        shared = share(lotus, CODES[5], CODES[2], label="ncii")
    tx("fetch")
    assert matches(tx, CODES[0]) == [f"DISPUTED fraud entries/{first}"]
    assert matches(tx, CODES[1]) == [f"POSITIVE_CLASS fraud entries/{second}"]
    (both,) = matches(tx, CODES[2])
    assert both.split()[0] == "POSITIVE_CLASS"
    assert both.split()[-1] == f"entries/{third},entries/{shared[1]}"
    assert set(both.split()[1].split(",")) == {"fraud", "ncii"}
    admin(home, "void", f"entry={second}", "reason=court")
    revoked = here(
        *("key", "revoke", "1", "--reason", "stolen", "--cutoff", str(fourth)),
        *("--member", ACME, "--home", home),
    )
    assert revoked.status == 0, revoked.err
    tx("fetch")
    assert [bool(matches(tx, code)) for code in CODES] == [True, False, True, False, False, True]
    assert fifth > fourth
    check_audit(server)


def test_a_configuration_narrows_what_is_fetched(server: RunningServer, acme: Client, tx: Tx) -> None:
    share(acme, *CODES[:3])
    ncii = share(acme, *CODES[3:], label="ncii")
    with Client(server.profile(LOTUS)) as lotus:
        lotus.opinion(ncii[0], "dispute")
    tx("fetch")
    assert all(matches(tx, code) for code in CODES)
    configure(tx, "--labels", "ncii,hate")
    tx("fetch")
    assert [bool(matches(tx, code)) for code in CODES] == [False] * 3 + [True] * 3
    configure(tx, "--without-disputed", "on", "--members", ACME, "--bases", "guideline")
    configure(tx, "--labels", "ncii,fraud")
    tx("fetch")
    assert [bool(matches(tx, code)) for code in CODES] == [True, True, True, False, True, True]


def test_tx_label_submits_and_endorses_if_it_may(server: RunningServer, acme: Client, tx: Tx) -> None:
    digest = fingerprint(SHA256, "tx file")
    (known,) = share(acme, digest)
    label = ("label", "-l", "fraud", "--as-hash")
    pdq = (*label, "pdq", COLLAB, "photo", "--", CODES[0].value.hex())
    refused = tx.run([str(tx.program), *pdq])
    assert refused.returncode != 0
    assert "states nothing in the name of lotus-forum" in refused.stderr
    configure(tx, "--submit", "on", "--address", "unix:/srv/mirror/socket")
    refused = tx.run([str(tx.program), *pdq])
    assert refused.returncode != 0
    assert "which takes no statements" in refused.stderr
    configure(tx, "--address", server.address)
    tx(*pdq)
    tx(*pdq)
    tx(*label, "video_sha256", COLLAB, "video", "--", digest.value.hex())
    entries = {detail.entry.index: detail for detail in acme.entries()}
    assert len(entries) == 2
    ours = max(entries)
    assert (entries[ours].entry.member, entries[ours].entry.labels) == (LOTUS, ("fraud",))
    assert entries[ours].fingerprints == (Fingerprint(PDQ, CODES[0].value),)
    assert [(given.member, given.stance.value) for given in entries[known].opinions] == [(LOTUS, "endorse")]
    tx.python(report(server, "pdq", CODES[0], "NEGATIVE_CLASS"))
    tx.python(report(server, "sha256", digest, "INVESTIGATION_SEED"))
    held_back = tx.profile / "matching.toml"
    held_back.write_text(f'never = ["{ACME}"]\n')
    tx.python(report(server, "sha256", digest, "NEGATIVE_CLASS"))
    assert not acme.entry(ours).stands
    assert [given.stance.value for given in acme.entry(known).opinions] == ["dispute"]
    check_audit(server)


def report(server: RunningServer, signal: str, code: Fingerprint, category: str) -> str:
    """A program that gives an opinion of another category, which the commands of `tx` cannot."""
    return f"""
from threatexchange.exchanges.fetch_state import SignalOpinion, SignalOpinionCategory
from threatexchange.signal_type.pdq.signal import PdqSignal as pdq
from threatexchange.signal_type.sha256 import VideoSHA256Signal as sha256
from hashpact_tx.config import HashpactCollabConfig, Switch
from hashpact_tx.exchange import HashpactSignalExchangeAPI
collab = HashpactCollabConfig("c", address={server.address!r}, submit=Switch.on)
opinion = SignalOpinion(True, SignalOpinionCategory.{category}, set())
HashpactSignalExchangeAPI.for_collab(collab).report_opinion({signal}, {code.value.hex()!r}, opinion)
"""


def test_what_was_fetched_from_one_log_is_not_continued_from_another(
    acme: Client, tx: Tx, tmp_path: Path
) -> None:
    share(acme, *CODES[:3])
    tx("fetch")
    (tmp_path / "other").mkdir()
    home = found(tmp_path / "other", {LOTUS: BOTH})
    with RunningServer(home, "--workers", "1") as other:
        configure(tx, "--address", other.address, "--profile", str(tmp_path / "other" / LOTUS))
        refused = tx.run([str(tx.program), "-v", "fetch"])
        assert refused.returncode == 3
        assert "was fetched from another log" in refused.stderr
        assert matches(tx, CODES[0])
        tx("fetch", "--clear")
        tx("fetch")


def test_stock_tx_fetches_stopncii_from_a_gateway(
    server: RunningServer, acme: Client, program: Path, tmp_path: Path
) -> None:
    shared = share(acme, *CODES[:4], label="ncii")
    directory = tmp_path / "gateway"
    config = made_folder(directory, tmp_path / LOTUS, server.address, stopncii=("ncii",))
    with gatewayed(directory, config) as http:
        stock = Tx(
            program, tmp_path / "stock", tmp_path, {"TX_STOPNCII_KEYS": f"key,key,http://{http.address}/v1"}
        )
        stock("config", "collab", "edit", "stop_ncii", "--create", COLLAB)
        stock("fetch")
        assert all("INVESTIGATION_SEED" not in one for code in CODES[:4] for one in matches(stock, code))
        assert [len(matches(stock, code)) for code in (near(CODES[0], 10), CODES[4])] == [1, 0]
        acme.withdraw(shared[0], "mistake")
        stock("fetch")
        (still,) = matches(stock, CODES[0])
        assert "INVESTIGATION_SEED" in still  # as docs/integrations/stopncii.md warns
        stock("fetch", "--clear")
        stock("fetch")
        assert [len(matches(stock, code)) for code in CODES[:4]] == [0, 1, 1, 1]


def test_the_classifier_gives_labels_of_photos_and_texts(
    server: RunningServer, acme: Client, tx: Tx, tmp_path: Path
) -> None:
    text = "Send two hundred now to this account, and tomorrow four hundred are yours, says the bank."
    picture = tmp_path / "photo.png"
    noise = np.random.default_rng(5).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(noise).resize((480, 480), Image.Resampling.BICUBIC).save(picture)
    shared = acme.submit(fingerprints_of(picture).fingerprints, labels=["ncii"], removed=7).index
    acme.submit(fingerprints_of_text(text).fingerprints, labels=["fraud"], removed=7)
    said = tx.python(
        f"""
from threatexchange.content_type.photo import PhotoContent
from threatexchange.content_type.text import TextContent
from threatexchange.content_type.url import URLContent
from hashpact import Client, Profile
from hashpact_tx.classifier import HashpactClassifier
with Client(Profile.load({str(tx.profile)!r}).at({server.address!r})) as client:
    classifier = HashpactClassifier(client)
    photo = classifier.classify(PhotoContent, {str(picture)!r})
    print(photo, photo.labels["ncii"].entries, photo.has_match)
    print(classifier.classify(TextContent, {text.upper()!r}))
    print(classifier.classify(TextContent, "Nothing of that, and long enough to have a fingerprint."))
    try:
        classifier.classify(URLContent, "https://example.org")
    except ValueError as error:
        print(error)
"""
    )
    assert said.splitlines() == [
        f"ncii(same) ('entries/{shared}',) True",
        "fraud(same)",
        "None",
        "hashpact does not classify url",
    ]
