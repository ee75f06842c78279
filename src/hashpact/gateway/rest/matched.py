"""Routes 1 to 9: what is alive, hashes of content, lookups, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from hashpact.domain.fingerprints import Fingerprint, FingerprintType
from hashpact.errors import InvalidInputError
from hashpact.gateway.clearing import Health
from hashpact.gateway.matching import Lookup, draw_of, united
from hashpact.gateway.rest.asking import Parameter, RestRequest, fields_of
from hashpact.gateway.rest.contents import hashed_file, hashed_url
from hashpact.gateway.rest.declared import (
    CONTENT,
    FORM_TYPE,
    JSON_TYPE,
    SIGNALS,
    TEXT,
    TYPES,
    UPLOAD,
    URL,
    RestEndpoint,
)
from hashpact.gateway.rest.statuses import TRUNCATED, answer
from hashpact.gateway.rest.uses import GatewayUses

_BAD, _UNAVAILABLE = 400, 503
_TWO: Final = 2
_TRUNCATED: Final = {TRUNCATED: "1"}
_BANKS: Final = Parameter("banks", "Names of banks, separated by commas; the others take no part.")
_SEED: Final = Parameter("seed", "Decides which banks with a ratio below 1 answer.")
_BYPASS: Final = Parameter("bypass_coinflip", "Let every bank answer, whatever its ratio.", "boolean")
_SIGNAL: Final = Parameter("signal", "A value in hex.")
_SIGNAL_TYPE: Final = Parameter("signal_type", "What the value is of.")


async def status(uses: GatewayUses, asked: RestRequest) -> Response:
    """Whether the gateway can answer, and from nothing that is too old."""
    del asked
    health = await uses.house.checks.health(uses.config.stale)
    if health is Health.ALIVE and not uses.matcher.index.ready:
        health = Health.NOT_LOADED
    return PlainTextResponse(health.value, 200 if health is Health.ALIVE else _UNAVAILABLE)


async def live(uses: GatewayUses, asked: RestRequest) -> Response:
    """Whether the gateway runs."""
    del uses, asked
    return PlainTextResponse(Health.ALIVE.value)


async def hash_url(uses: GatewayUses, asked: RestRequest) -> Response:
    """The signals of content at an address."""
    return answer(_hex(await hashed_url(uses, asked)))


async def hash_file(uses: GatewayUses, asked: RestRequest) -> Response:
    """The signals of a file."""
    return answer(_hex(await hashed_file(uses, asked, await asked.form(uses.max_upload))))


def _hex(made: Mapping[str, Fingerprint]) -> dict[str, str]:
    return {name: one.value.hex() for name, one in made.items()}


async def lookup(uses: GatewayUses, asked: RestRequest) -> Response:
    """What is near a signal, or near content at an address."""
    signal, name, names = asked.text("signal"), asked.text("signal_type"), asked.text("banks")
    draw = draw_of(asked.text("seed") or None)
    if asked.text("url"):
        made = await hashed_url(uses, asked)
        if not name:
            return await _near_each(uses, made, names, draw)
        uses.signals.find(name)
        found = await _near(uses, made.get(name), names, draw)
    elif signal and name:
        found = await _near(uses, _parsed(uses, name, signal), names, draw)
    else:
        msg = "Either url or both signal and signal_type are required"
        raise InvalidInputError(msg, field="signal")
    return answer(_banks(found), headers=_TRUNCATED if found.truncated else None)


async def lookup_file(uses: GatewayUses, asked: RestRequest) -> Response:
    """What is near the signals of a file; a body of JSON with signal and signal_type is taken, too."""
    draw = None if asked.flag("bypass_coinflip") else draw_of(asked.text("seed") or None)
    if asked.is_json:
        given = fields_of(await asked.json())
        texts = {name: given.get(name) for name in ("signal", "signal_type", "banks")}
        if not (isinstance(texts["signal"], str) and isinstance(texts["signal_type"], str)):
            msg = "Either url or both signal and signal_type are required"
            raise InvalidInputError(msg, field="signal")
        names = texts["banks"] if isinstance(texts["banks"], str) else asked.text("banks")
        wanted = _parsed(uses, texts["signal_type"], texts["signal"])
        found = await _near(uses, wanted, names, draw)
        return answer(_banks(found), headers=_TRUNCATED if found.truncated else None)
    made = await hashed_file(uses, asked, await asked.form(uses.max_upload))
    return await _near_each(uses, made, asked.text("banks"), draw)


def _parsed(uses: GatewayUses, name: str, text: str) -> Fingerprint | None:
    kind = uses.signals.find(name)
    try:
        return kind.fingerprint(text)
    except InvalidInputError as error:
        msg = f"invalid signal: {error.message}"
        raise InvalidInputError(msg, field="signal") from error


async def _near(uses: GatewayUses, wanted: Fingerprint | None, names: str, draw: float | None) -> Lookup:
    banks = uses.matcher.index.choose(names.split(",") if names else None, draw)
    return await uses.matcher.lookup(wanted, banks, uses.clock())


async def _near_each(
    uses: GatewayUses, made: Mapping[str, Fingerprint], names: str, draw: float | None
) -> Response:
    found = {name: await _near(uses, one, names, draw) for name, one in made.items()}
    truncated = any(one.truncated for one in found.values())
    shown = {name: _banks(one) for name, one in found.items()}
    return answer(shown, headers=_TRUNCATED if truncated else None)


def _banks(found: Lookup) -> dict[str, Any]:
    return {name: [one.fields() for one in some] for name, some in found.banks.items()}


async def raw_lookup(uses: GatewayUses, asked: RestRequest) -> Response:
    """The ids near a signal, regardless of ratios and including disabled contents."""
    if not (asked.text("signal") and asked.text("signal_type")):
        msg = "both signal and signal_type are required"
        raise InvalidInputError(msg, field="signal")
    names = asked.text("banks")
    banks = uses.matcher.index.choose(names.split(",") if names else None, None)
    wanted = _parsed(uses, asked.text("signal_type"), asked.text("signal"))
    found = await uses.matcher.lookup(wanted, banks, None)
    shown: list[Any] = [
        {"bank_content_id": one.id, "distance": str(one.distance)}
        if asked.flag("include_distance")
        else one.id
        for one in united(found)
    ]
    return answer({"matches": shown}, headers=_TRUNCATED if found.truncated else None)


async def compare(uses: GatewayUses, asked: RestRequest) -> Response:
    """How near two signals of a type are, of each type."""
    given = await asked.json()
    if not isinstance(given, dict):
        raise HTTPException(_BAD, "Request input was not a dict")
    found = {}
    for name, values in given.items():
        kind = uses.signals.find(name)
        if not isinstance(values, list):
            raise HTTPException(_BAD, f"Comparison hashes for {name} was not a list")
        if len(values) != _TWO:
            raise HTTPException(_BAD, "Comparison hash list length must be exactly 2")
        try:
            one, other = (kind.parse(value if isinstance(value, str) else "") for value in values)
        except InvalidInputError as error:
            raise HTTPException(_BAD, f"Invalid {name} hash: {error.message}") from error
        found[name] = list(kind.compare(one, other))
    return answer(found)


async def index_status(uses: GatewayUses, asked: RestRequest) -> Response:
    """For each type how many signals lookups search, and how recent they are."""
    return answer(_each(uses, asked, _indexed))


def _indexed(uses: GatewayUses, kind: FingerprintType) -> dict[str, Any]:
    reflected = uses.house.checks.reflected
    local = uses.matcher.index.size(kind.name) + uses.matcher.lists.size(kind)
    if reflected is None:
        return {"present": bool(local), "built_to": -1, "size": local}
    return {"present": True, "built_to": reflected.at, "size": reflected.position + local}


async def signal_type_index(uses: GatewayUses, asked: RestRequest) -> Response:
    """As `index_status`, in the form of an older route."""
    return answer(_each(uses, asked, _built))


def _built(uses: GatewayUses, kind: FingerprintType) -> dict[str, Any]:
    found = _indexed(uses, kind)
    size, moment = found["size"], found["built_to"]
    return {
        "db_size": size,
        "index_size": size,
        "index_out_of_date": False,
        "newest_db_item": moment,
        "index_built_to": moment,
    }


def _each(
    uses: GatewayUses, asked: RestRequest, make: Callable[[GatewayUses, FingerprintType], dict[str, Any]]
) -> dict[str, Any]:
    name = asked.text("signal_type")
    wanted = [uses.signals.find(name)] if name else list(uses.signals.served.values())
    return {each.name: make(uses, each.kind) for each in wanted}


_ANY: Final = {"type": "object"}
_PAIR: Final = {"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}
_LOOKUP_JSON: Final = {
    "type": "object",
    "properties": {"signal": TEXT, "signal_type": TEXT, "banks": TEXT},
    "required": ["signal", "signal_type"],
}
_DOWN: Final = {503: "INDEX-NOT-LOADED or INDEX-STALE"}

MATCHED: Final[Sequence[RestEndpoint]] = (
    RestEndpoint(
        5,
        "GET",
        "/m/lookup",
        "Look a signal up, or content at an address.",
        lookup,
        (
            _SIGNAL,
            _SIGNAL_TYPE,
            _BANKS,
            _SEED,
            _BYPASS,
            URL,
            CONTENT,
            TYPES,
        ),
        answer={"type": "object", "additionalProperties": True},
    ),
    RestEndpoint(
        6,
        "POST",
        "/m/lookup",
        "Look a file up, or a signal.",
        lookup_file,
        (_BANKS, _SEED, _BYPASS, TYPES),
        {FORM_TYPE: UPLOAD, JSON_TYPE: _LOOKUP_JSON},
        answer=_ANY,
    ),
    RestEndpoint(
        7,
        "GET",
        "/m/raw_lookup",
        "Ids of contents near a signal.",
        raw_lookup,
        (_SIGNAL, _SIGNAL_TYPE, _BANKS, Parameter("include_distance", "With the distances.", "boolean")),
        answer={"type": "object", "properties": {"matches": {"type": "array"}}, "required": ["matches"]},
    ),
    RestEndpoint(
        1, "GET", "/status", "Whether it answers.", status, answer=TEXT, media="text/plain", plain=_DOWN
    ),
    RestEndpoint(2, "GET", "/status/live", "Whether it runs.", live, answer=TEXT, media="text/plain"),
    RestEndpoint(
        3,
        "GET",
        "/h/hash",
        "Hash content at an address.",
        hash_url,
        (replace(URL, required=True), CONTENT, TYPES),
        answer=SIGNALS,
    ),
    RestEndpoint(
        4, "POST", "/h/hash", "Hash a file.", hash_file, (TYPES,), {FORM_TYPE: UPLOAD}, answer=SIGNALS
    ),
    RestEndpoint(
        8,
        "POST",
        "/m/compare",
        "Compare two signals.",
        compare,
        body={JSON_TYPE: {"type": "object", "additionalProperties": _PAIR}},
        answer=_ANY,
    ),
    RestEndpoint(
        9, "GET", "/m/index/status", "What lookups search.", index_status, (_SIGNAL_TYPE,), answer=_ANY
    ),
)
