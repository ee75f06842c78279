"""Vietnamese texts for the demonstration, and the ways in which copies of them are disguised.

The originals are of the sort that platforms remove under their own rules: two swindles and a rumour. The
unrelated ones are ordinary, and one is the hard case: a bank's own warning of the very swindle.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Text:
    """A text with a name for it; ``reworded`` says the same with about one word in ten replaced."""

    name: str
    original: str
    reworded: str


ORIGINALS: Final = (
    Text(
        "bank swindle",
        "Kính gửi quý khách hàng, hệ thống ngân hàng vừa ghi nhận một lần đăng nhập bất thường vào tài "
        "khoản của quý khách từ một thiết bị lạ tại tỉnh khác. Để tránh bị khóa tài khoản trong vòng hai "
        "giờ tới, quý khách vui lòng bấm vào đường dẫn dưới đây, điền đầy đủ số thẻ, mật khẩu và mã xác "
        "thực vừa được gửi về điện thoại. Sau khi xác minh thành công, quý khách sẽ được hoàn lại toàn bộ "
        "phí dịch vụ của tháng này và nhận thêm một phần quà tri ân trị giá năm trăm nghìn đồng.",
        "Kính chào quý khách hàng, hệ thống ngân hàng vừa phát hiện một lần đăng nhập bất thường vào tài "
        "khoản của quý khách từ một điện thoại lạ tại tỉnh khác. Để tránh bị khóa tài khoản trong vòng ba "
        "giờ tới, quý khách vui lòng nhấn vào đường dẫn dưới đây, điền chính xác số thẻ, mật khẩu và mã "
        "xác thực vừa được gửi về điện thoại. Sau khi xác minh thành công, quý khách sẽ được hoàn lại "
        "toàn bộ phí dịch vụ của quý này và nhận thêm một phần quà tri ân trị giá tám trăm nghìn đồng.",
    ),
    Text(
        "job swindle",
        "Công ty chúng tôi đang cần tuyển gấp hai mươi cộng tác viên làm việc tại nhà, không yêu cầu bằng "
        "cấp hay kinh nghiệm, chỉ cần có điện thoại thông minh và rảnh từ hai đến ba tiếng mỗi ngày. Công "
        "việc rất đơn giản là bấm thích và đánh giá sản phẩm trên các sàn thương mại điện tử, mỗi nhiệm "
        "vụ được trả từ ba mươi đến năm mươi nghìn đồng và thanh toán ngay trong ngày. Người tham gia "
        "đóng trước một khoản tiền cọc nhỏ để kích hoạt tài khoản, số tiền này sẽ được hoàn trả cùng hoa "
        "hồng sau khi hoàn thành đủ mười đơn hàng đầu tiên.",
        "Cửa hàng chúng tôi đang cần tuyển gấp ba mươi cộng tác viên làm việc tại nhà, không yêu cầu bằng "
        "cấp hay kinh nghiệm, chỉ cần có máy tính và rảnh từ hai đến ba tiếng mỗi ngày. Công việc rất đơn "
        "giản là bấm thích và đánh giá sản phẩm trên các sàn thương mại điện tử, mỗi nhiệm vụ được trả từ "
        "ba mươi đến sáu mươi nghìn đồng và thanh toán ngay trong ngày. Người tham gia nộp trước một "
        "khoản tiền cọc nhỏ để kích hoạt tài khoản, số tiền này sẽ được hoàn trả cùng tiền thưởng sau khi "
        "hoàn thành đủ mười đơn hàng đầu tiên.",
    ),
    Text(
        "flood rumour",
        "Tin nóng: theo một nguồn tin chưa được kiểm chứng, hồ chứa nước ở thượng nguồn sẽ xả lũ khẩn cấp "
        "ngay trong đêm nay và mực nước sông có thể dâng cao thêm bốn mét. Bà con sống ở các xã ven sông "
        "được khuyên thu dọn đồ đạc, rút hết tiền tiết kiệm và chuyển lên vùng cao trước nửa đêm. Nhiều "
        "cửa hàng trong thị trấn đã đóng cửa từ chiều, các cây xăng xếp hàng dài và giá gạo tăng gấp đôi "
        "chỉ sau vài giờ. Hãy chia sẻ ngay thông tin này cho người thân và bạn bè để kịp thời ứng phó "
        "trước khi quá muộn.",
        "Tin gấp: theo một nguồn tin chưa được kiểm chứng, hồ chứa nước ở thượng nguồn sẽ xả lũ khẩn cấp "
        "ngay trong đêm nay và mực nước sông có thể dâng cao thêm năm mét. Bà con sống ở các làng ven "
        "sông được khuyên thu dọn đồ đạc, rút hết tiền tiết kiệm và chuyển lên vùng cao trước bình minh. "
        "Nhiều cửa hàng trong thị trấn đã đóng cửa từ sáng, các cây xăng xếp hàng dài và giá gạo tăng gấp "
        "ba chỉ sau vài giờ. Hãy gửi ngay thông tin này cho người thân và hàng xóm để kịp thời ứng phó "
        "trước khi quá muộn.",
    ),
)

UNRELATED: Final = {
    "a bank's warning of such swindles": (
        "Ngân hàng khuyến cáo khách hàng cảnh giác với các tin nhắn giả mạo thông báo tài khoản bị khóa. "
        "Nhân viên ngân hàng không bao giờ yêu cầu khách hàng cung cấp mật khẩu, số thẻ hay mã xác thực "
        "qua điện thoại, tin nhắn hoặc đường dẫn lạ. Khi nhận được nội dung đáng ngờ, khách hàng nên gọi "
        "ngay tới tổng đài chính thức in ở mặt sau của thẻ và trình báo cơ quan công an gần nhất để được "
        "hướng dẫn."
    ),
    "news of the harvest": (
        "Vụ đông xuân năm nay nông dân nhiều tỉnh đồng bằng được mùa, năng suất bình quân đạt hơn bảy tấn "
        "lúa trên một héc ta nhờ thời tiết thuận lợi và nguồn nước ngọt dồi dào. Các hợp tác xã cho biết "
        "thương lái đã đặt mua từ sớm với giá cao hơn cùng kỳ, trong khi chi phí phân bón giảm nhẹ giúp "
        "người trồng lúa có lãi. Ngành nông nghiệp địa phương đang hướng dẫn bà con làm đất, chọn giống "
        "cho vụ hè thu sắp tới."
    ),
    "a recipe for beef noodle soup": (
        "Muốn có nồi nước phở trong và thơm, xương bò phải được rửa sạch, chần qua nước sôi rồi ninh nhỏ "
        "lửa ít nhất sáu tiếng, vớt bọt thường xuyên. Gừng và hành khô nướng cháy cạnh, quế, hồi, thảo "
        "quả rang dậy mùi rồi cho vào túi vải thả vào nồi trong giờ cuối cùng. Bánh phở trụng nhanh, xếp "
        "thịt tái mỏng lên trên, rắc hành hoa và rau mùi, chan nước dùng thật nóng, ăn kèm chanh, ớt tươi "
        "và vài cọng rau thơm."
    ),
}

_PARTY: Final = ("\N{PARTY POPPER}", "\N{BANKNOTE WITH DOLLAR SIGN}", "\N{FIRE}", "\N{ZERO WIDTH SPACE}")
_LOOK_ALIKES: Final = str.maketrans("oieas", "01345")
_GAP: Final = 12


def without_diacritics(text: str) -> str:
    """The text as it is typed without a Vietnamese keyboard: đ is d, and no letter has a mark."""
    plain = text.replace("đ", "d").replace("Đ", "D")
    return "".join(
        letter for letter in unicodedata.normalize("NFD", plain) if not unicodedata.combining(letter)
    )


def with_emoji(text: str) -> str:
    """The text with an emoji or an invisible space between its words, by turns."""
    return " ".join(f"{word}{_PARTY[at % len(_PARTY)]}" for at, word in enumerate(text.split()))


def with_look_alikes(text: str) -> str:
    """The text without diacritics, and with digits for the letters that look like them."""
    return without_diacritics(text).translate(_LOOK_ALIKES)


def shortened(text: str) -> str:
    """The text with each twelfth word left out: for a text of which there is no rewording."""
    return " ".join(word for at, word in enumerate(text.split(), 1) if at % _GAP)


DISGUISES: Final[dict[str, Callable[[str], str]]] = {
    "without diacritics": without_diacritics,
    "with emoji": with_emoji,
    "with look-alike digits": with_look_alikes,
}


def copies(original: str, reworded: str | None) -> list[tuple[str, str]]:
    """The disguised copies of a text: what was done to each, and the copy."""
    disguised = [(what, disguise(original)) for what, disguise in DISGUISES.items()]
    if reworded is None:
        return [*disguised, ("a word in twelve left out", shortened(original))]
    return [*disguised, ("a word in ten replaced", reworded)]
