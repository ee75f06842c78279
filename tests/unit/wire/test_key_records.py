"""Keys of members: what stands of their statements is derived by the client, from what was sent of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import BOTH, NOW, Identity

from hashpact.domain.messages import MemberDetail, Page
from hashpact.domain.state import Key, Member
from hashpact.errors import InvalidInputError
from hashpact.wire import codec

OLD, NEW = (Identity.of("acme", name) for name in "12")
FIRST = Key(OLD.id, "acme", "1", OLD.public, NOW, 2)
SECOND = Key(NEW.id, "acme", "2", NEW.public, NOW, 7, enrolled_by=OLD.id)


def received(*keys: Key) -> tuple[Key, ...]:
    """The keys of a member as they arrive."""
    page = Page((MemberDetail(Member("acme", BOTH, 1), keys),))
    (member,) = codec.page_from_wire(codec.page_to_wire(page)).members
    return member.keys


def test_a_revocation_ends_what_the_key_has_signed_and_what_came_by_it() -> None:
    revoked = replace(FIRST, revoked_index=9, cutoff=5)
    assert [key.stands_below for key in received(revoked, SECOND)] == [5, 0]
    assert [key.stands_below for key in received(FIRST, SECOND)] == [None, None]
    later = replace(revoked, cutoff=8)
    assert [key.stands_below for key in received(later, SECOND)] == [8, None]


@pytest.mark.parametrize("half", [{"cutoff": 5}, {"revoked_index": 9}])
def test_half_a_revocation_is_refused(half: dict[str, int]) -> None:
    cutoff, at = half.get("cutoff"), half.get("revoked_index")
    with pytest.raises(InvalidInputError) as refused:
        received(replace(FIRST, cutoff=cutoff, revoked_index=at))
    assert refused.value.details["field"] == "members[0].keys[0].cutoff"
