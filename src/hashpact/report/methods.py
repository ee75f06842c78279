"""The methods statement: how content is found, what is asked of it, and what is kept, as one document.

It is made of what is in force: the fingerprint types of this version, the log's charter and policy, and the
settings of the server. docs/formats/methods.md describes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from hashpact.domain.fingerprints import TYPES, FingerprintType
from hashpact.domain.keys import KEY_LIFE
from hashpact.domain.renewal import MAX_DAYS
from hashpact.domain.state import Charter
from hashpact.errors import MalformedError

FORMAT: Final = "hashpact/methods/v1"

MEASURED: Final[Mapping[str, Mapping[str, int]]] = {
    "pdq/1": {"copies": 2160, "found": 1596, "unrelated": 330000, "matched": 0},
    "phash/1": {"copies": 2352, "found": 1835, "unrelated": 593250, "matched": 24},
    "minhash/1": {"copies": 8391, "found": 7002, "unrelated": 145920, "matched": 0},
}
"""Of altered copies and of unrelated pairs, how many are within the default threshold (distances.json)."""

NOTES: Final = {
    "match": (
        "A match is a signal, never a verdict: nothing is deleted or blocked by it. A platform decides.",
        "Kết quả trùng chỉ là tín hiệu, không phải phán quyết: không tự xóa, chặn gì. Nền tảng quyết định.",
    ),
    "content": (
        "Content never leaves a platform; only fingerprints do.",
        "Nội dung không rời khỏi nền tảng; chỉ dấu vân tay được chia sẻ.",
    ),
    "checks": (
        "No check is kept: no fingerprint of an upload is stored or logged, only counted.",
        "Không lưu lượt kiểm tra: không dấu vân tay nào của nội dung tải lên được lưu hay ghi, chỉ đếm.",
    ),
    "log": (
        "The log is kept for good: it stays visible who shared, withdrew or decided what.",
        "Nhật ký được giữ mãi: ai chia sẻ, rút lại hay quyết định đều còn thấy được.",
    ),
    "confidential": (
        "Explanations and addresses are read by those whom they concern, and stand in no public leaf.",
        "Giải thích và địa chỉ chỉ người liên quan đọc được, không nằm trong mục công khai nào.",
    ),
}
"""What holds for every clearinghouse of this version, in English and in Vietnamese."""


def methods_statement(charter: Charter, settings: Mapping[str, object]) -> bytes:
    """The document, as canonical JSON. ``settings`` are those of the running server that are published."""
    terms = charter.terms
    value = {
        "format": FORMAT,
        "log": charter.origin,
        "fingerprints": [_type(kind, charter) for kind in TYPES.values()],
        "policy": {
            "version": charter.policy_version,
            "labels": list(charter.labels),
            "texts": None if terms.texts is None else terms.texts.hex(),
            "clocks": terms.classes(),
            "priorities": dict(terms.priorities),
            "private_quota": charter.private_quota,
            "rates": dict(charter.rates),
            "key_delay": charter.key_delay or 0,
            "tally_step": terms.tally_step,
        },
        "quorums": {
            "administrators": [charter.threshold, len(charter.admins)],
            "panel": [terms.quorum or 0, len(terms.panel)],
        },
        "keys": {"life_days": KEY_LIFE // 86400, "certificate_days": MAX_DAYS},
        "settings": dict(settings),
        "notes": {name: {"en": english, "vi": vietnamese} for name, (english, vietnamese) in NOTES.items()},
    }
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8") + b"\n"


def parse_methods(data: bytes) -> dict[str, Any]:
    """The document's values. Raises MalformedError if it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        msg = "the methods statement is not JSON"
        raise MalformedError(msg, field="document") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        msg = f"the methods statement is not of the format {FORMAT}"
        raise MalformedError(msg, field="document")
    return value


def _type(kind: FingerprintType, charter: Charter) -> dict[str, object]:
    """A fingerprint type: how values are compared, and what was measured of it."""
    return {
        "type": kind.name,
        "compared_by": kind.measure.value,
        "threshold": kind.default,
        "ceiling": kind.ceiling,
        "opt_in": kind.opt_in,
        "allowed_under": [label for name, label in charter.allowed if name == kind.name],
        "never_under": sorted(kind.never),
        "measured": MEASURED.get(kind.name),
    }
