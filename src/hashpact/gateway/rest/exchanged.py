"""Routes 15 to 20: exchanges, of which there is one kind, views of the clearinghouse; and what there is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from hashpact.errors import NotFoundError
from hashpact.gateway.clearing import Health
from hashpact.gateway.keeping.banks import Bank, BankKind, ViewFilter
from hashpact.gateway.rest.asking import Parameter, RestRequest, fields_of, truth_of
from hashpact.gateway.rest.declared import JSON_TYPE, MESSAGE, TEXT, RestEndpoint
from hashpact.gateway.rest.matched import signal_type_index
from hashpact.gateway.rest.statuses import answer, message
from hashpact.gateway.rest.uses import GatewayUses
from hashpact.gateway.signals import CONTENT_TYPES

API: Final = "hashpact"

_OK, _CREATED, _BAD, _NOT_FOUND, _UNPROCESSABLE = 200, 201, 400, 404, 422
_BANK: Final = re.compile("[A-Z0-9_]+", re.ASCII)
_AUTHENTICATION: Final = {"has_set_authentification": True, "supports_authentification": False}
_CREDENTIALS: Final = {"has_credentials": True, "source": "environment"}
_SCHEMA: Final = {
    "config_schema": {
        "fields": [
            {
                "name": "labels",
                "type": "set_of_string",
                "required": False,
                "default": [],
                "help": "only entries with one of these labels",
                "choices": None,
            },
            {
                "name": "min_endorsed_by",
                "type": "number",
                "required": False,
                "default": 0,
                "help": "only entries that at least this many members endorse",
                "choices": None,
            },
            {
                "name": "without_disputed",
                "type": "boolean",
                "required": False,
                "default": False,
                "help": "leave out what a member disputes",
                "choices": None,
            },
        ]
    },
    "credentials_schema": None,
}


async def apis(uses: GatewayUses, asked: RestRequest) -> Response:
    """The kinds of exchanges."""
    del uses, asked
    return answer([API])


async def api(uses: GatewayUses, asked: RestRequest) -> Response:
    """Whether a kind of exchange takes credentials: none are needed beside the gateway's profile."""
    del uses
    _check_api(asked, _BAD)
    return answer(_AUTHENTICATION)


async def set_api(uses: GatewayUses, asked: RestRequest) -> Response:
    """Refuses credentials."""
    del uses
    _check_api(asked, _BAD)
    _refuse_credentials(fields_of(await asked.json(other=_UNPROCESSABLE)))
    return answer(_AUTHENTICATION)


async def api_schema(uses: GatewayUses, asked: RestRequest) -> Response:
    """The settings of an exchange."""
    del uses
    _check_api(asked, _NOT_FOUND)
    return answer(_SCHEMA)


def _check_api(asked: RestRequest, status: int) -> None:
    if asked.path("api") != API:
        raise HTTPException(status, f"no such Exchange API '{asked.path('api')[:64]}'")


def _refuse_credentials(given: Mapping[str, object]) -> None:
    if given.get("credential_json"):
        raise HTTPException(_BAD, f"{API} takes no credentials: the gateway has those of its member")


async def exchanges(uses: GatewayUses, asked: RestRequest) -> Response:
    """The names of the views."""
    del asked
    return answer([bank.name for bank in uses.matcher.index.banks.values() if bank.kind is BankKind.VIEW])


async def make_exchange(uses: GatewayUses, asked: RestRequest) -> Response:
    """A new view, with its bank."""
    given = fields_of(await asked.json(other=_UNPROCESSABLE))
    name, kind, settings = given.get("bank"), given.get("api"), given.get("api_json")
    if not isinstance(name, str) or not name:
        raise HTTPException(_BAD, "bank is required")
    if _BANK.fullmatch(name) is None:
        raise HTTPException(_BAD, "Field `bank` must match /^[A-Z0-9_]+$/")
    if kind != API:
        raise HTTPException(_BAD, f"No such exchange type '{str(kind)[:64]}'")
    if settings is not None and not isinstance(settings, dict):
        raise HTTPException(_BAD, "Failed to parse `api_json` - it must be an object")
    _refuse_credentials(given)
    await uses.curator.make(name, 1.0, ViewFilter.parse(settings or {}))
    return message("Created successfully", _CREATED)


async def exchange(uses: GatewayUses, asked: RestRequest) -> Response:
    """A view with its filter."""
    return answer(_shown(_view(uses, asked)))


async def exchange_status(uses: GatewayUses, asked: RestRequest) -> Response:
    """How new the answers of a view are."""
    _view(uses, asked)
    health = await uses.house.checks.health(uses.config.stale)
    reflected = uses.house.checks.reflected
    moment = None if reflected is None else reflected.at
    return answer(
        {
            "checkpoint_ts": moment,
            "fetched_items": 0 if reflected is None else reflected.position,
            "last_fetch_complete_ts": moment,
            "last_fetch_succeeded": None if reflected is None else health is Health.ALIVE,
            "running_fetch_start_ts": None,
            "up_to_date": health is Health.ALIVE,
        }
    )


