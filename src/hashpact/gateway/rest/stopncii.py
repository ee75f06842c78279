"""Route 21: the log as pages of StopNCII's FetchHashes, which stock `tx` and HMA fetch; off by default.

The form is what python-threatexchange 1.2.17 reads (``exchanges/clients/stopncii``). Its clients up to that
version keep records that are withdrawn: docs/integrations/stopncii.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from hashpact.domain.checks import Answer
from hashpact.domain.fingerprints import MD5, PDQ, Fingerprint
from hashpact.domain.matching.holding import Held
from hashpact.domain.messages import DEFAULT_CHANGES, EntryDetail
from hashpact.domain.state import Basis, Stance
from hashpact.gateway.rest.asking import Parameter, RestRequest, unprocessable
from hashpact.gateway.rest.declared import RestEndpoint
from hashpact.gateway.rest.statuses import answer
from hashpact.gateway.rest.uses import GatewayUses

_NOT_FOUND: Final = 404
_TYPES: Final = {PDQ: "ImagePDQ", MD5: "VideoMD5"}
_ACTIVE, _WITHDRAWN = "Active", "Withdrawn"
_FEEDBACK: Final = {
    Stance.ENDORSE: "Blocked",
    Stance.DISPUTE: "NotBlocked",
    Stance.DISOWN: "NotBlocked",
}
_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_TOKEN: Final = re.compile(r"([0-9]{1,15})\.([0-9]{0,15})", re.ASCII)
_NOTHING_YET: Final = 10
"""The time from which a client asks that has fetched nothing: it has no record to withdraw."""


async def fetch_hashes(uses: GatewayUses, asked: RestRequest) -> Response:
    """A page of records: what has changed since a time about entries with the configured labels."""
    labels = frozenset(uses.config.stopncii)
    if not labels:
        raise HTTPException(_NOT_FOUND, "stopncii is not set in gateway.toml")
    start = _matched(asked, "startTimestamp", _NUMBER, str(_NOTHING_YET))
    began, token = int(start[0]), None
    if asked.text("nextPageToken"):
        token = _matched(asked, "nextPageToken", _TOKEN, "")
    size = int(_matched(asked, "pageSize", _NUMBER, str(DEFAULT_CHANGES))[0])
    since = uses.house.moments.before(began) if token is None else int(token[1])
    after = None if token is None or not token[2] else int(token[2])
    page = await uses.house.changes(since, after, min(max(size, 1), DEFAULT_CHANGES))
    never = uses.house.client.profile.own.never
    told = [
        each
        for each in page.entries
        if not labels.isdisjoint(each.entry.labels)
        and each.entry.member not in never
        and each.entry.basis is not Basis.BENIGN
    ]
    records = [record for each in told if each.stands for record in _standing(each, page.moment)]
    if began > _NOTHING_YET or token is not None:  # on the pages before it, it may have stood
        gone = [await uses.house.client.entry(each.entry.index) for each in told if not each.stands]
        records += await _gone(uses, gone, labels, page.position, page.moment)
    if page.last:
        await uses.house.moments.note(page.moment, page.position)
    left = "" if page.next_after is None else page.next_after
    return answer(
        {
            "count": len(records),
            "nextPageToken": None if page.last else f"{page.next}.{left}",
            # A client that stops between two pages asks for all of them again.
            "nextSetTimestamp": max(_NOTHING_YET, page.moment) if page.last else began,
            "hasMoreRecords": not page.last,
            "hashRecords": records,
        }
    )


def _matched(asked: RestRequest, name: str, form: re.Pattern[str], default: str) -> re.Match[str]:
    text = asked.text(name) or default
    found = form.fullmatch(text)
    if found is None:
        unprocessable("value_error", name, "Input should be a number, or the token of a page", text)
    return found


def _standing(detail: EntryDetail, moment: int) -> Iterator[dict[str, Any]]:
    """The records of an entry that stands."""
    entry = detail.entry
    said = [(entry.member, "Blocked")]
    said += [(one.member, _FEEDBACK[one.stance]) for one in detail.opinions if one.stance in _FEEDBACK]
    for one in _served(detail):
        yield _record(one, moment, {entry.index: _ACTIVE}, _feedback(said, entry.labels))


async def _gone(
    uses: GatewayUses, details: Sequence[EntryDetail], labels: frozenset[str], position: int, moment: int
) -> list[dict[str, Any]]:
    """The records of entries that do not stand; each is active if another entry with its value stands."""
    pairs = [(detail.entry.index, one) for detail in details for one in _served(detail)]
    answers = await uses.house.equal([one for _, one in pairs], position) if pairs else []
    return [
        _taken_back(one, index, found, labels, moment)
        for (index, one), found in zip(pairs, answers, strict=True)
    ]


def _taken_back(
    one: Fingerprint, index: int, found: Answer, labels: frozenset[str], moment: int
) -> dict[str, Any]:
    # Those that are held back from a share of uploads stand, and are served.
    equal = (*found.matches, *(match for match in found.held if match.held is not Held.NEVER))
    others = [match for match in equal if not labels.isdisjoint(match.labels)]
    cases = {index: _WITHDRAWN} | {match.entry: _ACTIVE for match in others}
    feedback = [each for match in others for each in _feedback([(match.member, "Blocked")], match.labels)]
    return _record(one, moment, cases, feedback)


def _record(
    one: Fingerprint, moment: int, cases: Mapping[int, str], feedback: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "lastModtimestamp": moment,
        "signalType": _TYPES[one.type],
        "hashValue": one.value.hex(),
        "hashStatus": _ACTIVE if _ACTIVE in cases.values() else _WITHDRAWN,
        "caseNumbers": {f"entries/{index}": status for index, status in cases.items()},
        "CSPFeedbacks": feedback,
    }


def _feedback(said: Sequence[tuple[str, str]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """What members say; those that block name the labels."""
    return [
        {"source": member, "feedbackValue": value, "tags": list(labels) if value == "Blocked" else []}
        for member, value in said
    ]


def _served(detail: EntryDetail) -> list[Fingerprint]:
    return [one for one in detail.fingerprints if one.type in _TYPES]


STOPNCII: Final[Sequence[RestEndpoint]] = (
    RestEndpoint(
        21,
        "GET",
        "/v1/FetchHashes",
        "Fetch the log as StopNCII's records, if it is configured.",
        fetch_hashes,
        (
            Parameter("startTimestamp", "From this time on, in Unix seconds."),
            Parameter(
                "pageSize",
                f"How many entries a page has at most, up to {DEFAULT_CHANGES}.",
            ),
            Parameter("nextPageToken", "The token of the page before."),
        ),
        answer={"type": "object", "required": ["count", "nextSetTimestamp", "hasMoreRecords", "hashRecords"]},
    ),
)
