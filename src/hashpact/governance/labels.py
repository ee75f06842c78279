"""The labels that a log is founded with, each with what it is for. A policy may have others."""

from __future__ import annotations

from typing import Final

EXPLANATIONS: Final = {
    "csam": "sexual abuse of children, in any form",
    "fraud": "deception for gain: scams, phishing, false shops, forged documents",
    "harassment": "attacks on a person: threats, stalking, bullying, publishing private data",
    "hate": "incitement against people for what they are: origin, faith, sex, disability",
    "incitement": "calls to violence or to crimes, not against a protected group alone",
    "minors": "content that harms children, other than csam",
    "ncii": "intimate pictures or recordings shared without the consent of those shown",
    "other": "against a platform's rules, and under no other label",
    "other-illegal": "against the law, and under no other label",
    "terrorism": "propaganda, instructions or recruitment of terrorist organisations",
}
DEFAULT_LABELS: Final = tuple(EXPLANATIONS)
