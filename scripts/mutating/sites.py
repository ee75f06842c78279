"""Mutants: the fold's sources, each changed in one place.

What is changed: comparisons, and/or, not, arithmetic, whole numbers, True and False, a condition for its
opposite, a field that a record gets, and a check that is left out. What is not: texts for people, types, and
the functions that the fold does not call (`SPARED`).
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[2] / "src"
FOLD: Final = (
    "hashpact/domain/rules",
    "hashpact/domain/kinds",
    "hashpact/domain/standing.py",
    "hashpact/domain/keys.py",
    "hashpact/domain/statements.py",
    "hashpact/domain/state/view.py",
    "hashpact/domain/state/terms.py",
)
"""Where the rules of the fold are."""
SPARED: Final = {
    # They describe a statement to the person who signs it.
    *("summary", "describe", "changes", "utc", "short", "why", "power", "wanted", "__repr__"),
    *("_powers", "_offices", "_cosigning", "_parts", "_by_the_minute", "_rate", "_conduct"),
    "_matching",
    *("_matter", "_entry", "_notice", "_rules", "_of", "unknown_label", "_refuse_kind"),
    # They are for those who write, send, store or show statements, and no leaf is judged by them.
    *("brings", "documents", "fingerprints", "commitments", "foresee", "sign", "kind_of", "confirmed"),
    "terms.ceiling",
    *("records", "statements.text", "moment.newest", "CONFIRM_EVERY", "KEY_LIFE", "MLDSA44_SIZE"),
    # They bound memory.
    *("_READ_BACK", "_KNOWN_KEYS"),
}
"""Functions and constants that are not of the fold; ``moment.newest`` is the one of that file only."""
_SKIPPED_FILES: Final = {"words.py"}
"""Words travel beside a leaf: no rule of the fold reads them."""
_OPPOSITE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OTHER: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """A source file with one change, the one of that number in it.

    ``name`` says which change, and is the same as long as that code is.
    """

    path: str
    line: int
    name: str
    number: int


def files() -> list[Path]:
    """The files of the fold, in order."""
    found = []
    for place in FOLD:
        path = SOURCE / place
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return [path for path in found if path.name not in _SKIPPED_FILES]


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of a file."""
    place = path.relative_to(SOURCE).as_posix()
    seen: Counter[str] = Counter()
    made = []
    changes = _within("", ast.parse(path.read_text("utf-8")), path.stem)
    for count, (scope, node, field, number, new) in enumerate(changes):
        before = _shown(node, field, number)
        change = f"{place}:{scope}: {before} -> {'nothing' if new is None else ast.unparse(new)}"
        seen[change] += 1
        name = change if seen[change] == 1 else f"{change} (#{seen[change]})"
        made.append(Mutant(place, getattr(node, "lineno", 0), name, count))
    return made


def source(mutant: Mutant) -> str:
    """The source of the file with the mutant's change."""
    path = SOURCE / mutant.path
    tree = ast.parse(path.read_text("utf-8"))
    changes = itertools.islice(_within("", tree, path.stem), mutant.number, None)
    _, node, field, number, new = next(changes)
    return _changed(tree, node, field, number, new)


_Change = tuple[str, ast.AST, str, int | None, ast.AST | None]
"""The scope, the parent, its field, the place in a list, and what comes there: None for nothing."""


def _shown(node: ast.AST, field: str, number: int | None) -> str:
    value = getattr(node, field)
    value = value if number is None else value[number]
    return " ".join(ast.unparse(value).split())[:90]


def _changed(tree: ast.Module, node: ast.AST, field: str, number: int | None, new: ast.AST | None) -> str:
    """The source with that change; the tree is as it was afterwards."""
    before = getattr(node, field)
    after: object = new
    if number is not None:
        after = copy.copy(before)
        if new is None:
            del after[number]  # type: ignore[attr-defined]  # the copy of a list
        else:
            after[number] = new  # type: ignore[index]  # the copy of a list
    setattr(node, field, after)
    try:
        return ast.unparse(tree)
    finally:
        setattr(node, field, before)


def _within(scope: str, node: ast.AST, module: str) -> Iterator[_Change]:
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_params", "bases"}:
            continue
        for number, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _spared(child, module):
                yield from ((scope, node, field, number, new) for new in _replacements(child, field))
                if not isinstance(child, ast.Raise):  # what an error says is no rule
                    yield from _within(_scope(scope, child), child, module)


def _scope(scope: str, node: ast.AST) -> str:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return f"{scope}.{name}".lstrip(".")
        case _:
            return scope


def _spared(node: ast.AST, module: str) -> bool:
    """Whether nothing in there is a rule: texts, imports, declarations for types, and what is `SPARED`."""
    match node:
        case ast.FunctionDef(name=name, body=body):
            return bool({name, f"{module}.{name}"} & SPARED) or ast.unparse(body[-1]) == "..."
        case ast.AnnAssign(target=target, annotation=kind):
            return ast.unparse(target) in SPARED or ast.unparse(kind).startswith(("ClassVar", "TypeAlias"))
        case ast.Assign(targets=[target], value=value):
            name = ast.unparse(target)
            return name in {"msg", "names", "name", "__all__", *SPARED} or "TypeVar(" in ast.unparse(value)
        case ast.Expr(value=ast.Constant(value=str())) | ast.keyword(arg="strict"):
            return True
        case _:
            return isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert)


def _replacements(node: ast.AST, field: str) -> Iterator[ast.AST | None]:  # noqa: C901 - one case for each kind of node
    match node:
        case ast.Raise():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.keyword(arg=str()):
            yield None
        case ast.Compare(left=left, ops=ops, comparators=right):
            for number, op in enumerate(ops):
                other = [*ops[:number], _OPPOSITE[type(op)](), *ops[number + 1 :]]
                yield ast.Compare(left, other, right)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OTHER:
            yield ast.BinOp(left, _OTHER[type(op)](), right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Call() | ast.Name() | ast.Attribute() if field == "test":
            yield ast.UnaryOp(ast.Not(), node)
        case _:
            return
