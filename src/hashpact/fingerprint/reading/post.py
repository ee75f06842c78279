"""What of a post is its message: without the addresses, mentions and hashtags that people put around it."""

from __future__ import annotations

import re
from typing import Final

_ADDRESS: Final = re.compile(r"(?:https?://|www\.)|(?:[\w-]+\.)+[a-z]{2,}/", re.IGNORECASE)
_MENTION: Final = re.compile(r"@\w[\w.]*[,:;.!?]*")
_TAG: Final = re.compile(r"(?:#\w{1,40})+[,:;.!?]*")
_SIGNS: Final = ("#", "@", "/", "www.", "WWW.")


def message(text: str) -> str:
    """The text without addresses, and without the mentions and hashtags at either end of its lines.

    Inside a line they are words of the sentence. "RT", before a mention, goes with it. A text without any of
    these is returned as it is, and a text of nothing else is empty. Takes time linear in the length.
    """
    if not any(sign in text for sign in _SIGNS):
        return text
    lines = (_message(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _message(words: list[str]) -> str:
    kept = [word for word in words if not _ADDRESS.match(word.lstrip("(<["))]
    first, last = 0, len(kept)
    while first < last and (_is_around(kept[first]) or _is_repost(kept[first : first + 2])):
        first += 1
    while last > first and _is_around(kept[last - 1]):
        last -= 1
    return " ".join(kept[first:last])


def _is_around(word: str) -> bool:
    return word.startswith(("@", "#")) and bool(_MENTION.fullmatch(word) or _TAG.fullmatch(word))


def _is_repost(words: list[str]) -> bool:
    return len(words) > 1 and words[0] in {"RT", "rt"} and bool(_MENTION.fullmatch(words[1]))
