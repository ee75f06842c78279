"""The command labels: what entries may be labelled with, explained."""

from __future__ import annotations

import click

from hashpact.cli.options import Connect, example, json_option, reading_options
from hashpact.cli.output import emit, show_table
from hashpact.governance.labels import REQUIRED, Texts, explained, parse_texts


@click.command(
    epilog=example("hashpact labels --profile acme-video", "hashpact labels --lang vi --profile acme-video")
)
@click.option(
    "--lang", "language", metavar="CODE", default=REQUIRED[0], show_default=True, help="Such as en or vi."
)
@click.option("--reviewers", is_flag=True, help="Show what reviewers look at instead.")
@reading_options
@json_option
def labels(language: str, connect: Connect, *, reviewers: bool, as_json: bool) -> None:
    """List the labels of the policy in force, each with what it is for."""
    with connect() as client:
        policy = client.policy()
        digest = policy.terms.texts
        texts: Texts = {} if digest is None else parse_texts(client.document(digest))
    priorities = dict(policy.terms.priorities)
    if as_json:
        for label in policy.labels:
            found = explained(texts, label, language)
            emit(
                {
                    "label": label,
                    "explanation": None if found is None else found.users,
                    "reviewers": None if found is None else found.reviewers,
                    "language": language,
                    "priority": priorities.get(label),
                    "policy": policy.version,
                    "texts": None if digest is None else digest.hex(),
                }
            )
        return
    rows = []
    for label in policy.labels:
        found = explained(texts, label, language)
        text = None if found is None else (found.reviewers if reviewers else found.users)
        rows.append((label, text or "no explanation"))
    show_table(("label", "for"), rows)
