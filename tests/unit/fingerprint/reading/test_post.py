"""The message of a post: what is taken off it, and what is not."""

from __future__ import annotations

import time

import pytest

from hashpact.fingerprint.reading.post import message
from hashpact.fingerprint.text import fold, minhash

POST = "bọn này toàn lừa tiền người già"
AROUND = {
    "a reply": f"@minh.tran {POST}",
    "replies": f"@minh, @lan_99: {POST}",
    "a repost": f"RT @minh: {POST}",
    "hashtags": f"{POST} #hot #xuhướng #2026!",
    "hashtags before and after": f"#tin\n{POST}\n#hot#new",
    "an address": f"{POST} https://example.com/a?b=c#d",
    "addresses": f"www.example.org {POST} (http://example.org/x) t.co/Ab12",
    "all of it": f"RT @a @b: #x {POST} HTTPS://EXAMPLE.COM/Q\n\n#y #z @c",
}


@pytest.mark.parametrize("way", AROUND)
def test_what_is_around_a_post_is_no_part_of_its_message(way: str) -> None:
    assert message(AROUND[way]).split() == POST.split()
    assert minhash(AROUND[way]) == minhash(POST)


@pytest.mark.parametrize(
    "text",
    [
        POST,
        "mail me at a.b@example.com or @ the office, #1 of 2",
        "the #truth about @nobody is in there",
        "sell 3/4 of it and/or 1.5 kg at 10/11/2026",
        "C# and F# are languages # and so on",
        "@ # ## @@ #!",
    ],
)
def test_a_sentence_is_left_as_it_is(text: str) -> None:
    assert message(text).split() == text.split()


def test_a_post_of_nothing_else_keeps_what_it_has() -> None:
    text = "#fraud #scam #never #again #market #police #mayor"
    assert message(text) == ""
    assert minhash(text).value == minhash(text.replace("#", "")).value
    assert fold(text).startswith("phraud")


@pytest.mark.parametrize("run", ["#", "@", "#a", "@a ", "a.", "a.b/", "RT @a ", "# ", "#a ", "\n#", "/"])
def test_hostile_posts_take_linear_time(run: str) -> None:
    """Eight times the length takes eight times as long, not sixty-four; the least of three is compared."""

    def seconds(length: int) -> float:
        hostile = run * (length // len(run))
        started = time.process_time()
        message(hostile)
        return time.process_time() - started

    bound = 30 * max(min(seconds(30_000) for _ in range(3)), 0.01)
    assert any(seconds(240_000) < bound for _ in range(3))
