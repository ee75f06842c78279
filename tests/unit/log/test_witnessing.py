"""The bodies of C2SP tlog-witness."""

from __future__ import annotations

import base64

import pytest
from builders import ORIGIN, Identity, seeded

from hashpact.errors import MalformedError
from hashpact.log import checkpoint, witnessing
from hashpact.log.checkpoint import Checkpoint

LOG = Identity.of("log")
SIGNED = checkpoint.sign(Checkpoint(ORIGIN, 21, seeded("root")), LOG.public, LOG.private.sign)
PROOF = (seeded("one"), seeded("two"))
DATA = witnessing.encode(17, PROOF, SIGNED)
NODE = base64.b64encode(PROOF[0])

# c2sp.org/tlog-witness, the example of a request body, with one of its two signatures.
EXAMPLE = (
    "old 20852014\n"
    "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n"
    "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\n"
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGz"
    "Gku9nTo+zyWE+xeMcTOAYQ8=\n"
).encode()


def test_the_example_of_the_specification() -> None:
    read = witnessing.parse(EXAMPLE)
    assert (read.old, len(read.proof), read.signed.checkpoint.size) == (20852014, 4, 20852163)
    assert witnessing.encode(read.old, read.proof, read.signed.data) == EXAMPLE


def test_a_request_reads_back() -> None:
    read = witnessing.parse(DATA)
    assert (read.old, read.proof, read.signed.data) == (17, PROOF, SIGNED)
    assert witnessing.encode(0, (), SIGNED) == b"old 0\n\n" + SIGNED


def test_the_longest_proof() -> None:
    nodes = tuple(seeded(f"node {number}") for number in range(64))
    assert witnessing.parse(witnessing.encode(1, nodes[:63], SIGNED)).proof == nodes[:63]
    with pytest.raises(MalformedError, match="more than 63"):
        witnessing.parse(witnessing.encode(1, nodes, SIGNED))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        SIGNED,
        DATA[:-1],
        DATA.replace(b"old 17", b"old  17"),
        DATA.replace(b"old 17", b"old 017"),
        DATA.replace(b"old 17", b"old -1"),
        DATA.replace(b"old 17", b"old 1_7"),
        DATA.replace(b"old 17", b"old %d" % 2**63),
        DATA.replace(b"old 17", b"old 17\r"),
        DATA.replace(b"old 17", b"Old 17"),
        DATA.replace(b"old 17\n", b""),
        DATA.replace(NODE, NODE[:-1]),
        DATA.replace(NODE, base64.b64encode(PROOF[0][:31])),
        DATA.replace(b"\n\n", b"\n", 1),
        DATA.replace(b"\n\n", b"\n\n\n", 1),
        DATA + b"x" * witnessing.MAX_SIZE,
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        witnessing.parse(data)


def test_the_size_of_a_conflict_reads_back() -> None:
    assert witnessing.size_body(0) == b"0\n"
    assert witnessing.parse_size(witnessing.size_body(20852163)) == 20852163
    for wrong in (b"", b"7", b"07\n", b"7\n\n", b"7 \n", b"%d\n" % 2**63):
        with pytest.raises(MalformedError):
            witnessing.parse_size(wrong)
