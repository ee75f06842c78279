"""The contents of a Hasher-Matcher-Actioner, asked for one after another over its REST interface.

No route of HMA lists contents. Their ids are one sequence for all banks, and the bank in a path is not
compared with a content's, so every id is asked for below one bank, up to a gap beyond the highest that a
lookup shows.
The routes are those of HMA 1.1.7 (``OpenMediaMatch/blueprints``: curation, matching).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from hashpact.errors import MalformedError, UnavailableError
from hashpact.http.exchange import HttpExchange

GAP: Final = 100
"""So many ids in a row without a content are the end, beyond the highest id that is known."""
_LATEST: Final = 8
"""So many contents are looked up at a gap, for the ids of others like them."""
_LIMIT: Final = 4 << 20
"""Bytes of an answer: 10,000 matches of a lookup have a tenth of that."""
_OK, _MISSING = 200, 404
_BANKS: Final = "c/banks"
_KEPT: Final = ("id", "disable_until_ts")


class HmaContents:
    """The contents of the HMA at a URL, for one thread at a time."""

    def __init__(self, url: str) -> None:
        self._exchange = HttpExchange(url.rstrip("/"), 30.0, 60.0)
        self._latest: deque[Mapping[str, str]] = deque(maxlen=_LATEST)

    def after(self, last: int = 0) -> Iterator[dict[str, Any]]:
        """What `hashpact import hma` reads of each content whose id is above ``last``, in their order.

        Notes and metadata are left behind, but for the exchanges that a content came from. Raises
        UnavailableError if HMA does not answer, MalformedError if it answers something else.
        """
        bank = self._any_bank()
        number, highest, missing = last, last, 0
        while bank is not None:
            number += 1
            found = self._content(bank, number)
            if found is not None:
                missing = 0
                yield found
            elif number > highest:
                missing += 1
            if missing >= GAP:
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
        names = [one.get("name") for one in banks]
        return next((name for name in names if isinstance(name, str)), None)

    def _content(self, bank: str, number: int) -> dict[str, Any] | None:
        path = f"c/bank/{quote(bank, safe='')}/content/{number}?include_signals=true&include_metadata=true"
        found = self._asked(path)
        if found is None:
            return None
        if not isinstance(found, dict) or found.get("id") != number:
            raise self._malformed(path)
        signals, metadata = found.get("signals"), found.get("metadata")
        if isinstance(signals, dict):
            self._latest.append({name: value for name, value in signals.items() if isinstance(value, str)})
        named, kept = found.get("bank"), {name: found.get(name) for name in _KEPT}
        kept["bank"] = {"name": named.get("name")} if isinstance(named, dict) else None
        kept["signals"] = signals
        if isinstance(metadata, dict) and metadata.get("collab"):
            kept["metadata"] = {"collab": metadata["collab"]}
        return kept

    def _highest(self) -> int:
        """The highest id among the contents that are near the last ones."""
        found = [0]
        for signals in self._latest:
            for name, value in signals.items():
                path = f"m/raw_lookup?{urlencode({'signal_type': name, 'signal': value})}"
                shown = self._asked(path)
                matches = shown.get("matches") if isinstance(shown, dict) else None
                if not isinstance(matches, list):
                    raise self._malformed(path)
                found += [one for one in matches if isinstance(one, int)]
        self._latest.clear()
        return max(found)

    def _asked(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What is answered, None for 404."""
        answer = self._exchange.ask("GET", path, _LIMIT)
        if answer.status == _MISSING:
            return None
        if answer.status != _OK:
            msg = f"{self._exchange.url}: {path.partition('?')[0]} is answered with status {answer.status}"
            raise UnavailableError(msg)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            raise self._malformed(path) from error

    def _malformed(self, path: str) -> MalformedError:
        msg = f"{self._exchange.url}: {path.partition('?')[0]} is not answered as HMA 1.1.7 answers"
        return MalformedError(msg, field="url")
