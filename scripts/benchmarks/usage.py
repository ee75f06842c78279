"""Prints the help of a benchmark from its source alone, without the packages that it imports.

`scripts/bench NAME --help` runs this with any Python 3, before the environment of the benchmarks is made.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path


def usage(source: str) -> str:
    """The docstring of a benchmark, and the options of its parser. A help must be a plain string."""
    module = ast.parse(source)
    options = "\n".join(f"  {name:<16} {text}".rstrip() for name, text in _options(module))
    return f"{ast.get_docstring(module)}\n\noptions:\n{options}"


def _options(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The name of each option, and its help."""
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".add_argument"):
            found = {given.arg: given.value for given in call.keywords}
            yield ast.literal_eval(call.args[0]), ast.literal_eval(found["help"])


if __name__ == "__main__":
    print(usage(Path(sys.argv[1]).read_text(encoding="utf-8")))
