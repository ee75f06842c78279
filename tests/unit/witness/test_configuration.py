"""witness.toml: what a witness writes it reads, and what cannot be meant is refused."""

from __future__ import annotations

import pytest
from builders import Identity

from hashpact.errors import ConfigError
from hashpact.log import cosignature, note
from hashpact.log.cosignature import Witness
from hashpact.witness.configuration import WitnessConfig

LOG = note.verifier_key("t", Identity.of("log").public)
WITNESS = Witness("w", Identity.of("w").public)
NORTH = WITNESS.key


def test_what_a_witness_writes_it_reads() -> None:
    logs = tuple((origin, Identity.of(key).public) for origin, key in (("t", "a"), ("t", "b"), ("u", "c")))
    also = Witness("w", bytes(1312), cosignature.MLDSA44)
    for config in (
        WitnessConfig(WITNESS, "[::1]:0", logs),
        WitnessConfig(WITNESS, "a:1", ()),
        WitnessConfig(WITNESS, "a:1", logs, also),
    ):
        assert WitnessConfig.parse(config.to_toml()) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('key = "w"\nlisten = "a:1"', "logs is missing"),
        ('key = "w"\nlisten = "a:1"\nlogs = []', "a verifier key is"),
        (f'key = "{LOG}"\nlisten = "a:1"\nlogs = []', "is no key for cosignatures"),
        (f'key = "{NORTH}"\nlisten = "a"\nlogs = []', "listen must be HOST:PORT"),
        (f'key = "{NORTH}"\nlisten = "a:1"\nlogs = "x"', "logs must be a list of strings"),
        (f'key = "{NORTH}"\nlisten = "a:1"\nlogs = ["x"]', "a verifier key is"),
        (f'key = "{NORTH}"\nlisten = "a:1"\nlogs = ["{NORTH}"]', "not the Ed25519 key of a log"),
    ],
)
def test_a_witness_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        WitnessConfig.parse(text)
