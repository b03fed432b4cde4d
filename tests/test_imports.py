"""Who may import whom, no circles between files, and what a worker process need not import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import flows
import shared

ROOT = Path(shared.__file__).resolve().parents[1]
FOLDERS = [Path(package.__file__).resolve().parent for package in (shared, flows) if package.__file__]
RENDER = ("render", "render_sdk")
HEAVY = ["pandas", "numpy", "duckdb", "pyarrow", "pydantic", "pydantic_settings", "fsspec", "s3fs", "prefect", "render"]

# By package, what none of its files imports: at the top or in a function, to run or to annotate.
ABOVE = (
    "flows.compare",
    "flows.check",
    "flows.commands",
    "flows.registry",
    "flows.cli",
)  # what knows engines, and no engine knows
ENGINES = ("flows.on_prefect", "flows.on_render", "flows.local", "flows.local_target")
RULES = {
    "shared": ("prefect", *RENDER, "flows"),
    "shared.run": ("shared.customers", "shared.isolation", "shared.faults.actions"),
    "flows.engine": ("prefect", *RENDER, "shared.customers", *ABOVE, *ENGINES),
    "flows.on_prefect": (*RENDER, *ABOVE, "flows.on_render", "flows.render_dev", "flows.render_tasks", "flows.local"),
    "flows.on_render": ("prefect", *ABOVE, "flows.on_prefect", "flows.prefect_flow", "flows.local"),
    "flows.render_dev": ("prefect", "shared.customers", *ABOVE, *ENGINES, "flows.engine"),
    "flows.check": (
        *("prefect", *RENDER, "shared.customers", "flows.compare", "flows.commands", "flows.cli", "flows.render_dev"),
        *ENGINES,
    ),
    "flows.compare": ("prefect", *RENDER, "shared.customers", "flows.commands", "flows.cli", *ENGINES),
}
EXCEPTIONS = {
    "flows.on_prefect.parity_check": {"flows.registry", "flows.registry.ENGINES"},  # it compares two engines
}
# A report is made of what was recorded, and otherwise only uses pictures and the words of the ledger.
REPORT = ("flows.compare.report", "flows.compare.record", "flows.engine.verdicts", "shared.drawing")
WORDS = ("shared.run.step_names", "shared.faults.plan")
# The products that engines stand for: what is compared is data, so nothing that compares names one.
PRODUCTS = re.compile(r"prefect|\brender\b(?!\()", re.IGNORECASE)
# What is the merge's own; a comparison knows of records, facts and results.
MERGES_OWN = re.compile(r"profile|customer_id|churn|health_score|idempotency_key")


def name_of(path: Path) -> str:
    """A file's module: ``shared.run.job``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))}


