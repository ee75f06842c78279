"""ML-DSA-44 keys of a log: which statements name them, and what checkpoints then need."""

from __future__ import annotations

import pytest
from builders import Identity, World
from memory import MemoryLedger
from quantum import ALTERED, FORGED, MISSING, ONE, TWO, altered, mldsa, naming, signing

from hashpact.domain import keys
from hashpact.domain.kinds import Genesis, Root
from hashpact.domain.messages import Submission
from hashpact.domain.pinned import PinnedLog
from hashpact.domain.rules.replay import Replay, replay
from hashpact.errors import (
    BadSignatureError,
    ConflictError,
    HashpactError,
    InvalidInputError,
    LogKeyError,
    MissingSignatureError,
    ProofError,
    UnavailableError,
)
from hashpact.log import checkpoint, cosignature, note, policy
from hashpact.log.checkpoint import Checkpoint
from hashpact.log.cosignature import Witness
from hashpact.log.policy import KnownLog, WitnessPolicy
from hashpact.service.sign import SigningGuard

NORTH = Identity.of("witness.example/north")


def refusal(folded: Replay, leaf: bytes) -> HashpactError:
    """The error by which a leaf is refused."""
    folded.apply(leaf)
    return folded.faults.pop().error


def test_a_charter_names_the_keys_until_a_root_names_others(world: World) -> None:
    folded = replay(world.founding("acme"))
    both = (ONE, TWO)
    for version, named in enumerate(((ONE,), both, (TWO,), ()), 2):
        folded.apply(naming(world, version, *named))
    assert folded.faults == []
    found = [set(charter.log_mldsa_keys) for charter in folded.state.charters()]
    assert found == [set(), set(), {ONE[0]}, {ONE[0], TWO[0]}, {TWO[0]}, set()]
    for again in (ONE, TWO):
        error = refusal(folded, naming(world, 6, again))
        assert type(error) is ConflictError
        assert "was replaced before; make a new one" in error.message
    body = Root(2, tuple(admin.key for admin in world.admins), 2, world.log_keys, log_mldsa_keys=(ONE[0],))
    assert f"And by: {ONE[0].key}" in body.describe()


@pytest.mark.parametrize(
    ("named", "terms", "field", "message"),
    [
        (mldsa("one", "other.example/log"), {}, "log-mldsa-key", "must be its origin, "),
        (
            ONE,
            {"witnesses": (Witness("w", ONE[0].public, ONE[0].kind),), "witness_quorum": 1},
            "log-mldsa-key",
            "is also a witness's",
        ),
        (
            ONE,
            {
                "witnesses": tuple(Witness(f"w{at:02}", Identity.of(f"w{at}").public) for at in range(15)),
                "witness_quorum": 1,
            },
            "witness",
            "room for 14 witness lines at most",
        ),
    ],
)
def test_a_key_that_cannot_sign_the_logs_checkpoints_is_refused(
    world: World, named: tuple[Witness, object], terms: dict[str, object], field: str, message: str
) -> None:
    admins = tuple(admin.key for admin in world.admins)
    body = Genesis(admins, 2, world.log_keys, log_mldsa_keys=(named[0],), **terms)  # type: ignore[arg-type]  # as Genesis
    (fault,) = replay([world.by_admins(body)]).faults
    assert type(fault.error) is InvalidInputError
    assert fault.error.details["field"] == field
    assert message in fault.error.message


