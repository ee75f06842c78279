"""Fuzz one target in this process: `run.py TARGET [libFuzzer's options and corpus directories]`.

It runs in an environment that has atheris, with src/ and scripts/ on its path.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["hashpact"]):
    from fuzzing.targets import TARGETS


def main() -> None:
    """Hand over to libFuzzer, which ends the process."""
    target = TARGETS[sys.argv.pop(1)]
    # Compiled patterns and comparisons of strings tell how near an input came.
    atheris.enabled_hooks.add("RegEx")
    atheris.enabled_hooks.add("str")
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
