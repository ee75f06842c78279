"""The command labels: what entries may be labelled with."""

from __future__ import annotations

import click

from hashpact.cli.options import Connect, client_options, example, json_option
from hashpact.cli.output import emit, show_table
from hashpact.governance.labels import EXPLANATIONS


@click.command(epilog=example("hashpact labels --profile acme-video"))
@client_options
@json_option
def labels(connect: Connect, *, as_json: bool) -> None:
    """List the labels of the policy in force, each with what it is for."""
    with connect() as client:
        policy = client.policy()
    if as_json:
        for label in policy.labels:
            emit({"label": label, "explanation": EXPLANATIONS.get(label), "policy": policy.version})
        return
    show_table(
        ("label", "for"), ((label, EXPLANATIONS.get(label, "no explanation")) for label in policy.labels)
    )
