"""The text in a picture, as the program tesseract reads it: screenshots of posts differ in their words alone.

Both ends read in the same way, so that the fingerprints of what they read are alike: docs/methods/ocr.md. The
picture goes to the program through a pipe and is in no file, and nothing that was read is logged.
"""

from __future__ import annotations

import functools
import math
import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from PIL import Image

from hashpact.errors import ConfigError
from hashpact.fingerprint.images import WHITE, Picture
from hashpact.fingerprint.reading.decoder import bound
from hashpact.fingerprint.text import MAX_BYTES
from hashpact.fingerprint.views.shown import shown

LANGUAGES: Final = {"vie": "tesseract-ocr-vie", "eng": "tesseract-ocr"}
"""What is read, with the package of Debian that has it."""

PIXELS: Final = 2_000_000
"""About how many pixels are read. Larger pictures are made smaller, and small ones up to ENLARGED times as
wide, so that a copy of half the size is read at nearly the same one."""

ENLARGED: Final = 2.0

SECONDS: Final = 20
"""The most processor time of a picture, in seconds, and a third of the most that is waited for it."""

MEMORY: Final = 300 * 1024 * 1024
"""The most bytes of memory of the program. 2 million pixels of noise took 100 MB."""

_PROGRAM: Final = "tesseract"


@dataclass(frozen=True, slots=True)
class ReadText:
    """What was read of a picture; ``remark`` says why nothing was, if reading failed."""

    text: str
    remark: str = ""


def legible(picture: Picture) -> Image.Image:
    """The picture in grey as a viewer shows it, at the size that is read."""
    width, height = picture.size
    by = min(math.sqrt(PIXELS / (width * height)), ENLARGED)
    longest = max(math.ceil(max(width, height) * min(by, 1.0)), 1)
    page = shown(picture.over(WHITE) if picture.transparent else picture, longest).convert("L")
    if by <= 1:
        return page
    return page.resize((int(page.width * by), int(page.height * by)), Image.Resampling.LANCZOS)


def words(page: Image.Image) -> ReadText:
    """What is written on a page in mode L.

    Raises ConfigError if the program or a language is not installed.
    """
    program = installed()
    data = b"P5 %d %d 255\n" % page.size + page.tobytes()
    with subprocess.Popen(  # noqa: S603 - found on the path, with arguments of our own
        [program, "stdin", "stdout", "-l", "+".join(LANGUAGES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},
    ) as process:
        # It reads the picture from the pipe, and so has its limits before it has that.
        bound(process.pid, {resource.RLIMIT_CPU: SECONDS, resource.RLIMIT_DATA: MEMORY})
        try:
            read, _ = process.communicate(data, timeout=3 * SECONDS)
        except subprocess.TimeoutExpired:
            read = b""
        finally:
            process.kill()
    if process.returncode:
        return ReadText(
            "", f"the text in the picture was not read within {SECONDS} s and {MEMORY} bytes of memory"
        )
    return ReadText(read[:MAX_BYTES].decode("utf-8", "ignore").strip())


@functools.cache
def installed() -> str:
    """The path of the program, which can read all LANGUAGES.

    Raises ConfigError, with the package to install.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        msg = f"reading text in pictures needs {_PROGRAM}: apt-get install {' '.join(LANGUAGES.values())}"
        raise ConfigError(msg)
    listed = subprocess.run(  # noqa: S603 - as above
        [program, "--list-langs"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    for language, package in LANGUAGES.items():
        if language not in listed.stdout.split():
            msg = (
                f"reading text in pictures needs {_PROGRAM}'s language {language}: apt-get install {package}"
            )
            raise ConfigError(msg)
    return program
