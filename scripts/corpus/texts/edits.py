"""Copies in other words: replaced words, typing errors, replies, hashtags, quotes, boilerplate."""

from __future__ import annotations

from typing import Final

from corpus.seeds import Random
from corpus.texts import posts
from corpus.texts.alteration import Change, TextAlteration
from corpus.texts.phrases import SPACELESS

WORD: Final = "short post: one word replaced"
REPLY: Final = "short post: @reply"
HASHTAGS: Final = "short post: hashtags and URL"

_TAGS: Final = """
fyp viral trending foryou news today football drama funny share breaking love music live
xuhuong tintuc hot follow truth wow daily reels video meme game
"""
TAGS: Final = tuple(_TAGS.split())


def language_of(text: str) -> str:
    """The language of our posts that this one is in, by its letters."""
    for language, first, last in (
        ("zh", "\u4e00", "\u9fff"), ("ko", "\uac00", "\ud7a3"), ("th", "\u0e00", "\u0e7f"),
        ("ar", "\u0600", "\u06ff"), ("ru", "\u0400", "\u04ff"),
    ):  # fmt: skip  # a table
        if any(first <= letter <= last for letter in text):
            return language
    if any(letter in "ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ" for letter in text):
        return "vi"
    return "tr" if any(letter in "ığş" for letter in text) else "en"


def _units(text: str) -> list[str]:
    """Words with what follows them, or pairs of characters where there are no spaces."""
    if language_of(text) in SPACELESS:
        return [text[at : at + 2] for at in range(0, len(text), 2)]
    return [f"{word} " for word in text.split()]


def _other(unit: str, random: Random) -> str:
    """A word, or as many characters, of another sentence in the same language."""
    others = _units(posts.sentence(language_of(unit), random))
    return others[int(random.integers(len(others)))]


def one_word(text: str, random: Random) -> str:
    """One word replaced by another."""
    units = _units(text)
    place = int(random.integers(len(units)))
    # The language is that of the text: a single word need not show it.
    others = _units(posts.sentence(language_of(text), random))
    units[place] = others[int(random.integers(len(others)))]
    return "".join(units).strip()


def some_words(share: float) -> Change:
    """That share of the words, at least one, replaced by others."""

    def change(text: str, random: Random) -> str:
        units = _units(text)
        others = _units(posts.text(language_of(text), random, len(text), len(text) + 40))
        count = max(1, round(share * len(units)))
        for place in random.choice(len(units), min(count, len(units)), replace=False).tolist():
            units[place] = others[int(random.integers(len(others)))]
        return "".join(units).strip()

    return change


def typing_errors(share: float) -> Change:
    """That share of the letters left out, doubled, exchanged with the next, or replaced by another."""

    def change(text: str, random: Random) -> str:
        letters = list(text)
        for place in range(len(letters) - 1):
            if not letters[place].isalpha() or random.random() >= share:
                continue
            match int(random.integers(4)):
                case 0:
                    letters[place] = ""
                case 1:
                    letters[place] *= 2
                case 2:
                    letters[place], letters[place + 1] = letters[place + 1], letters[place]
                case _:
                    letters[place] = text[int(random.integers(len(text)))]
        return "".join(letters)

    return change


def reply(text: str, random: Random) -> str:
    """As an answer to somebody, with a laugh."""
    return f"@{TAGS[int(random.integers(len(TAGS)))]}{int(random.integers(10, 999))} {text} lol"


def hashtags(text: str, random: Random) -> str:
    """With an address and four hashtags after it."""
    tags = " ".join(f"#{TAGS[place]}" for place in random.choice(len(TAGS), 4, replace=False).tolist())
    address = "".join(chr(97 + letter) for letter in random.integers(26, size=8).tolist())
    return f"{text} https://example.com/{address} {tags}"


def surrounded(text: str, random: Random) -> str:
    """Between remarks of 30 and of 40 characters."""
    language = language_of(text)
    before, after = (posts.text(language, random, length, length + 4) for length in (30, 40))
    return f"{before}: {text} - {after}"


def truncated(share: float) -> Change:
    """The first part only."""
    return lambda text, _random: text[: max(1, round(share * len(text)))].strip()


def quoted(times: float) -> Change:
    """In the middle of a text that is so many times as long."""

    def change(text: str, random: Random) -> str:
        more = round((times - 1) * len(text))
        language = language_of(text)
        first = int(random.integers(more // 4, more * 3 // 4 + 1))
        before, after = (posts.text(language, random, length, length + 5) for length in (first, more - first))
        return f"{before}\n\n{text}\n\n{after}"

    return change


def with_boilerplate(text: str, boilerplate: str) -> str:
    """The text with what many other texts end with as well."""
    return f"{text}\n\n{boilerplate}"


ALTERATIONS: Final = (
    TextAlteration("one word replaced", WORD, one_word, length="short"),
    TextAlteration("one word replaced, long", "", one_word, length="long"),
    TextAlteration("10 % of words replaced", "", some_words(0.10), length="short"),
    TextAlteration("10 % of words replaced, long", "", some_words(0.10), length="long"),
    TextAlteration("typing errors, 6 %", "", typing_errors(0.06), length="short"),
    TextAlteration("typing errors, 6 %, long", "", typing_errors(0.06), length="long"),
    TextAlteration("@reply", REPLY, reply, length="short"),
    TextAlteration("hashtags and URL", HASHTAGS, hashtags, length="short"),
    TextAlteration("hashtags and URL, long", "", hashtags, length="long"),
    TextAlteration("prefix and suffix", "", surrounded, length="short"),
    TextAlteration("prefix and suffix, long", "", surrounded, length="long"),
    TextAlteration("first 80 %", "", truncated(0.8), length="short"),
    TextAlteration("first 50 %, long", "", truncated(0.5), length="long"),
    *(
        TextAlteration(
            f"quoted in {times:g} times as long", f"quoted {times:g} times", quoted(times), length="long"
        )
        for times in (1.5, 2, 3, 5, 10)
    ),
)
