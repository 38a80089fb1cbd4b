"""Reads the catalogue of texts, and finds the codes that the product's source uses.

A code is used where an error is raised with it, where a `code=` argument or a name like `code` gets it, and
where the command line asks for a phrase. Relies on the source as text: nothing of the product is imported.
"""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.rigs.source import ROOT, Module, called_name, modules

LANGUAGES = ("da", "en")
# What the command line and the reports say, asked for by the rest of the code; what the portal's pages say.
PHRASES = "ui"
# Families of phrases and single words: no fault, so no whole sentence and nothing to do about it.
PAGES = "page"
LABELS = (PHRASES, PAGES, "cause", "demo", "onboard")
_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_PREFIX = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_.]*")
_KEY = re.compile(r"[a-z0-9_.]+")
# `phrase` of the catalogue, and what the command line's screen makes of it.
_PHRASING = ("phrase", "say", "text")
_CODE_NAME = re.compile(r"(.*_)?codes?", re.IGNORECASE)

Texts = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a code is used; `given` are the parameters passed there, None when unknown."""

    code: str
    where: str
    given: frozenset[str] | None


@cache
def catalogue() -> dict[str, tuple[str, Texts]]:
    """Returns code → (family of its file, language → what, do)."""
    found: dict[str, tuple[str, Texts]] = {}
    for path in sorted((ROOT / "schemas" / "texts").glob("*.toml")):
        for code, texts in _parsed(path).items():
            assert code not in found, f"{code} stands in two files"
            found[code] = (path.stem, texts)
    return found


def _parsed(path: Path) -> dict[str, Texts]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as fault:
        raise AssertionError(f"{path.name}: {fault}") from None


def placeholders(text: str) -> set[str]:
    """Returns the names in braces in a text."""
    return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}


@cache
def error_names() -> frozenset[str]:
    """Returns the names of the errors that carry a code, as `schemas.errors` defines them."""
    (errors,) = [module for module in modules() if module.name == "schemas.errors"]
    return frozenset(node.name for node in errors.tree.body if isinstance(node, ast.ClassDef))


def uses(module: Module) -> Iterator[Use]:
    """Yields every code a module uses, with the place."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield from _uses_in_call(module, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _names_a_code(node):
            yield from (Use(code, _at(module, node), None) for code in _codes(node.value))


def _uses_in_call(module: Module, call: ast.Call) -> Iterator[Use]:
    name, where = called_name(call), _at(module, call)
    if name in error_names() and call.args:
        words = [keyword.arg for keyword in call.keywords]
        given = None if None in words else frozenset(word for word in words if word)
        yield from (Use(code, where, given) for code in _codes(call.args[0]))
    if name == "Rejection":
        yield from (Use(code, where, None) for argument in call.args for code in _codes(argument))
    if name in _PHRASING and call.args:
        keys = [text for text in _strings(call.args[0]) if _KEY.fullmatch(text)]
        yield from (Use(f"{PHRASES}.{key}", where, None) for key in keys)
    for keyword in call.keywords:
        if keyword.arg and _CODE_NAME.fullmatch(keyword.arg):
            yield from (Use(code, where, None) for code in _codes(keyword.value))


def _names_a_code(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(t, ast.Name) and _CODE_NAME.fullmatch(t.id) is not None for t in targets)


def _codes(node: ast.expr | None) -> list[str]:
    return [text for text in _strings(node) if _CODE.fullmatch(text)]


def _strings(node: ast.expr | None) -> list[str]:
    """Returns the strings an expression can stand for: itself, both branches, the values of a table."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=one, orelse=other):
            return _strings(one) + _strings(other)
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [text for part in parts for text in _strings(part)]
        case ast.Dict(values=parts):
            return [text for part in parts for text in _strings(part)]
        case _:
            return []


def _at(module: Module, node: ast.stmt | ast.expr) -> str:
    return f"{module.where}:{node.lineno}"


def literals(module: Module) -> set[str]:
    """Returns every string that stands in a module as such."""
    return {node.value for node in ast.walk(module.tree) if _is_text(node)}  # type: ignore[attr-defined]


def prefixes(module: Module) -> set[str]:
    """Returns the beginnings of codes that a module completes when it runs, such as `identity.`."""
    starts = {
        node.values[0].value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.JoinedStr)
        and len(node.values) > 1
        and isinstance(node.values[0], ast.Constant)
    }
    joined = {text for text in literals(module) if text.endswith(".")}
    return {str(text) for text in starts | joined if _PREFIX.fullmatch(str(text))}


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _templates() -> str:
    folder = ROOT / "routing" / "portal" / "templates"
    return "".join(path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()))


def page_words() -> set[str]:
    """Returns every word between quotes in the portal's templates; a key of the family `page` is one."""
    return {f"{PAGES}.{word}" for word in re.findall(r"[\"']([a-z0-9_]+)[\"']", _templates())}


def completed_in_pages(code: str) -> bool:
    """Says whether a template completes this key from a beginning or an end, as in `kind ~ "_heading"`."""
    starts = tuple(f"{PAGES}.{start}" for start in re.findall(r"\(\"([a-z0-9_]+_)\" ~", _templates()))
    ends = tuple(re.findall(r"~ \"(_[a-z0-9_]+)\"", _templates()))
    return code.startswith(f"{PAGES}.") and (code.startswith(starts) or code.endswith(ends))
