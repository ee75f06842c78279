"""The contents of a Hasher-Matcher-Actioner, asked for one after another over its REST interface.

No route of HMA lists contents. Their ids are one sequence for all banks, and the bank in a path is not
compared with a content's, so every id is asked for below one bank, up to a gap beyond the highest that a
lookup shows.
The routes are those of HMA 1.1.7 (``OpenMediaMatch/blueprints``: curation, matching).
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from hashpact.errors import MalformedError, UnavailableError
from hashpact.http.exchange import HttpExchange

GAP: Final = 100
"""So many ids in a row without a content are the end, beyond the highest id that is known."""
LATEST: Final = 8
"""So many contents are looked up at a gap, for the ids of others like them."""
MAX_ANSWER: Final = 4 << 20
"""Bytes of an answer: 10,000 matches of a lookup have a tenth of that."""
_MAX_ID: Final = (1 << 31) - 1
"""The largest id in HMA's database, an INTEGER of PostgreSQL."""
_MAX_SIGNAL: Final = 2048
"""Characters of a signal that is looked up: web servers take some 4000 for a whole path and query."""
_OK, _REFUSED, _MISSING = 200, 400, 404
_BANKS: Final = "c/banks"
_BANK: Final = re.compile("[A-Z_][A-Z0-9_]{0,254}", re.ASCII)


class HmaContents:
    """The contents of the HMA at a URL, for one thread at a time."""

    def __init__(self, url: str) -> None:
        self._exchange = HttpExchange(url.rstrip("/"), 30.0, 60.0)
        self._latest: deque[Mapping[str, str]] = deque(maxlen=LATEST)

    def after(self, copied: Sequence[Mapping[str, Any]] = ()) -> Iterator[dict[str, Any]]:
        """What `hashpact import hma` reads of each content after the last of those ``copied``, by their ids.

        Of an earlier copy the last `LATEST` contents suffice. Raises UnavailableError if HMA does not answer,
        or its bank is gone, MalformedError if it answers something else than HMA.
        """
        bank = self._any_bank()
        number = highest = copied[-1]["id"] if copied else 0
        self._latest.extend(one["signals"] for one in copied)
        missing = 0
        while bank is not None:
            number += 1
            found = self._content(bank, number)
            if found is not None:
                missing = 0
                yield found
            elif number > highest:
                missing += 1
            if missing >= GAP:
                self._check_kept(bank)
                highest, missing = self._highest(), 0
                if highest <= number:
                    return

    def close(self) -> None:
        """Give the connection back."""
        self._exchange.close()

    def _any_bank(self) -> str | None:
        banks = self._asked(_BANKS)
        if not isinstance(banks, list) or not all(isinstance(one, dict) for one in banks):
            raise self._malformed(_BANKS)
        names = [str(one.get("name")) for one in banks]
        if not all(map(_BANK.fullmatch, names)):
            raise self._malformed(_BANKS)
        return next(iter(names), None)

    def _check_kept(self, bank: str) -> None:
        """Raise UnavailableError if the bank is gone, below which nothing can be found any more."""
        if self._asked(f"c/bank/{bank}") is None:
            msg = f"{self._exchange.url}: bank {bank} is gone; run this again to go on with another bank"
            raise UnavailableError(msg)

    def _content(self, bank: str, number: int) -> dict[str, Any] | None:
        path = f"c/bank/{bank}/content/{number}?include_signals=true&include_metadata=true"
        shown = self._asked(path)
        if shown is None:
            return None
        try:
            found = copy_of(shown)
        except ValueError as error:
            raise self._malformed(path) from error
        if found["id"] != number:
            raise self._malformed(path)
        self._latest.append(found["signals"])
        return found

    def _highest(self) -> int:
        """The highest id among the contents that are near the last ones."""
        found = [0]
        for name, value in (signal for signals in self._latest for signal in signals.items()):
            if not (name + value).isascii() or len(value) > _MAX_SIGNAL:
                continue
            path = f"m/raw_lookup?{urlencode({'signal_type': name, 'signal': value})}"
            shown = self._asked(path, {_REFUSED, _MISSING})
            if shown is None:  # a type that is not enabled any more
                continue
            matches = shown.get("matches") if isinstance(shown, dict) else None
            if not isinstance(matches, list):
                raise self._malformed(path)
            found += [one for one in matches if isinstance(one, int)]
        self._latest.clear()
        if max(found) > _MAX_ID:
            msg = (
                f"{self._exchange.url}: m/raw_lookup shows content {max(found)}, and HMA has none above "
                f"{_MAX_ID}; a gateway of Hashpact is not copied"
            )
            raise MalformedError(msg, field="url")
        return max(found)

    def _asked(self, path: str, missing: Collection[int] = (_MISSING,)) -> Any:  # noqa: ANN401 - JSON
        """What is answered, None for the statuses ``missing``."""
        answer = self._exchange.ask("GET", path, MAX_ANSWER)
        where = f"{self._exchange.url}: {path.partition('?')[0]}"
        if answer.status in missing:
            return None
        if answer.status != _OK:
            aim = f", to {answer.location[:200]!r}, which is not followed" if answer.location else ""
            msg = f"{where} is answered with status {answer.status}{aim}"
            raise UnavailableError(msg)
        if len(answer.body) > MAX_ANSWER:
            msg = f"{where} has more than {MAX_ANSWER} bytes"
            raise MalformedError(msg, field="url")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._malformed(path) from error

    def _malformed(self, path: str) -> MalformedError:
        msg = f"{self._exchange.url}: {path.partition('?')[0]} is not answered as HMA 1.1.7 answers"
        return MalformedError(msg, field="url")


def copy_of(shown: object) -> dict[str, Any]:
    """What is copied of a content as HMA shows it, or as an earlier copy has it: id, bank, state, signals.

    Of metadata only the names of the exchanges that it came from. Raises ValueError for what is no content.
    """
    fields: dict[str, Any] = shown if isinstance(shown, dict) else {}
    number, until, bank, signals, metadata = map(
        fields.get, ("id", "disable_until_ts", "bank", "signals", "metadata")
    )
    name = bank.get("name") if isinstance(bank, dict) else None
    exchanges = (metadata.get("collab") or {}) if isinstance(metadata, dict) else {}
    known = isinstance(number, int) and not isinstance(number, bool) and 0 < number <= _MAX_ID
    if not known or not isinstance(name, str) or not isinstance(exchanges, dict):
        raise ValueError
    texts = signals.items() if isinstance(signals, dict) else ()
    made = {
        "id": number,
        "disable_until_ts": until if isinstance(until, int) else None,
        "bank": {"name": name},
        "signals": {kind: value for kind, value in texts if isinstance(value, str)},
    }
    return made | ({"metadata": {"collab": {key: [] for key in exchanges}}} if exchanges else {})
