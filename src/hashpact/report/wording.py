"""The words of the report for people, in English and in Vietnamese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("en", "vi")

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("Quarterly report {quarter}", "Báo cáo quý {quarter}"),
    "of": ("Code of conduct, log {log}", "Bộ quy tắc ứng xử, nhật ký {log}"),
    "made-of": (
        "Made of the first {size} leaves of the log, root {root}. As of {as_of}.",
        "Lập từ {size} mục đầu tiên của nhật ký, gốc {root}. Tính đến {as_of}.",
    ),
    "reproduce": (
        "Anyone with these leaves makes the same file, byte for byte.",
        "Ai có các mục này đều lập được đúng tệp này, từng byte một.",
    ),
    "overview": ("All members together", "Toàn bộ thành viên"),
    "clocks": ("Reviewed in time, by member", "Xem xét đúng hạn, theo thành viên"),
    "labels": ("Removed or restricted, by label", "Đã gỡ hoặc hạn chế, theo nhãn"),
    "trend": ("Trend over four quarters", "Diễn biến qua bốn quý"),
    "members": ("By member", "Theo từng thành viên"),
    "actions": ("Actions of the last review", "Việc đã thống nhất ở kỳ rà soát trước"),
    "no-actions": ("No review has agreed on actions.", "Chưa có việc nào được thống nhất."),
    "action": ("Action", "Việc"),
    "until": ("To be done by", "Thời hạn"),
    "standing": ("Status", "Tình trạng"),
    "done": ("done", "đã làm"),
    "done-late": ("done late", "đã làm, trễ hạn"),
    "late": ("late", "trễ hạn"),
    "open": ("open", "chưa xong"),
    "done-by": ("Done by", "Bên thực hiện"),
    "by-leaf": ("{member}, leaf {leaf}", "{member}, mục {leaf}"),
    "nobody": ("-", "-"),
    "context": ("For comparison: the European monitoring rounds", "Để so sánh: các đợt giám sát của châu Âu"),
    "context-note": (
        "As the European Commission published them. Methods and content differ: no target.",
        "Theo công bố của Ủy ban châu Âu. Phương pháp và nội dung khác nhau: chỉ để tham khảo.",
    ),
    "year": ("Year", "Năm"),
    "within": ("within 24 h, %", "trong 24 giờ, %"),
    "removed": ("removed, %", "đã gỡ, %"),
    "feedback": ("with feedback, %", "có phản hồi, %"),
    "figure": ("Figure", "Chỉ số"),
    "value": ("Value", "Giá trị"),
    "source": ("Source", "Nguồn"),
    "derived": ("derived", "suy ra từ nhật ký"),
    "reported": ("reported", "thành viên tự báo cáo"),
    "member": ("Member", "Thành viên"),
    "label": ("Label", "Nhãn"),
    "quarter": ("Quarter", "Quý"),
    "percent": ("%", "%"),
    "seconds": ("s", "giây"),
    "none": ("no figure", "không có số liệu"),
    "explain": (
        "Each figure can be traced: hashpact report {quarter} --explain FIGURE lists the leaves behind it.",
        "Mỗi chỉ số đều truy được nguồn: hashpact report {quarter} --explain FIGURE liệt kê các mục.",
    ),
}
_FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "actions.agreed": ("actions agreed in the last review", "việc đã thống nhất ở kỳ rà soát trước"),
    "actions.done": ("of these done", "trong đó đã làm"),
    "actions.late": ("of these late", "trong đó trễ hạn"),
    "actions.open": ("of these open", "trong đó chưa xong"),
    "appeals.by-panel": ("appeals decided by the panel", "khiếu nại do hội đồng quyết định"),
    "appeals.made": ("appeals", "khiếu nại"),
    "appeals.open": ("appeals that wait", "khiếu nại đang chờ"),
    "appeals.overdue": ("appeals overdue", "khiếu nại quá hạn"),
    "appeals.rejected": ("appeals rejected", "khiếu nại bị bác"),
    "appeals.upheld": ("appeals upheld", "khiếu nại được chấp nhận"),
    "contacts.overdue": ("contact points to be confirmed", "đầu mối cần xác nhận lại"),
    "entries.asked-for": ("law-based entries asked for", "mục theo pháp luật đã yêu cầu"),
    "entries.by-law": ("entries by law", "mục dựa trên pháp luật"),
    "entries.disputed": ("entries disputed", "mục bị phản đối"),
    "entries.ended": ("entries withdrawn or struck", "mục bị rút hoặc hủy"),
    "entries.endorsed-by-two": ("entries endorsed by two or more", "mục được từ hai bên xác nhận"),
    "entries.shared": ("entries shared", "mục đã chia sẻ"),
    "incidents": ("incidents", "sự cố"),
    "keys.rotated": ("keys rotated", "khóa đã thay"),
    "notices.acted": ("notices with content removed or restricted", "thông báo dẫn tới gỡ hoặc hạn chế"),
    "notices.answered": ("notices answered", "thông báo đã trả lời"),
    "notices.confirmed": ("receipts confirmed", "đã xác nhận nhận được"),
    "notices.feedback": ("notifiers informed", "đã phản hồi bên thông báo"),
    "notices.open": ("notices open", "thông báo đang xử lý"),
    "notices.overdue": ("notices overdue", "thông báo quá hạn"),
    "notices.seconds.95th": (
        "95th percentile of that time",
        "thời gian quyết định, bách phân vị 95",
    ),
    "notices.seconds.median": ("median time to a decision", "thời gian quyết định, trung vị"),
    "notices.valid": ("valid notices received", "thông báo hợp lệ đã nhận"),
    "notices.within-24h": ("reviewed within 24 h", "xem xét trong 24 giờ"),
    "notices.within-clock": ("reviewed within their clock", "xem xét trong hạn của loại"),
    "practices": ("practices shared", "kinh nghiệm đã chia sẻ"),
    "rate.acted": ("removed or restricted, of those answered", "tỷ lệ gỡ hoặc hạn chế trên số đã trả lời"),
    "rate.feedback": ("with feedback, of those answered", "tỷ lệ có phản hồi trên số đã trả lời"),
    "rate.within-24h": ("reviewed within 24 h, of all", "tỷ lệ xem xét trong 24 giờ"),
    "rate.within-clock": ("reviewed within their clock, of all", "tỷ lệ xem xét trong hạn"),
    "replies.answered": ("replies of authorities in time", "cơ quan trả lời đúng hạn"),
    "replies.answered-late": ("replies of authorities late", "cơ quan trả lời trễ"),
    "replies.awaited": ("replies awaited from authorities", "chờ cơ quan trả lời"),
    "replies.open": ("replies that are not due yet", "chưa đến hạn trả lời"),
    "replies.overdue": ("replies overdue", "quá hạn trả lời"),
    "reviews.signed": ("signatures under the last review", "chữ ký dưới kỳ rà soát trước"),
    "suspensions": ("suspensions", "đình chỉ"),
    "trainings": ("trainings of reviewers", "đợt đào tạo người kiểm duyệt"),
    "uploads.acted": ("matched uploads acted on", "nội dung trùng đã xử lý"),
    "uploads.checked": ("uploads checked", "nội dung đã kiểm tra"),
    "uploads.let-stand": ("matched uploads let stand", "nội dung trùng được giữ lại"),
    "uploads.matched": ("re-uploads recognised", "nội dung tải lại bị nhận ra"),
}
_FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "notices.basis": ("notices by basis {part}", "thông báo theo căn cứ {part}"),
    "notices.channel": ("notices by channel {part}", "thông báo theo kênh {part}"),
    "notices.label": ("notices under {part}", "thông báo theo nhãn {part}"),
    "notices.outcome": ("notices with the outcome {part}", "thông báo với kết quả {part}"),
    "rate.removed": ("removed or restricted under {part}", "tỷ lệ gỡ hoặc hạn chế theo nhãn {part}"),
}


def text(key: str, language: str, **values: object) -> str:
    """A text of the report in that language."""
    return _TEXTS[key][LANGUAGES.index(language)].format(**values)


def figure_name(name: str, language: str) -> str:
    """The name of a figure for people."""
    place = LANGUAGES.index(language)
    if name in _FIGURES:
        return _FIGURES[name][place]
    first, second, part = name.split(".", 2)
    return _FAMILIES[f"{first}.{second}"][place].format(part=part.replace(".", ", "))
