"""Who may import whom: the table of the design, kept by reading every import of the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vlstudy"
HEAVY = [
    "torch",
    "torchvision",
    "open_clip",
    "ray",
    "optuna",
    "yaml",
    "pydantic",
    "typer",
    "rich",
    "matplotlib",
    "seaborn",
    "pandas",
    "jinja2",
    "sklearn",
    "scipy",
    "safetensors",
    "PIL",
]
TABLES = {"data", "methods", "schedules", "metrics", "training"}
SMALL = {"errors", "rng", "measurement", "knobs", "bounds"}

# part -> (parts of ours that it may import, heavy packages that it may import); a longer path wins over its folder
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "bounds": (set(), set()),
    "rng": (set(), set()),
    "measurement": (set(), set()),
    "knobs": (set(), set()),
    "losses": (set(), {"torch"}),
    "nets": (set(), {"torch"}),
    "solvers": (set(), {"torch"}),
    "averaging": (set(), {"torch"}),
    "data": ({"errors", "rng", "knobs"}, {"torch", "PIL", "safetensors"}),
    "data.pair_pool": ({"errors", "rng", "data", "backbones"}, {"torch"}),  # likewise
    "data.encoder": ({"errors", "rng", "knobs", "data", "backbones"}, {"torch"}),
    "data.pool": ({"errors", "rng", "backbones"}, {"torch"}),  # the backbone's type
    "data.sets": ({"errors", "backbones"}, {"torch"}),  # likewise
    "data.miniature.source": ({"errors", "rng", "knobs", "data", "backbones"}, {"torch", "PIL", "safetensors"}),
    "backbones": ({"errors"}, {"open_clip", "torch", "safetensors", "PIL"}),
    "backbones.pretrain": ({"errors", "rng", "data"}, {"open_clip", "torch", "safetensors", "sklearn"}),
    "metrics": ({"errors", "data"}, {"torch", "sklearn"}),
    "schedules": ({"errors", "knobs", "losses"}, {"torch"}),
    "methods": (
        {"errors", "rng", "data", "knobs", "losses", "nets", "solvers", "averaging", "backbones", "schedules"},
        {"torch", "sklearn"},
    ),
    "state": (SMALL, {"torch"}),
    "batches": (SMALL | {"data", "methods"}, {"torch"}),
    "train_settings": ({"knobs"}, set()),
    "weighing": ({"schedules"}, {"torch"}),
    "captioning": ({"errors", "rng", "data", "metrics"}, {"torch"}),
    "joint_map": ({"metrics"}, {"torch", "sklearn"}),
    "measuring_pairs": (SMALL | {"data", "methods", "metrics", "captioning", "joint_map"}, {"torch"}),
    "measuring": (SMALL | {"measuring_pairs", "data", "methods", "metrics", "backbones", "state"}, {"torch"}),
    "training": (
        SMALL
        | {
            "data",
            "methods",
            "schedules",
            "metrics",
            "backbones",
            "state",
            "batches",
            "measuring",
            "measuring_pairs",
            "weighing",
            "train_settings",
        },
        {"torch"},
    ),
    "stacking": (SMALL | TABLES | {"state"}, {"torch"}),
    "study": (SMALL | TABLES, {"yaml", "pydantic"}),
    "study.reading.fitting": (SMALL | TABLES | {"backbones"}, set()),
    "journal": ({"errors", "measurement"}, {"optuna"}),
    "sinks": ({"errors", "measurement", "journal"}, {"torch"}),
    "tuning": (
        SMALL | TABLES | {"study", "journal", "backbones", "stacking", "sinks"},
        {"ray", "optuna", "torch", "rich", "scipy"},
    ),
    "tuning.progress": ({"errors", "measurement", "journal"}, {"rich"}),
    "report": ({"errors", "measurement", "journal"}, {"matplotlib", "seaborn", "pandas", "jinja2", "scipy"}),
    "report.figures.objectives": (
        {"errors", "measurement", "journal", "bounds"},
        {"matplotlib", "seaborn", "pandas"},
    ),
    "report.figures.importance": (
        {"errors", "measurement", "journal"},
        {"matplotlib", "seaborn", "pandas", "optuna"},
    ),
    "doctor": (SMALL | TABLES | {"study", "journal", "backbones", "tuning"}, set()),
    "terminal": (SMALL | TABLES | {"study", "journal", "tuning", "doctor"}, {"rich"}),
    "terminal.dashboard": ({"errors", "journal"}, {"optuna"}),
    "cli": (SMALL | TABLES | {"study", "journal", "tuning", "report", "terminal"}, {"typer", "rich"}),
    "__init__": ({"opened"}, set()),
    "opened": ({"errors", "journal", "bounds", "study", "tuning", "report", "terminal"}, {"pandas"}),
    "__main__": ({"cli"}, set()),
}


def imports(source: str) -> set[str]:
    """Every module that the source names in an import, wherever it stands; a relative one as a fault of its own."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "vlstudy.<relative>." * (node.level > 0) + (node.module or "")
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def rule(module: str) -> str:
    """The longest row of the table that the module (`vlstudy.data.store`) stands below."""
    parts = module.split(".")[1:] or ["__init__"]
    rows = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next(row for row in rows if row in ALLOWED)


