"""The tests mirror the package: what tests `a/b.py` is looked for, and found, in tests/a/test_b.py."""

import ast
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGE, TESTS = ROOT / "ingestlayer_cli", ROOT / "tests"
# What is tested by more than one module's tests would tell, with the reason why it has no module of its own.
ELSEWHERE = {
    "test_examples.py": "the projects of examples/",
    "test_examples_cron.py": "the files of examples/cron",
    "test_examples_serve.py": "the files of examples/serve",
    "test_examples_monitoring.py": "the files of examples/monitoring",
    "test_examples_deploy.py": "the files of examples/deploy",
    "test_layers.py": "the imports of all modules",
    "test_mirror.py": "the tests themselves",
    "test_readme.py": "README.md",
    "test_docs.py": "the pages of ingestlayer_cli/docs",
    "steps/test_histories.py": "crossing and throttle, beside one model",
}
FOLDERS = [path for path in TESTS.iterdir() if path.is_dir() and path.name not in ("support", "benchmarks")]
FILES = [*TESTS.glob("test_*.py"), *(path for folder in FOLDERS for path in folder.rglob("test_*.py"))]
MODULES = [path for path in PACKAGE.rglob("*.py") if not path.stem.startswith("__")]
WITH_LOGIC = [path for path in MODULES if path.read_text().count("\n    if ") > 2]


def names(folder: Path) -> set[str]:
    """Return what may be tested in a folder of tests: its modules, its folders, and itself."""
    inside = PACKAGE / folder
    modules = {path.stem for path in inside.glob("*.py")}
    return {*modules, *(path.name for path in inside.iterdir() if path.is_dir()), inside.name}


@pytest.mark.parametrize("path", [str(path.relative_to(TESTS)) for path in sorted(FILES)])
def test_a_test_stands_where_its_module_does(path: str) -> None:
    """`test_b.py`, or `test_b_more.py` where b has more than one."""
    if path in ELSEWHERE:
        return
    folder, name = Path(path).parent, Path(path).stem.removeprefix("test_")
    assert (PACKAGE / folder).is_dir(), f"there is no ingestlayer_cli/{folder}"
    assert any(name == module or name.startswith(f"{module}_") for module in names(folder))


def test_most_modules_with_logic_have_their_test_where_one_looks_for_it() -> None:
    """In their own folder, or with the command of their name, which is the door to them."""
    there = [
        path
        for path in WITH_LOGIC
        if any(
            any(folder.glob(f"test_{path.stem}{more}.py"))
            for folder in (TESTS / path.relative_to(PACKAGE).parent, TESTS / "commands")
            for more in ("", "_*")
        )
    ]
    print(sorted(str(path.relative_to(PACKAGE)) for path in set(WITH_LOGIC) - set(there)))
    assert len(there) > len(WITH_LOGIC) / 2


def fixtures(path: Path) -> dict[str, str]:
    """Return what the fixtures of a module are, by their names."""
    made = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    made = [node for node in made if any("pytest.fixture" in ast.unparse(it) for it in node.decorator_list)]
    kinds = ((node.name, ast.unparse(node.returns)) for node in made if node.returns is not None)
    return {name: kind.removeprefix("Iterator[").removesuffix("]") for name, kind in kinds}


def test_a_shared_fixture_is_of_one_kind_wherever_it_is_made_anew() -> None:
    shared = fixtures(TESTS / "conftest.py")
    assert len(shared) > 10
    others = [
        f"{path.relative_to(TESTS)}: {name} is a {kind}"
        for path in FILES
        for name, kind in fixtures(path).items()
        if shared.get(name, kind) != kind
    ]
    assert others == []


def test_every_exception_is_a_test() -> None:
    assert [path for path in ELSEWHERE if not (TESTS / path).is_file()] == []
