"""The golden pictures and tests/vectors/fingerprints.json, written by hand and never by the tests.

    PYTHONPATH=src python tests/unit/fingerprint/make_vectors.py

Encoders differ between releases of Pillow, so the files it writes are kept, and what is tested is how they
are read. Run it again only to add a text, or a picture put there by hand, and look at the difference: a
vector that changes means that fingerprints already shared are no longer found.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hashpact.fingerprint.content import Fingerprinted, fingerprints_of, fingerprints_of_text
from hashpact.fingerprint.parts.pictured import parts_of
from hashpact.fingerprint.text import fold

VECTORS = Path(__file__).parents[2] / "vectors"
IMAGES = VECTORS / "images"

# The Universal Declaration of Human Rights, articles 1 and 3, and ordinary prose written for this file.
TEXTS = {
    "vi-udhr-1": (
        "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi. Mọi người đều được "
        "tạo hoá ban cho lý trí và lương tâm và cần phải đối xử với nhau trong tình anh em."
    ),
    "en-udhr-3": "Everyone has the right to life, liberty and security of person.",
    "vi-prose": (
        "Sáng nay chợ Bến Thành đông nghịt người, ai cũng vội vã mua cho kịp phiên. Bà Năm bán bún riêu ở "
        "đầu ngõ bảo rằng giá cua đã tăng 15% so với tháng trước, nhưng bà vẫn giữ nguyên 35.000đ một tô."
    ),
    "zh-udhr-1": (
        "人人生而自由，在尊严和权利上一律平等。"  # noqa: RUF001 - Chinese has its own comma
        "他们赋有理性和良心，并应以兄弟关系的精神相对待。"  # noqa: RUF001 - the same
    ),
    "th-udhr-1": (
        "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม "
        "และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ"
    ),
    "ko-udhr-1": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "folding": (
        "\ufeffĐƯỜNG ﬁne Ⓣⓔⓧⓣ, Straße İstanbul; H4CK3R $ALE @ 100% n\u0303o\u200b\u00ads\u3164ó: ½ kg, "
        "２０２６, x²"  # noqa: RUF001 - full width on purpose
    ),
    "look-alikes": (
        "Тһе ѕmaІІ ρrint, ᴛᴜʀɴᴇᴅ 🅾🅵🅵 and ⓢⓣⓡⓔⓣⓒⓗⓔⓓ wayyyy toooo far; ıstanbul, Ðà Nẵng, "  # noqa: RUF001 - on purpose
        "كتاب علی مـــرحبا, 這個國家, 싫어어어어 ㅋㅋㅋ, \u202e.sdrawkcab\u202c 🇻🇳 🇱 🇪 🇹"
    ),
    "signs": "+h!5 1$ wr!++en w!+h s!gns: no( one, n0+ a 8!+ (closed) brackets!",
}


def draw() -> Image.Image:
    """A picture with large soft shapes and a few hard edges, 128 x 96, the same on every machine."""
    random = np.random.RandomState(20170)
    pixels = np.full((96, 128, 3), 128.0)
    # Like a photograph: the larger the shape the stronger the contrast, and grey rather than coloured.
    for size, strength in (((3, 4), 60), ((6, 8), 40), ((12, 16), 25), ((24, 32), 12)):
        for layer, weight in ((np.s_[:, :, :], 1.0), (np.s_[:, :, 0], 0.4), (np.s_[:, :, 2], 0.4)):
            noise = Image.fromarray(random.uniform(-1, 1, size).astype(np.float32))
            wide = np.asarray(noise.resize((128, 96), Image.Resampling.BICUBIC)) * strength * weight
            pixels[layer] += wide if pixels[layer].ndim == wide.ndim else wide[:, :, np.newaxis]
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    picture.paste((230, 40, 30), (12, 50, 40, 80))
    picture.paste((20, 60, 200), (80, 10, 112, 34))
    picture.paste((250, 250, 250), (60, 44, 66, 96))
    return picture


def write_pictures() -> None:
    """Write one picture in each of the ways in which it can reach a platform."""
    rgb = draw()
    grey = np.asarray(rgb.convert("L"), dtype=np.uint16)
    alpha = Image.fromarray(np.tile(np.linspace(0, 255, 128).astype(np.uint8), (96, 1)))
    turned = Image.Exif()
    turned[0x0112] = 6  # Orientation: rotate by 90 degrees to show
    see_through = rgb.copy()
    see_through.putalpha(alpha)
    palette = rgb.quantize(256, dither=Image.Dither.NONE)
    inverted = Image.fromarray(255 - np.asarray(rgb))
    save: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "rgb.png": (rgb, {}),
        "palette.bmp": (palette, {}),
        "grey.png": (rgb.convert("L"), {}),
        "grey-alpha.png": (see_through.convert("LA"), {}),
        "grey16.png": (Image.fromarray(grey * 257), {}),
        "bilevel.png": (rgb.convert("1"), {}),
        "alpha.png": (see_through, {}),
        "palette.png": (palette, {}),
        "palette-transparent.png": (palette, {"transparency": bytes(range(256))}),
        "animated.gif": (palette, {"save_all": True, "append_images": [inverted.quantize(256)]}),
        "animated.png": (rgb, {"save_all": True, "append_images": [inverted]}),
        "baseline.jpg": (rgb, {"quality": 90}),
        "progressive.jpg": (rgb, {"quality": 90, "progressive": True}),
        "cmyk.jpg": (rgb.convert("CMYK"), {"quality": 90}),
        "grey.jpg": (rgb.convert("L"), {"quality": 90}),
        "turned.jpg": (rgb, {"quality": 90, "exif": turned}),
        "lossless.webp": (rgb, {"lossless": True}),
        "lossy.webp": (rgb, {"quality": 80}),
        "turned.avif": (rgb, {"quality": 80, "exif": turned}),
    }  # fmt: skip
    for name, (picture, options) in save.items():
        picture.save(IMAGES / name, **options)


def described(made: Fingerprinted) -> dict[str, object]:
    """The first fingerprint of each type as JSON: type to hex, and the quality beside them."""
    found: dict[str, object] = {}
    for each in made.fingerprints:
        found.setdefault(each.type.name, each.value.hex())
    qualities = [each.quality for each in made.fingerprints if each.quality is not None]
    return found | ({"quality": qualities[0]} if qualities else {})


EXACT = ("sha1/1", "sha512/1")
"""Types that are made only if they are asked for."""


def pictured() -> list[tuple[str, Path]]:
    """Pictures that have parts/1, by their names: of those in other files there would be the same again."""
    names = ("images/rgb.png", "viewed/clean.png", "viewed/sticker.flattened-on-white.jpg")
    return [(name, VECTORS / name) for name in names]


def main() -> None:
    """Write the pictures, unless there are any, and all of the vectors."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    if not any(IMAGES.iterdir()):
        write_pictures()
    pictures = {path.name: described(fingerprints_of(path)) for path in sorted(IMAGES.iterdir())}
    texts = {
        name: {"text": text, "folded": fold(text), **described(fingerprints_of_text(text))}
        for name, text in TEXTS.items()
    }
    parts = {name: parts_of(path).value.hex() for name, path in pictured()}
    exact = {path.name: described(fingerprints_of(path, EXACT)) for path in sorted(IMAGES.iterdir())}
    vectors = {"pictures": pictures, "texts": texts, "parts": parts, "exact": exact}
    whole = json.dumps(vectors, indent=1, ensure_ascii=True) + "\n"
    (VECTORS / "fingerprints.json").write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    main()
