"""The options by which a check holds the clearinghouse to account: --attest, --answers, --prove."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from hashpact.cli.options import passphrases
from hashpact.domain.checks import Query
from hashpact.fingerprint.content import Fingerprinted
from hashpact.fingerprint.source import Content

if TYPE_CHECKING:
    from hashpact.member.checking.results import CheckResult
    from hashpact.member.clients import Client
    from hashpact.member.trusting.answers import AnswerStore

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Accountable:
    """What of the answers is kept, and whether their matches are proved."""

    attest: bool
    answers: Path | None
    prove_matches: bool
    _queries: dict[int, Sequence[Query]] = field(default_factory=dict, init=False)
    """What was looked for of content whose matches are to be proved, by the id of what was made of it."""

    @property
    def asked(self) -> bool:
        """Whether anything was asked for."""
        return self.attest or self.prove_matches or self.answers is not None

    def store(self, client: Client) -> AnswerStore | None:
        """Where attested answers are kept; None if none are asked for."""
        if not self.attest and self.answers is None:
            return None
        from hashpact.member.trusting.answers import AnswerStore

        return AnswerStore.of(client.profile, self.answers, passphrases())

    def watching(
        self, queries: Callable[[Content, Fingerprinted], Iterable[Query]]
    ) -> Callable[[Content, Fingerprinted], Iterable[Query]]:
        """The same queries, remembered until their matches are proved."""

        def watched(content: Content, made: Fingerprinted) -> Iterable[Query]:
            found = tuple(queries(content, made))
            if self.prove_matches:
                self._queries[id(made)] = found
            return found

        return watched

    def prove(self, client: Client, result: CheckResult) -> None:
        """Prove every match of a result. Raises ProofError for the first that is not proved."""
        if self.prove_matches:
            queries = self._queries.pop(id(result.made))
            client.prove_matches([match for match in result.matches if not match.source], queries)


def accountable_options(command: Command) -> Command:
    """The options, which the command gets as ``accountable``."""

    @functools.wraps(command)
    def given(*, attest: bool, answers: Path | None, prove: bool, **rest: Any) -> Any:  # noqa: ANN401  # click's
        return command(accountable=Accountable(attest, answers, prove), **rest)

    for option in (
        click.option("--prove", is_flag=True, help="Verify every match against the signed log, or fail."),
        click.option(
            "--answers",
            metavar="DIR",
            type=Path,
            help="Where to keep attested answers; implies --attest. [answers/ in the profile]",
        ),
        click.option(
            "--attest", is_flag=True, help="Have the answer signed, verify that, and keep it, encrypted."
        ),
    ):
        given = option(given)
    return cast("Command", given)