def imported(source: str) -> set[str]:
    """What a file imports: ``shared.run`` and ``shared.run.steps`` for ``from shared.run import steps``."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who knows whom"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            names |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return names


def within(module: str, package: str) -> bool:
    """Whether a module is a package or below it."""
    return f"{module}.".startswith(f"{package}.")


def violations(module: str, source: str) -> set[str]:
    """What a module imports against the rules."""
    forbidden = [name for package, names in RULES.items() if within(module, package) for name in names]
    names = imported(source)
    found = {name for name in names if any(within(name, other) for other in forbidden)}
    return found - EXCEPTIONS.get(module, set())


@pytest.mark.parametrize("module", MODULES)
def test_the_rules_hold(module: str) -> None:
    """No file imports what its package must not know."""
    assert violations(module, MODULES[module].read_text()) == set()


@pytest.mark.parametrize(("package", "forbidden"), [(package, each) for package in RULES for each in RULES[package]])
@pytest.mark.parametrize(
    "form",
    [
        "import {}",
        "import {}.deeper as d",
        "from {} import x",
        "def f():\n  from {}.deeper import x",
        "if TYPE_CHECKING:\n  import {}",
        "importlib.import_module('{}.deeper')",
        "from {0} import {1}",
    ],
)
def test_a_violation_is_noticed(package: str, forbidden: str, form: str) -> None:
    """Every rule sees imports of every form, in a file of the package or below it, and only those."""
    parent, _, last = forbidden.rpartition(".")
    planted = form.format(*((parent, last) if "{0}" in form and parent else (forbidden, "x")))
    for module in (f"{package}.planted", f"{package}.deep.planted"):
        assert violations(module, planted)
    assert not violations("elsewhere.planted", planted)
    assert not violations(f"{package}_other", planted)
    assert not violations(f"{package}.planted", planted.replace(forbidden.split(".", maxsplit=1)[0], "another"))


def test_the_rules_are_about_packages_that_exist() -> None:
    """A folder that was renamed does not leave its rule behind."""
    assert len(MODULES) > 100
    for package in RULES:
        assert sum(within(module, package) for module in MODULES) > 3
    ours = {name for names in RULES.values() for name in names if name.startswith(("shared.", "flows."))}
    assert ours <= MODULES.keys()


def compared_by() -> list[Path]:
    """The code of the comparison and the templates of its page."""
    folder = ROOT / "flows" / "compare"
    return [path for path in folder.rglob("*") if path.suffix in {".py", ".j2", ".css"}]


@pytest.mark.parametrize("words", [MERGES_OWN, PRODUCTS], ids=["of the merge", "of a product"])
def test_a_comparison_knows_no_word(words: re.Pattern[str]) -> None:
    """Neither its code nor the templates of its page name a column of the merge, or the product of an engine."""
    files = compared_by()
    assert len(files) > 50
    assert {str(path): match.group() for path in files if (match := words.search(path.read_text()))} == {}


def test_a_product_is_noticed() -> None:
    """In words and in names; a template that renders is none."""
    assert PRODUCTS.search("if column.product == 'render':")
    assert PRODUCTS.search("# Prefect retries nothing")
    assert not PRODUCTS.search("template.render(content=1), rendering, renders")


def test_a_report_is_made_of_what_was_recorded() -> None:
    """It knows neither engines nor how a comparison observes and judges."""
    reports = [module for module in MODULES if within(module, "flows.compare.report")]
    assert len(reports) > 20
    for module in reports:
        ours = imported(MODULES[module].read_text()) & MODULES.keys()
        assert [each for each in ours if not any(within(each, known) for known in (*REPORT, *WORDS))] == [], module


def test_a_report_reads_no_field_by_its_name_in_quotes() -> None:
    """Values have types: a field that was renamed is found by the checker, and not by who reads the report."""
    for module in (module for module in MODULES if within(module, "flows.compare.report")):
        tree = ast.parse(MODULES[module].read_text())
        keys = [node.slice for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
        quoted = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        assert quoted == [], module


def test_a_check_names_no_product() -> None:
    """Neither its code nor its page: what engines are called is theirs to say."""
    folder = ROOT / "flows" / "check"
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".j2", ".css"}]
    found = {str(path): match.group() for path in files if (match := PRODUCTS.search(path.read_text()))}
    assert len(files) > 20
    assert found == {}


def graph() -> dict[str, set[str]]:
    """By module, the project's modules that it imports, also in functions and for annotations."""
    return {module: imported(path.read_text()) & MODULES.keys() - {module} for module, path in MODULES.items()}


def circle(imports: dict[str, set[str]]) -> list[str]:
    """Some modules of which each imports the next, and the last the first; empty when there are none."""
    done: set[str] = set()

    def search(module: str, path: list[str]) -> list[str]:
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return []
        found = next((found for each in sorted(imports[module]) if (found := search(each, [*path, module]))), [])
        done.add(module)
        return found

    return next((found for module in sorted(imports) if (found := search(module, []))), [])


def test_there_are_no_circles() -> None:
    """Files can be read in an order in which each needs only those before it."""
    imports = graph()
    assert sum(map(len, imports.values())) > 300
    assert circle(imports) == []


def test_a_circle_is_noticed() -> None:
    """Of two files, of three, and one that is planted among those that exist."""
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"a"}}) == ["a", "b"]
    assert circle({"a": {"b", "d"}, "b": set(), "c": {"d"}, "d": {"e"}, "e": {"c"}}) == ["d", "e", "c"]
    imports = graph()
    for form in ("def f():\n  from shared.run import steps", "if TYPE_CHECKING:\n  from shared.run import steps"):
        imports["shared.run.errors"] = imported(form) & MODULES.keys()
        assert "shared.run.errors" in circle(imports)


def test_no_folder_hides_a_library() -> None:
    """Prefect puts the folder of an entry point first on ``sys.path``, where its files hide libraries."""
    names = {path.stem for path in (ROOT / "flows").iterdir()}
    assert not names & {"prefect", "render", "render_sdk", *sys.stdlib_module_names}


@pytest.mark.parametrize(
    "module", ["shared.run.steps", "shared.run.settings", "shared.run.ledger", "shared.faults.plan", "flows.cli"]
)
def test_importing_a_step_or_the_command_imports_nothing_heavy(module: str) -> None:
    """A process that imports it has none of the large libraries yet: workers and commands start cold."""
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_preloading_imports_what_a_shard_needs() -> None:
    """After ``preload`` a shard imports nothing more of the large libraries."""
    code = "import sys; from shared.run import steps; steps.preload(); print(*[name for name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"pandas", "duckdb", "pyarrow", "pyarrow.parquet", "shared.customers.shard"} <= loaded
    assert loaded & {"prefect", *RENDER, "flows"} == set()
