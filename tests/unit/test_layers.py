"""The house stands as it was drawn: who may import whom, what is shipped, and how large a part may be."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.rigs.source import PACKAGES, ROOT, Module, called_name, functions, modules

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
# What `brevdue --help` must not pay for.
HEAVY = (
    "aiohttp",
    "aiosmtpd",
    "apscheduler",
    "asn1crypto",
    "dns",
    "httpx",
    "jinja2",
    "ldap3",
    "numpy",
    "pandas",
    "pikepdf",
    "pyhanko_certvalidator",
    "pypdfium2",
    "reportlab",
    "xmlsec",
    "zeep",
)
HEAVY_DATABASE = ("alembic", "psycopg", "sqlalchemy", "sqlmodel")
LAYERS = {"jobs": 2, "batch": 1, "routing": 1, "eboks": 1, "schemas": 0}


def _doors() -> dict[str, list[str]]:
    """Returns library → patterns of the modules that may import it, as import-linter is told."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        library: [entry.split(" -> ")[0] for entry in contract["ignore_imports"]]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "forbidden"
        for library in contract["forbidden_modules"]
    }


def _may_open(opener: str, module: str) -> bool:
    return fnmatchcase(module, opener.replace("**", "*"))


def _imported(module: Module) -> Iterator[tuple[str, int]]:
    """Yields every name a module imports, lazily, by statement or by `import_module("…")`, with its line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((name, node.lineno) for name in _from_names(module, node))
        elif isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, node.lineno


def _from_names(module: Module, node: ast.ImportFrom) -> list[str]:
    if node.level == 0:
        return [node.module or ""]
    package = module.name.split(".")
    if module.path.name != "__init__.py":
        package = package[:-1]
    base = package[: len(package) - node.level + 1]
    return [".".join([*base, node.module] if node.module else base)]


def _layer_faults(found: tuple[Module, ...]) -> list[str]:
    faults = []
    for module in found:
        own = module.name.split(".")[0]
        for name, line in _imported(module):
            other = name.split(".")[0]
            if other in LAYERS and other != own and LAYERS[other] >= LAYERS[own]:
                faults.append(f"{module.where}:{line} imports {name}")
            if other == "tests":
                faults.append(f"{module.where}:{line} imports the tests")
    return faults


def _door_faults(found: tuple[Module, ...]) -> list[str]:
    doors = _doors()
    return [
        f"{module.where}:{line} imports {name}"
        for module in found
        for name, line in _imported(module)
        if name.split(".")[0] in doors
        and not any(_may_open(opener, module.name) for opener in doors[name.split(".")[0]])
    ]


def _sample(name: str, text: str) -> tuple[Module, ...]:
    return (Module(name, ROOT / (name.replace(".", "/") + ".py"), text, ast.parse(text)),)


def test_every_import_linter_contract_is_kept() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_layer_is_imported_upwards_or_sideways() -> None:
    assert _layer_faults(modules()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("batch.x", "import eboks.wire"),
        ("routing.x", "def f():\n    from batch import records"),
        ("schemas.x", "from jobs.house import House"),
        ("eboks.x", "import importlib\nimportlib.import_module('batch.records')"),
        ("jobs.x", "from tests.rigs import postgres"),
    ],
)
def test_a_wrong_import_between_our_packages_is_seen(name: str, text: str) -> None:
    assert len(_layer_faults(_sample(name, text))) == 1


def test_heavy_libraries_come_in_by_their_one_door() -> None:
    assert _door_faults(modules()) == []


@pytest.mark.parametrize(
    ("name", "text", "n_faults"),
    [
        ("jobs.cli", "def f():\n    import pandas as pd", 1),
        ("jobs.cli", "from importlib import import_module\nimport_module('httpx')", 1),
        ("batch.rows", "from sqlmodel import Field", 1),
        ("schemas.tables", "from sqlmodel import Field", 0),
        ("eboks.simulator.server", "from aiohttp import web", 0),
        ("eboks.simulators", "from aiohttp import web", 1),
    ],
)
def test_a_library_past_its_door_is_seen(name: str, text: str, n_faults: int) -> None:
    assert len(_door_faults(_sample(name, text))) == n_faults


def test_no_module_is_named_like_the_standard_library() -> None:
    named = {module.where: module.path.stem for module in modules()}
    assert {where for where, stem in named.items() if stem in sys.stdlib_module_names - {"__main__"}} == set()


def test_every_module_says_its_job() -> None:
    assert [module.where for module in modules() if not ast.get_docstring(module.tree)] == []


def test_no_function_is_longer_than_the_budget() -> None:
    lengths = {
        f"{module.where}:{f.lineno} {f.name}": (f.end_lineno or f.lineno) - f.lineno + 1
        for module in modules()
        for f in functions(module)
    }
    assert {where: n for where, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}


def test_no_file_is_longer_than_the_budget() -> None:
    lengths = {module.where: len(module.text.splitlines()) for module in modules()}
    assert {where: n for where, n in lengths.items() if n > MAX_FILE_LINES} == {}


@pytest.mark.skipif(not (ROOT / "jobs" / "cli.py").exists(), reason="the command line is not written yet")
def test_the_command_line_starts_without_heavy_libraries() -> None:
    script = f"import sys, jobs.cli; print(*sorted(set({HEAVY + HEAVY_DATABASE!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel as a release would, with the locked build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_the_five_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_carries_every_module_and_data_file(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert ours - shipped == set()


def test_the_wheel_brings_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "brevdue = jobs.cli:main" in archive.read(entry).decode()
