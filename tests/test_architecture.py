"""The rooms of the house: who may import whom, and which files a recipe has."""

import ast

from tests.conftest import RECIPES, ROOT

FILES = {"README.md", "pattern.svg", "__init__.py", "data.py", "model.py", "sample.py"}
FILES.add("__main__.py")


def imports(path):
    """The absolute names that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(of):
    """The files of the project, but for its tests, that import a package or a part of it."""
    for folder in ("shared", "recipes", "benchmarks"):
        for path in ROOT.glob(f"{folder}/**/*.py"):
            if any(name == of or name.startswith(f"{of}.") for name in imports(path)):
                yield path.relative_to(ROOT).as_posix()


def test_every_recipe_has_the_same_files():
    for recipe in RECIPES:
        folder = ROOT / "recipes" / recipe
        assert {path.name for path in folder.iterdir() if path.name != "__pycache__"} == FILES


def test_nothing_shared_imports_a_recipe():
    assert not [path for path in importers("recipes") if not path.startswith("benchmarks/")]


def test_recipes_import_their_own_files_relatively():
    for recipe in RECIPES:
        assert not [path for path in importers(f"recipes.{recipe}") if path.startswith("recipes/")]


def test_nothing_imports_a_lesson_but_lessons():
    assert not list(importers("lessons"))


def test_layers_import_nothing_of_ours():
    assert not [path for path in importers("shared") if path.startswith("shared/layers/")]


def test_data_knows_nothing_of_training_or_commands():
    for room in ("training", "evaluation", "decoding", "cli"):
        found = [path for path in importers(f"shared.{room}") if path.startswith("shared/data/")]
        assert not found, room


def test_only_the_commands_know_click():
    found = [path for path in importers("click") if path.startswith(("shared/", "recipes/"))]
    assert all(p.startswith("shared/cli/") or p.endswith("/__main__.py") for p in found), found


def test_every_recipe_has_the_same_functions():
    """Besides its own: to have read one is to know where to look in the others."""
    wanted = {
        "data.py": ["find(options)", "load(source, options)", "save_names(run, names)"],
        "__main__.py": ["train(options)", "evaluate(options)", "predict(options)"],
        "sample.py": ["generate(split)"],
    }
    wanted["data.py"].append("load_names(run)")
    wanted["__main__.py"] += ["inspect(options)", "gradients(options)"]
    for recipe in RECIPES:
        for file, signatures in wanted.items():
            tree = ast.parse((ROOT / "recipes" / recipe / file).read_text())
            found = [
                f"{node.name}({ast.unparse(node.args)})"
                for node in tree.body
                if isinstance(node, ast.FunctionDef)
            ]
            # A sample may be generated in more than one way.
            found = [
                each.partition(",")[0] + ")" if "generate(split," in each else each
                for each in found
            ]
            places = [found.index(each) for each in signatures if each in found]
            assert len(places) == len(signatures), (recipe, file, found)
            assert places == sorted(places), (recipe, file, found)
