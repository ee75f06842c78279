"""Labels, and the document that explains them: to users, and to reviewers, in several languages.

A policy names its document by the SHA-256; docs/formats/texts.md describes the bytes. A log is founded with
the labels and texts below. They say under which rule content was removed, neutrally, and judge nobody.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NoReturn

from hashpact.domain.kinds import TERM
from hashpact.domain.messages import MAX_DOCUMENT
from hashpact.errors import MalformedError

FORMAT: Final = "hashpact/texts/v1"
REQUIRED: Final = ("en", "vi")
"""The languages in which each label is explained."""
MAX_TEXT: Final = 500
"""Characters of one text."""
_LANGUAGE: Final = re.compile("[a-z]{2,3}(-[a-z0-9]{2,8})*")
"""A language tag, in small letters."""
_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTIONS: Final = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""No text has letters of these: control characters, line breaks, and what turns the direction of others."""


@dataclass(frozen=True, slots=True)
class LabelTexts:
    """What a label is for, to ``users`` whose upload matched, and what ``reviewers`` look at."""

    users: str
    reviewers: str


Texts = Mapping[str, Mapping[str, LabelTexts]]
"""For each label and language its texts."""

_DEFAULT: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "csam": (
        "Sexual abuse of children, in any form.",
        "Do not look longer than needed. Report as the law demands. Drawings and texts count too.",
        "Nội dung xâm hại tình dục trẻ em, dưới mọi hình thức.",
        "Không xem lâu hơn mức cần thiết. Báo cáo theo quy định pháp luật. Tranh vẽ và văn bản cũng tính.",
    ),
    "fraud": (
        "Deception for gain: scams, phishing, false shops, forged documents.",
        "Look for what is asked of the reader: money, passwords, documents. Warnings about scams are none.",
        "Lừa đảo để trục lợi: giả mạo, lừa lấy thông tin, cửa hàng giả, giấy tờ giả.",
        "Xem người đọc bị yêu cầu gì: tiền, mật khẩu, giấy tờ. Bài cảnh báo lừa đảo thì không phải.",
    ),
    "harassment": (
        "Attacks on a person: threats, stalking, bullying, publishing private data.",
        "Ask whether a person is the target and can be recognised. Sharp criticism of public acts is none.",
        "Tấn công một người: đe dọa, theo dõi, bắt nạt, công khai dữ liệu riêng tư.",
        "Xét xem có nhắm vào một người nhận ra được không. Phê bình gay gắt việc công thì không phải.",
    ),
    "hate": (
        "Incitement against people for what they are: origin, faith, sex, disability.",
        "Look for the group and for the call. News reports, satire and counter-speech quote without calling.",
        "Kích động chống lại con người vì bản thân họ: nguồn gốc, tín ngưỡng, giới, khuyết tật.",
        "Tìm nhóm bị nhắm tới và lời kêu gọi. Tin tức, trào phúng, phản bác có thể trích mà không kêu gọi.",
    ),
    "incitement": (
        "Calls to violence or to crimes, not against a protected group alone.",
        "Look for the call and whether it is meant. Reports about calls are none.",
        "Kêu gọi bạo lực hoặc phạm tội, không chỉ nhắm vào một nhóm được bảo vệ.",
        "Tìm lời kêu gọi và xem có thật ý không. Bài tường thuật về lời kêu gọi thì không phải.",
    ),
    "minors": (
        "Content that harms children, other than sexual abuse.",
        "Dangerous challenges, cruelty, children exposed to ridicule. Quick, and with priority.",
        "Nội dung gây hại cho trẻ em, ngoài xâm hại tình dục.",
        "Thử thách nguy hiểm, bạo hành, trẻ bị đem ra giễu cợt. Xử lý nhanh, ưu tiên.",
    ),
    "ncii": (
        "Intimate pictures or recordings shared without the consent of those shown.",
        "Believe who says it is them. Do not ask for more pictures. Quick, and with priority.",
        "Ảnh hoặc bản ghi riêng tư bị chia sẻ khi người trong đó không đồng ý.",
        "Tin người nói đó là họ. Không đòi thêm ảnh. Xử lý nhanh, ưu tiên.",
    ),
    "other": (
        "Against a platform's rules, and under no other label.",
        "Name the rule in the decision. If a label fits, use it instead.",
        "Trái quy tắc của nền tảng, và không thuộc nhãn nào khác.",
        "Nêu rõ quy tắc trong quyết định. Nếu có nhãn phù hợp thì dùng nhãn đó.",
    ),
    "other-illegal": (
        "Against the law, and under no other label.",
        "Name the provision in the decision, and the authority if one asked for it.",
        "Trái pháp luật, và không thuộc nhãn nào khác.",
        "Nêu rõ điều luật trong quyết định, và cơ quan nếu có cơ quan yêu cầu.",
    ),
    "terrorism": (
        "Propaganda, instructions or recruitment of terrorist organisations.",
        "Look at who speaks and for whom. Journalism, research and evidence of crimes are none.",
        "Tuyên truyền, hướng dẫn hoặc chiêu mộ của tổ chức khủng bố.",
        "Xem ai nói và nói cho ai. Báo chí, nghiên cứu, bằng chứng tội ác thì không phải.",
    ),
}