def test_a_checkpoint_is_verified_by_the_definition_of_the_cosigned_message() -> None:
    world, (key, signer) = World(), ONE
    stated = Checkpoint(world.origin, 5, bytes(range(32)))
    origin = world.origin.encode()
    name = bytes([len(origin)]) + origin
    message = b"subtree/v1\n\0" + name + bytes(8) + name + bytes(8) + (5).to_bytes(8) + stated.root
    value = bytes(8) + signer.sign(message)
    first = checkpoint.sign(stated, world.log_key.public, world.log_key.signer.sign)
    whole = first + note.signature_line(world.origin, key.public, value, key.kind)

    def verify(data: bytes, *mldsa_keys: Witness) -> None:
        checkpoint.verify(checkpoint.parse(data), world.origin, world.log_keys, keys.verify, mldsa_keys)

    verify(whole, key)
    verify(whole, key, TWO[0])
    verify(whole)
    verify(first)
    with pytest.raises(MissingSignatureError, match=MISSING):
        verify(first, key)
    with pytest.raises(MissingSignatureError, match=MISSING):
        verify(whole, TWO[0])
    for how, (error, says) in ALTERED.items():
        with pytest.raises(BadSignatureError, match=says) as caught:
            verify(altered(whole, how), key)
        assert isinstance(caught.value, MissingSignatureError) == (error is LogKeyError)
    # A forged line of either key spoils the checkpoint, whatever the other says.
    with pytest.raises(BadSignatureError, match=FORGED):
        verify(altered(whole, "torn"), key, TWO[0])
    torn = whole.replace(first.splitlines()[-1], first.splitlines()[-1][:-8] + b"AAAAAAA=")
    with pytest.raises(BadSignatureError, match="does not verify"):
        verify(torn, key)


def test_what_says_how_fresh_a_checkpoint_is_are_witnesses_alone() -> None:
    world = World()
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    world.appender(ledger).append(None, Submission(naming(world, 2, ONE)))
    kept = SigningGuard(ledger, signing(world)).sign()
    log = PinnedLog(world.origin, world.log_keys, mldsa_keys=(ONE[0],))
    signed = log.open(kept.note)
    assert log.vouched(signed) is None
    log.check_fresh(signed, 2**40, 1)
    assert cosignature.verify(signed.note, ONE[0], keys.verify) == cosignature.NO_TIME


def test_a_policy_may_know_the_log_by_either_key() -> None:
    world = World()
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    world.appender(ledger).append(None, Submission(naming(world, 2, ONE)))
    signed = SigningGuard(ledger, signing(world)).sign().note

    def demanding(*logs: KnownLog) -> PinnedLog:
        wanted = policy.parse(WitnessPolicy(logs).data())
        return PinnedLog(world.origin, world.log_keys, policies=(wanted,))

    first = KnownLog(world.origin, world.log_keys[0])
    second, other = (KnownLog(key.name, key.public, key.kind) for key, _ in (ONE, TWO))
    for logs in ((first,), (second,), (other, second), (first, other)):
        demanding(*logs).open(signed)
    for logs, data in (((other,), signed), ((second,), altered(signed, "stripped"))):
        with pytest.raises(LogKeyError, match="no log of the witness policy signed"):
            demanding(*logs).open(data)
    with pytest.raises(ProofError, match="does not verify"):
        demanding(second).open(altered(signed, "torn"))


def test_a_server_without_the_key_that_the_log_names_signs_nothing(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    plain, wrong, right = (SigningGuard(ledger, signing(world, key)) for key in (None, TWO, ONE))
    assert plain.sign() == wrong.sign() == right.sign()  # nothing names a key yet
    world.appender(ledger).append(None, Submission(naming(world, 2, ONE)))
    for guard in (plain, wrong):
        with pytest.raises(UnavailableError, match=r"pki/log-mldsa\.key is not an ML-DSA-44 key of the log"):
            guard.sign()
        guard.check_sound()
    kept = right.sign()
    assert PinnedLog(world.origin, world.log_keys, mldsa_keys=(ONE[0],)).read(kept.note).size == kept.size
    world.appender(ledger).append(None, Submission(naming(world, 3, ONE, TWO)))
    assert wrong.sign().size == kept.size + 1  # either may sign while both are named


def test_more_lines_than_a_checkpoint_has_room_for_are_refused(world: World) -> None:
    ledger = MemoryLedger()
    world.found(ledger, "acme")
    world.appender(ledger).append(None, Submission(naming(world, 2, ONE)))

    class Many:
        def cosign(self, signed: bytes, size: int, consistency: object) -> bytes:
            del size, consistency
            who, text = Witness(NORTH.owner, NORTH.public), note.parse(signed, 1 << 16).text
            return signed + 15 * cosignature.sign(text, who, 7, NORTH.private.sign)

    with pytest.raises(UnavailableError, match="more witnesses than a checkpoint has room for"):
        SigningGuard(ledger, signing(world), Many()).sign()