async def change_exchange(uses: GatewayUses, asked: RestRequest) -> Response:
    """A view that matches, or does not."""
    view = _view(uses, asked)
    given = fields_of(await asked.json(other=_UNPROCESSABLE))
    enabled = truth_of(given.get("enabled"))
    if enabled is not None:
        view = await uses.curator.enable(view, enabled=enabled)
    return answer(_shown(view))


async def delete_exchange(uses: GatewayUses, asked: RestRequest) -> Response:
    """No view of that name, nor its bank, whether there was one or not."""
    found = uses.matcher.index.banks.get(asked.path("name"))
    if found is not None and found.kind is BankKind.VIEW:
        await uses.curator.delete(found.name)
    return message("Exchange deleted", _OK)


async def set_credentials(uses: GatewayUses, asked: RestRequest) -> Response:
    """Refuses credentials of a view; without any it answers where they come from."""
    _view(uses, asked)
    _refuse_credentials(fields_of(await asked.json(other=_UNPROCESSABLE)))
    return answer(_CREDENTIALS)


def _view(uses: GatewayUses, asked: RestRequest) -> Bank:
    found = uses.matcher.index.banks.get(asked.path("name"))
    if found is None or found.kind is not BankKind.VIEW:
        msg = f"Exchange '{asked.path('name')[:255]}' not found"
        raise NotFoundError(msg)
    return found


def _shown(bank: Bank) -> dict[str, Any]:
    known = {"name": bank.name, "api": API, "enabled": bank.enabled, "credential_status": _CREDENTIALS}
    return known | bank.view.fields()


async def signal_types(uses: GatewayUses, asked: RestRequest) -> Response:
    """The types of signals."""
    del asked
    return answer([{"enabled_ratio": 1.0, "name": name} for name in uses.signals.served])


async def content_types(uses: GatewayUses, asked: RestRequest) -> Response:
    """The types of content, which are enabled if a type of signals is made of them."""
    del asked
    return answer([{"enabled": bool(uses.signals.of_content(each)), "name": each} for each in CONTENT_TYPES])


_ANY: Final = {"type": "object"}
_TEXTS: Final = {"type": "array", "items": TEXT}
_GIVEN: Final = {JSON_TYPE: {"type": "object", "properties": {"credential_json": _ANY}}}
_ONE_API: Final = "/c/exchanges/api/{api}"
_ONE: Final = "/c/exchange/{name}"

EXCHANGED: Final[Sequence[RestEndpoint]] = (
    RestEndpoint(15, "GET", "/c/exchanges/apis", "List the kinds of exchanges.", apis, answer=_TEXTS),
    RestEndpoint(16, "GET", _ONE_API, "Show a kind of exchange.", api, answer=_ANY),
    RestEndpoint(16, "POST", _ONE_API, "Set credentials: there are none.", set_api, body=_GIVEN, answer=_ANY),
    RestEndpoint(
        16, "GET", f"{_ONE_API}/schema", "Show the settings of an exchange.", api_schema, answer=_ANY
    ),
    RestEndpoint(17, "GET", "/c/exchanges", "List the views.", exchanges, answer=_TEXTS),
    RestEndpoint(
        17,
        "POST",
        "/c/exchanges",
        "Make a view of the clearinghouse.",
        make_exchange,
        body={
            JSON_TYPE: {
                "type": "object",
                "properties": {"bank": TEXT, "api": TEXT, "api_json": _ANY},
                "required": ["bank", "api"],
            }
        },
        status=201,
    ),
    RestEndpoint(18, "GET", _ONE, "Show a view.", exchange, answer=_ANY),
    RestEndpoint(18, "GET", f"{_ONE}/status", "Show how new a view is.", exchange_status, answer=_ANY),
    RestEndpoint(
        18,
        "PUT",
        _ONE,
        "Enable a view, or disable it.",
        change_exchange,
        body={JSON_TYPE: {"type": "object", "properties": {"enabled": {"type": "boolean"}}}},
        answer=_ANY,
    ),
    RestEndpoint(18, "DELETE", _ONE, "Delete a view with its bank.", delete_exchange, answer=MESSAGE),
    RestEndpoint(
        19,
        "POST",
        f"{_ONE}/credentials",
        "Set credentials: there are none.",
        set_credentials,
        body=_GIVEN,
        answer=_ANY,
    ),
    RestEndpoint(
        20,
        "GET",
        "/c/signal_type",
        "List the types of signals.",
        signal_types,
        answer={"type": "array", "items": _ANY},
    ),
    RestEndpoint(
        20,
        "GET",
        "/c/content_type",
        "List the types of content.",
        content_types,
        answer={"type": "array", "items": _ANY},
    ),
    RestEndpoint(
        20,
        "GET",
        "/c/signal_type/index",
        "What lookups search.",
        signal_type_index,
        (Parameter("signal_type", "Only this one."),),
        answer=_ANY,
    ),
)