TEXTS: Final[Texts] = {
    label: {"en": LabelTexts(users, reviewers), "vi": LabelTexts(to_users, to_reviewers)}
    for label, (users, reviewers, to_users, to_reviewers) in _DEFAULT.items()
}
"""The texts of the labels that a log is founded with."""
DEFAULT_LABELS: Final = tuple(TEXTS)
PRIORITIES: Final = tuple((label, "vulnerable") for label in ("csam", "minors", "ncii"))
"""The labels that a log is founded with which have priority, each with its clock class."""


def write_texts(texts: Texts) -> bytes:
    """The document of these texts: one spelling. Raises MalformedError."""
    data = _written(texts)
    if parse_texts(data) != texts:
        msg = "the texts cannot be written: a label, a language or a text is none"
        raise MalformedError(msg, field="texts")
    return data


def _written(texts: Texts) -> bytes:
    labels = {label: {language: asdict(one) for language, one in of.items()} for label, of in texts.items()}
    value = {"format": FORMAT, "labels": labels}
    document = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return document.encode("utf-8", "surrogatepass") + b"\n"


def parse_texts(data: bytes) -> dict[str, dict[str, LabelTexts]]:
    """The texts in a document. Raises MalformedError, which names what is wrong."""
    if len(data) > MAX_DOCUMENT:
        _refuse(f"{len(data)} bytes; the limit is {MAX_DOCUMENT}")
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        msg = "the document of texts is not JSON"
        raise MalformedError(msg, field="texts") from error
    if not isinstance(value, dict) or value.keys() != {"format", "labels"} or value["format"] != FORMAT:
        _refuse(f"want the format {FORMAT} and labels")
    labels = value["labels"]
    if not isinstance(labels, dict) or not labels:
        _refuse("want labels")
    texts = {label: _languages(label, of) for label, of in labels.items()}
    if _written(texts) != data:
        _refuse("it is not in its one spelling; write it with: jq -cS .")
    return texts


def explained(texts: Texts, label: str, language: str) -> LabelTexts | None:
    """The texts of a label in a language, or else in English; None if there are none."""
    of = texts.get(label, {})
    return of.get(language) or of.get(REQUIRED[0])


def check_explains(document: bytes, labels: Iterable[str]) -> None:
    """Raise MalformedError unless it is a document of texts that explains each of the labels."""
    texts = parse_texts(document)
    without = [label for label in labels if label not in texts]
    if without:
        _refuse(f"it does not explain {', '.join(without)}")


def _languages(label: str, of: object) -> dict[str, LabelTexts]:
    try:
        TERM.read(label)
    except ValueError as error:
        msg = f"texts of {label!r}: {error}"
        raise MalformedError(msg, field="texts") from None
    if not isinstance(of, dict) or not of.keys() >= set(REQUIRED):
        _refuse(f"{label}: want texts in {' and '.join(REQUIRED)}")
    return {language: _texts(label, language, one) for language, one in of.items()}


def _texts(label: str, language: str, one: object) -> LabelTexts:
    if _LANGUAGE.fullmatch(language) is None or not isinstance(one, dict):
        _refuse(f"{label}: {language!r} is no language with texts")
    if one.keys() != {"users", "reviewers"}:
        _refuse(f"{label}, {language}: want users and reviewers")
    for text in one.values():
        bad = not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT
        if bad or any(
            unicodedata.category(letter) in _CATEGORIES or unicodedata.bidirectional(letter) in _DIRECTIONS
            for letter in text
        ):
            _refuse(f"{label}, {language}: want 1 to {MAX_TEXT} characters without line breaks")
    return LabelTexts(**one)


def _refuse(what: str) -> NoReturn:
    msg = f"the document of texts: {what}"
    raise MalformedError(msg, field="texts")
