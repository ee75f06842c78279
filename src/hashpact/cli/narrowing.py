"""The options by which a check is narrowed to some entries, and to some matches."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import click

from hashpact.domain.checks import Filter
from hashpact.domain.state import Basis

Command = TypeVar("Command", bound=Callable[..., Any])

_BASES: Final = click.Choice([basis.value for basis in Basis if basis is not Basis.BENIGN])
_LISTS: Final = ("labels", "bases", "jurisdictions")
_OTHERS: Final = (
    "min_endorsed_by",
    "without_disputed",
    "without_disowned",
    "without_benign",
    "agreeing",
    "without_quarantined",
)
_OPTIONS: Final = (
    click.option(
        "--label", "labels", metavar="LABEL", multiple=True, help="Only entries with it; may be repeated."
    ),
    click.option("--basis", "bases", type=_BASES, multiple=True, help="Only entries removed on this basis."),
    click.option(
        "--jurisdiction", "jurisdictions", metavar="CC", multiple=True, help="Only entries that name it."
    ),
    click.option(
        "--min-endorsed-by",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        help="Only entries so endorsed.",
    ),
    click.option("--without-disputed", is_flag=True, help="Leave out entries that any member disputes."),
    click.option("--without-disowned", is_flag=True, help="Leave out entries that their authority disowns."),
    click.option(
        "--without-benign", is_flag=True, help="Leave out matches that something harmless is as near to."
    ),
    click.option(
        "--agreeing", is_flag=True, help="Leave out matches that another type contradicts, or should confirm."
    ),
    click.option(
        "--without-quarantined", is_flag=True, help="Leave out entries that a mirror has in quarantine."
    ),
)


def narrowing_options(command: Command) -> Command:
    """The options, which the command gets as ``narrow``, a `Filter`."""

    @functools.wraps(command)
    def given(**options: Any) -> Any:  # noqa: ANN401  # click's
        terms: dict[str, Any] = {name: frozenset(options.pop(name)) for name in _LISTS}
        terms |= {name: options.pop(name) for name in _OTHERS}
        return command(narrow=Filter(**terms), **options)

    narrowed: Callable[..., Any] = given
    for option in reversed(_OPTIONS):
        narrowed = option(narrowed)
    return cast("Command", narrowed)