def violations(source: str, module: str) -> list[str]:
    """What the module imports and may not."""
    row = rule(module)
    ours, heavy = ALLOWED[row]
    wrong = []
    for name in sorted(imports(source)):
        parts = name.split(".")
        if parts[0] == "vlstudy":
            part = parts[1] if len(parts) > 1 else "__init__"
            if part not in ours | {row.split(".")[0], "__init__", "__version__"}:
                wrong.append(name)
        elif parts[0] in HEAVY and parts[0] not in heavy:
            wrong.append(name)
    return wrong


def modules(package: Path = PACKAGE) -> list[tuple[str, Path]]:
    found = []
    for path in sorted(package.rglob("*.py")):
        dotted = ".".join(["vlstudy", *path.relative_to(package).with_suffix("").parts])
        found.append((dotted.removesuffix(".__init__"), path))
    return found


@pytest.mark.parametrize(("module", "path"), modules(), ids=[module for module, _ in modules()])
def test_no_module_imports_what_its_part_may_not(module: str, path: Path) -> None:
    assert violations(path.read_text(), module) == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("vlstudy.report.page", "import torch", "torch"),
        ("vlstudy.report.page", "def f():\n    from vlstudy.tuning import launch", "vlstudy.tuning"),
        ("vlstudy.training", "from vlstudy import journal", "vlstudy.journal"),
        ("vlstudy.training", "import ray.tune", "ray.tune"),
        ("vlstudy.data.store", "from vlstudy.backbones import load", "vlstudy.backbones"),
        ("vlstudy.journal.ledger", "from torch import Tensor", "torch"),
        ("vlstudy.methods.fma", "from ..training import fit", "vlstudy.<relative>.training"),
        ("vlstudy.report", "from .. import tuning", "vlstudy.<relative>..tuning"),
        ("vlstudy.losses", "import open_clip", "open_clip"),
    ],
)
def test_a_forbidden_import_is_seen(module: str, source: str, wrong: str) -> None:
    assert wrong in violations(source, module)


def test_a_forbidden_import_is_found_in_a_tree(tmp_path: Path) -> None:
    for name, source in {
        "__init__.py": "",
        "losses.py": "import torch",
        "nets.py": "from vlstudy import losses",
        "report/figures/bars.py": "def draw():\n    import ray",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    found = {module: violations(path.read_text(), module) for module, path in modules(tmp_path)}
    assert found == {
        "vlstudy": [],
        "vlstudy.losses": [],
        "vlstudy.nets": ["vlstudy.losses"],
        "vlstudy.report.figures.bars": ["ray"],
    }


def test_each_row_of_the_table_stands_for_something() -> None:
    assert {rule(module) for module, _ in modules()} == set(ALLOWED)


def test_only_backbones_import_open_clip_and_only_tuning_imports_ray() -> None:
    for module, path in modules():
        names = {name.split(".")[0] for name in imports(path.read_text())}
        assert "open_clip" not in names or module.startswith("vlstudy.backbones"), module
        assert "ray" not in names or module.startswith("vlstudy.tuning"), module


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("vlstudy.report.render", "torch ray"),
        ("vlstudy.journal", "torch ray"),
        ("vlstudy.training", "ray optuna yaml open_clip"),
        ("vlstudy.cli", "torch ray optuna pandas pydantic open_clip matplotlib"),
        ("vlstudy.data", "torch open_clip"),
    ],
)
def test_what_a_module_leaves_unloaded(module: str, absent: str) -> None:
    code = f"import sys, {module}; print(*sorted(set('{absent}'.split()) & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == ""
