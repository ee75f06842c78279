"""What the fold of `hashpact.domain.rules` makes of a log, in the form of docs/vectors/README.md."""

from __future__ import annotations

from typing import Any

from hashpact.domain import standing
from hashpact.domain.conduct import clocks
from hashpact.domain.kinds import Notice, Policy, moment
from hashpact.domain.kinds.conduct import filed
from hashpact.domain.rules.replay import Replay
from hashpact.domain.state import Charter, Entry, Filing, Key, Member, State
from hashpact.log import tree


def derived(folded: Replay, leaves: list[bytes]) -> dict[str, Any]:
    """The derived state of the log of these leaves."""
    state = folded.state
    charter = state.charter()
    edge: tuple[bytes, ...] = ()
    for size, leaf in enumerate(leaves):
        edge = tree.extend(size, edge, tree.leaf_hash(leaf))
    return {
        "size": folded.size,
        "root": tree.root(edge).hex(),
        "moment": moment.of_log(state.times()),
        "signers": [list(each) for each in state.times().signers],
        "governance": None if charter is None else _governance(charter),
        "policy": [] if charter is None or not charter.policy_version else _policy(charter),
        "members": {one.id: _member(one) for one in state.members.values()},
        "keys": {one.id.hex(): _key(state, one) for one in state.registry.values()},
        "entries": {str(one.index): _entry(state, one) for one in state.entries.values()},
        "filings": {
            str(one.index): {
                "kind": one.kind,
                "moment": one.moment,
                "stands": filed.stands(state, one),
                **({"due": _due(state, one)} if one.kind == Notice.kind else {}),
            }
            for one in state.filed.values()
        },
    }


def _governance(charter: Charter) -> dict[str, Any]:
    return {
        "since": charter.since,
        "version": charter.root_version,
        "threshold": charter.threshold,
        "admins": {admin.name: admin.public.hex() for admin in charter.admins},
        "log_keys": [public.hex() for public in charter.log_keys],
        "witnesses": [witness.key for witness in charter.witnesses],
        "witness_quorum": charter.witness_quorum,
        **(
            {"attestation_keys": attesting}
            if (attesting := [one.hex() for one in charter.attestation_keys])
            else {}
        ),
        **({"log_mldsa_keys": mldsa} if (mldsa := [one.key for one in charter.log_mldsa_keys]) else {}),
    }


def _policy(charter: Charter) -> list[str]:
    """The lines of the policy in force; a tally-step of 1 is not told from none."""
    terms = charter.terms
    body = Policy(
        charter.policy_version,
        charter.labels,
        charter.key_delay,
        charter.allowed,
        charter.private_quota,
        charter.quotas,
        charter.rates,
        charter.rates_of,
        terms.clocks,
        terms.priorities,
        terms.panel,
        terms.quorum,
        terms.texts,
        terms.tally_step if terms.tally_step > 1 else None,
        charter.matching.benign_by,
        charter.matching.mark_benign,
        charter.matching.ceilings,
    )
    return body.write().splitlines()


def _member(one: Member) -> dict[str, Any]:
    return {
        "roles": sorted(role.value for role in one.roles),
        "suspended": one.suspended_index is not None,
        "revoked_certificates": {each.serial.hex(): each.until for each in one.revoked},
    }


def _key(state: State, one: Key) -> dict[str, Any]:
    replaced = standing.replaced(state, one)
    return {
        "member": one.member,
        "name": one.name,
        "use": one.use.value,
        "begins": one.valid_from,
        "expires": one.expires,
        "suspended": one.suspended_index is not None,
        "replaced_index": one.rotated_index if replaced else None,
        "ends": one.retires if replaced else None,
        "stands_below": one.stands_below,
    }


def _entry(state: State, one: Entry) -> dict[str, Any]:
    return {
        "member": one.member,
        "stands": standing.entry_stands(state, one),
        "withdrawn": [one.withdrawn_index, one.withdrawn_reason] if standing.withdrawn(state, one) else None,
        "voided": None if one.voided_index is None else [one.voided_index, one.voided_reason],
        "opinions": {
            given.member: [given.index, given.stance.value, given.reason]
            for given in standing.opinions(state, one.index)
        },
    }


def _due(state: State, one: Filing) -> int:
    """When the clock of a notice runs out."""
    body = Notice.read(one)
    return clocks.due(state, one, body.clock, body.labels)
