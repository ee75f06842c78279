"""A classifier of python-threatexchange: the labels of shared entries that content is near.

The fingerprints are made in this process and sent to the clearinghouse, or to a mirror; the content is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from threatexchange.classifier.classifier import ClassificationInfo, ClassificationResult, Classifier
from threatexchange.content_type.content_base import ContentType
from threatexchange.content_type.photo import PhotoContent
from threatexchange.content_type.text import TextContent

from hashpact import CheckResult, Client, Profile
from hashpact_tx.config import HashpactCredentials
from hashpact_tx.exchange import HashpactSignalExchangeAPI


@dataclass
class HashpactClassification(ClassificationInfo):
    """How strongly content is near an entry with a label, and the entries or rows of private lists."""

    strength: str
    entries: tuple[str, ...]

    def weight_str(self) -> str:
        """The strength, such as ``near``."""
        return self.strength


class HashpactClassifier(Classifier):
    """Asks through one client, which any number of threads may share; close it at the end."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    def get_name(cls) -> str:
        """The classifier's name."""
        return "hashpact"

    @classmethod
    def get_content_types(cls) -> list[type[ContentType]]:
        """Photos, as paths of files, and texts."""
        return [PhotoContent, TextContent]

    @classmethod
    def get_with_default_settings(cls) -> HashpactClassifier:
        """A classifier with the profile of the environment, as the exchange finds it."""
        profile = HashpactCredentials.get(HashpactSignalExchangeAPI).profile
        return cls(Client(Profile.load(profile)))

    def classify(
        self, content_type: type[ContentType], content_val: str
    ) -> ClassificationResult[HashpactClassification]:
        """The labels of the entries that a text, or the photo in a file, is near.

        Raises ValueError for another type of content, and the errors of `hashpact.Client`.
        """
        if content_type is TextContent:
            return _labels(self._client.check_text(content_val))
        if content_type is PhotoContent:
            return _labels(self._client.check_file(Path(content_val)))
        msg = f"{self.get_name()} does not classify {content_type.get_name()}"
        raise ValueError(msg)


def _labels(result: CheckResult) -> ClassificationResult[HashpactClassification]:
    """Each label with the entries that have it; the first entry is the nearest, and says how near."""
    found: dict[str, HashpactClassification] = {}
    for near in result.entries:
        match = near.nearest
        name = f"{match.source}:{match.key}" if match.source else f"entries/{near.entry}"
        for label in near.labels:
            first = HashpactClassification(is_match=True, strength=str(near.strength or ""), entries=())
            one = found.setdefault(label, first)
            one.entries += (name,)
    return ClassificationResult(found)
