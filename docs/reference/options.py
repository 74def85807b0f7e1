"""Writes options.md: every key of every YAML file that the commands read, from the code itself.

python docs/reference/options.py
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import inspect as shapes

from udasa_data.config import BuildConfig
from udasa_eval.judging.judges import JudgeSet
from udasa_recipes.ablation.config import Ablation
from udasa_recipes.rounds.config import Rounds
from udasa_recipes.staged.config import Recipe
from udasa_recipes.supervised.config import Tuning

PAGE: Final = Path(__file__).with_name("options.md")
FILES: Final = {
    "udasa-data build --config": BuildConfig,
    "udasa-train dpo --config": Recipe,
    "udasa-train sft --config": Tuning,
    "udasa-train ablate --config": Ablation,
    "udasa-train rounds --config": Rounds,
    "udasa-eval run --judges": JudgeSet,
}
HEAD: Final = """# Options

Every key of the YAML files, written by `docs/reference/options.py` from the code. A key that is not
here is refused, with the nearest one; `*` is a key that must be given. A preset, a file and flags
are laid over each other, in this order.
"""


def page() -> str:
    """Return the page."""
    parts, told = [HEAD], set[type]()
    for command, struct in FILES.items():
        parts.append(f"## `{command}`\n")
        fresh = [found for found in sections(struct) if found not in told]
        parts += map(section, fresh)
        told.update(fresh)
    return "\n".join(parts)


def sections(struct: type) -> list[type]:
    """Return a file's struct and those within it, each once, from the top down."""
    found = [struct]
    for name in found:
        for field in shapes.type_info(name).fields:
            found += [inner for inner in structs_in(field.type) if inner not in found]
    return found


def structs_in(kind: Any) -> Iterator[type]:
    """Yield the structs that a type is made of."""
    if isinstance(kind, shapes.StructType):
        yield kind.cls
        return
    for name in ("types", "item_types"):
        for part in getattr(kind, name, ()):
            yield from structs_in(part)
    for name in ("item_type", "value_type"):
        if hasattr(kind, name):
            yield from structs_in(getattr(kind, name))


def section(struct: type) -> str:
    """Return the heading, docstring and table of a struct."""
    rows = [
        (f"`{field.name}`{'*' if field.required else ''}", takes(field.type), default(field), said)
        for field, said in zip(shapes.type_info(struct).fields, comments(struct), strict=True)
    ]
    table = "\n".join(f"| {' | '.join(map(cell, row))} |" for row in rows)
    head = "| key | takes | default | |\n| --- | --- | --- | --- |"
    text = inspect.cleandoc(struct.__doc__ or "").replace("``", "`")
    return f"### {struct.__name__}\n\n{text}\n\n{head}\n{table}\n"


def takes(kind: Any) -> str:
    """Return in words what values a type has."""
    match kind:
        case shapes.StructType():
            told = f"[{kind.cls.__name__}](#{kind.cls.__name__.lower()})"
        case shapes.LiteralType():
            told = ", ".join(f"`{value}`" for value in kind.values)
        case shapes.UnionType():
            others = [part for part in kind.types if not isinstance(part, shapes.NoneType)]
            told = " or ".join(map(takes, others))
        case shapes.IntType() | shapes.FloatType():
            told = _number(kind)
        case shapes.VarTupleType() | shapes.ListType():
            told = f"list of {takes(kind.item_type)}"
        case shapes.TupleType():
            told = f"[{', '.join(map(takes, kind.item_types))}]"
        case shapes.DictType():
            told = f"mapping to {takes(kind.value_type)}"
        case _:
            plain = {shapes.StrType: "text", shapes.BoolType: "true, false"}
            told = plain.get(type(kind), "anything")
    return told


def _number(kind: Any) -> str:
    word = "integer" if isinstance(kind, shapes.IntType) else "number"
    bounds = {"≥": kind.ge, ">": kind.gt, "≤": kind.le, "<": kind.lt}
    told = [f"{sign} {bound:g}" for sign, bound in bounds.items() if bound is not None]
    return f"{word} {', '.join(told)}".strip()


def default(field: Any) -> str:
    """Return what a key is when it is not given."""
    if field.required:
        return ""
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{field.default_factory()}`"
    if isinstance(field.default, msgspec.Struct) or field.default in (None, ()):
        return ""
    value = msgspec.to_builtins(field.default)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def comments(struct: type) -> list[str]:
    """Return what the code says beside or above each field, in the order of the fields."""
    said: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if base is not object and msgspec.Struct in base.__mro__ and base.__module__ != "msgspec":
            said |= commented(base)
    return [said.get(name, "") for name in struct.__struct_fields__]


def commented(struct: type) -> dict[str, str]:
    """Return the comments of one class's own fields."""
    try:
        source = textwrap.dedent(inspect.getsource(struct))
    except (OSError, TypeError):  # msgspec's own
        return {}
    lines = source.splitlines()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    by_line = {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}
    found = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        above, line = [], node.lineno - 1
        while line in by_line and lines[line - 1].lstrip().startswith("#"):
            above.insert(0, by_line[line])
            line -= 1
        beside = [by_line[n] for n in range(node.lineno, node.end_lineno + 1) if n in by_line]
        found[node.target.id] = re.sub("``", "`", " ".join([*above, *beside]))
    return found


def cell(text: str) -> str:
    """Return a text for a table's cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
