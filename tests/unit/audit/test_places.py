"""Where the leaves of a log are read from: the same log from a directory and from its URL."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import World, fingerprint
from memory import MemoryLedger
from mirrors import mirror
from webs import static

from hashpact.audit.leaves import signed_leaves
from hashpact.audit.remote import is_url, tile_source
from hashpact.domain.fingerprints import PDQ
from hashpact.errors import ConfigError, InvalidInputError
from hashpact.keys.passphrase import Passphrases
from hashpact.member.author import Reason


def test_a_directory_and_its_url_give_the_same_leaves(world: World, tmp_path: Path) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    author, reason = world.author("acme"), Reason(frozenset({"ncii"}))
    made = [author.submit([fingerprint(PDQ, str(number))], reason) for number in range(300)]
    world.appender(ledger).append_all("acme", made)
    world.guard(ledger).sign()
    copy = mirror(ledger, tmp_path / "copy")
    with static(tmp_path) as (url, _):
        for place in (str(copy), f"{url}/copy", f"{url}/copy/"):
            with signed_leaves(place, None, Passphrases()) as (signed, leaves):
                assert signed.size == 304
                assert list(leaves(0, 270)) == [leaf.data for leaf in ledger.leaves(0, 270)]
                assert list(leaves(270, 304)) == [leaf.data for leaf in ledger.leaves(270, 304)]
                with pytest.raises(InvalidInputError, match="want 1 to 304"):
                    leaves(0, 305)
    assert (is_url(f"{url}/copy"), is_url(str(copy))) == (True, False)


def test_a_place_without_a_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no file checkpoint"), tile_source(str(tmp_path)):
        pass
    with pytest.raises(ConfigError, match="a log's URL is like"), tile_source("https://user@log.example"):
        pass
