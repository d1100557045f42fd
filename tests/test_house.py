"""The house rules hold: who imports whom, what a bare machine needs, how long a file may be, what the lock pins."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "flows", "tasks", "model", "data")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

# What the network uses of data/; the other modules may need pyteomics or MS2PIP.
BARE_DATA = {
    "activation",
    "atomic",
    "batches",
    "chemistry",
    "errors",
    "fragment_intensity",
    "instruments",
    "masking",
    "name_patterns",
    "noise",
    "noise_moments",
    "open_modifications",
    "outliers",
    "pairs",
    "peaks",
    "peptidoform",
    "predictions",
    "preprocessing",
    "schema",
    "seeding",
    "settings",
    "shards",
    "splits",
    "structured_noise",
    "vocabulary",
}
BARE_PACKAGES = {"data": {"numpy", "pyarrow"}, "model": {"numpy", "pyarrow", "torch"}}
FILE_LINES = 400
FUNCTION_LINES = 70


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(path: Path) -> Iterator[str]:
    """Every imported module of a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_bare(path: Path) -> bool:
    package, module, *_ = path.relative_to(ROOT).with_suffix("").parts
    return package == "model" or (package == "data" and module in BARE_DATA)


BARE = [path for path in SOURCES if _is_bare(path)]


def test_import_contracts_hold() -> None:
    check = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize("path", BARE, ids=_name)
def test_bare_modules_import_only_what_a_bare_machine_has(path: Path) -> None:
    allowed = BARE_PACKAGES[path.relative_to(ROOT).parts[0]] | sys.stdlib_module_names
    for module in _imports(path):
        top, *rest = module.split(".")
        if top in ("data", "model"):
            assert top == "model" or rest[0] in BARE_DATA, f"imports {module}"
        else:
            assert top in allowed, f"imports {module}"


def test_trainer_and_sequencer_import_without_the_pipeline() -> None:
    program = """
import sys

BLOCKED = {"pyteomics", "ms2pip", "psm_utils", "xgboost", "lxml", "pandas", "pydantic", "yaml", "prefect", "mlflow",
           "dvc", "matplotlib", "spectrum_utils", "jinja2", "rich", "typer", "safetensors"}

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Bare())
import model.__main__, model.inference
"""
    check = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_help_imports_nothing_heavy() -> None:
    program = """
import sys
from app.main import main

sys.argv = ["peptrm", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
heavy = {"torch", "prefect", "mlflow", "ms2pip", "xgboost", "pandas", "dvc", "pyarrow", "matplotlib", "dask"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    check = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "sequence" in check.stdout
    assert check.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=_name)
def test_files_can_be_read_in_a_sitting(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "the first line says the file's one reason"
    assert len(text.splitlines()) <= FILE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, f"{node.name} does not fit a screen"


def _declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def _locked() -> dict[str, str]:
    lines = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def test_lock_pins_a_permitted_version_of_every_requirement() -> None:
    locked = _locked()
    for requirement in _declared():
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement.name


def test_every_import_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in _declared()}
    distributions = packages_distributions()
    own = {*PACKAGES, "tests", "benchmarks"}
    for path in SOURCES:
        for module in {name.partition(".")[0] for name in _imports(path)} - sys.stdlib_module_names - own:
            providers = {canonicalize_name(name) for name in distributions.get(module, [module])}
            assert providers & declared, f"{_name(path)} imports {module}"


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_of_the_documentation_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert "://" in target or (path.parent / target).exists(), target
