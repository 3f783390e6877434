"""What all commands share: options, their help, and one line for whatever is wrong."""

import importlib
import json
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import click
import keras
import pytest
from click.testing import CliRunner

from shared import cli
from shared.data.sources import Source
from shared.errors import UserError
from tests.conftest import RECIPES, call, refused

ONE = "sentiment"  # stands for all recipes where they have the same code


@pytest.mark.parametrize("option", ["--epochs", "--batch-size", "--limit", "--units", "--layers"])
@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_numbers_must_be_positive(option, value):
    line = refused(ONE, "train", option, value)
    assert option in line and value in line


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train", "--no-such-option"], "--no-such-option"),
        (["train", "--cell", "transformer"], "'rnn', 'lstm', 'gru'"),
        (["no-such-command"], "no-such-command"),
        (["train", "--seed", "-1"], "-1"),
        (["train", "--dataset", "no_such_data"], "Among those that fit"),
        (["train", "--dataset", "mnist", "--data-dir", "nowhere"], "mnist"),
        (["train", "--file", "nowhere.csv"], "nowhere.csv"),
        (["predict"], "INPUT"),
        (["predict", "--run", "nowhere", "x"], "There is no run folder nowhere. Train first"),
        (["evaluate", "--run", "nowhere"], "There is no run folder nowhere. Train first"),
        (["train", "--resume", "--run", "nowhere"], "There is no run folder nowhere"),
    ],
)
def test_wrong_arguments(arguments, words):
    assert words in refused(ONE, *arguments)


def test_a_terminal_that_can_not_show_a_name():
    group = cli.recipe_group(__file__, help="A test.")
    group.command("show")(lambda: click.echo("Data: 名.csv"))
    result = CliRunner(charset="latin-1").invoke(group, ["show"])
    assert result.exit_code == 0 and result.stdout == "Data: ?.csv\n"


def commands():
    """Every command of every recipe: (recipe, command's name, click command)."""
    for recipe in RECIPES:
        group = importlib.import_module(f"recipes.{recipe}.__main__").recipe
        for name, command in group.commands.items():
            yield recipe, name, command


def test_every_option_is_explained():
    for recipe, name, command in commands():
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, f"{recipe} {name} {parameter.opts}"
                assert "[default" not in parameter.help, f"{recipe} {name} {parameter.opts}"


def test_help_of_train_stands_in_sections():
    for recipe in RECIPES:
        text = call(recipe, "train", "--help").output
        found = re.findall(r"^(\w+):$", text, re.M)
        assert found == ["Data", "Network", "Training", "Run", "Options"], recipe
        data, network = text.split("Network:")[0], text.split("Network:")[1].split("Training:")[0]
        own = ("--file" in data) + ("--folder" in data)
        assert own == (0 if recipe == "long_memory" else 1), recipe  # which generates its data
        assert "--cell" in network and "--units" in network


def test_help_shows_defaults_also_those_for_the_sample():
    text = " ".join(call(ONE, "train", "--help").output.split())
    assert "[default: lstm]" in text
    assert "[default: imdb_reviews]" in text
    assert "[default: 6; 12 on the sample; x>=1]" in text


def test_evaluate_takes_the_same_data_as_train():
    for recipe in RECIPES:
        train, evaluate = (call(recipe, name, "--help").output for name in ("train", "evaluate"))
        for option in ("--file", "--folder", "--dataset", "--data-dir"):
            assert (option in train) == (option in evaluate), (recipe, option)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a run of two epochs on a few examples of the sample."""
    folder = tmp_path_factory.mktemp("cli")
    small = ["--dataset", "sample", "--limit", 32, "--epochs", 1, "--units", 8]
    result = call(ONE, "train", *small, "--run", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def here(tiny, tmp_path, monkeypatch):
    """A copy of that run as `run` in the working folder, to be damaged at will."""
    shutil.copytree(tiny, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("content", ["", "{}", "[1]", "{"])
def test_damaged_config(here, content):
    Path("run/config.json").write_text(content)
    assert "config.json is damaged" in refused(ONE, "evaluate", "--run", "run")


def test_run_of_another_recipe(here):
    config = Path("run/config.json")
    config.write_text(config.read_text().replace(f'"recipe": "{ONE}"', '"recipe": "another"'))
    line = refused(ONE, "evaluate", "--run", "run")
    assert f"a run of the recipe another, not {ONE}" in line


@pytest.mark.parametrize("folder", ["file/run", "/proc/no-such-place/run"])
def test_unwritable_folder(here, folder):
    Path("file").write_text("a file, not a folder")
    line = refused(ONE, "train", "--dataset", "sample", "--limit", 9, "--run", folder)
    assert f"Can't write to the run folder {folder}" in line
    assert not Path("runs").exists(), "a failed start must not become the newest run"


def test_resume_refuses_other_options(here):
    line = refused(ONE, "train", "--resume", "--run", "run", "--units", "9")
    assert "--units is 8 in the run run" in line


def test_resume_refuses_another_backend(here, monkeypatch):
    """And what it says to do is what continues the run."""
    trained_on = keras.backend.backend()
    other = "torch" if trained_on == "jax" else "jax"
    monkeypatch.setattr("shared.cli.options.check_backend", lambda: None)  # it may not be there
    monkeypatch.setenv("KERAS_BACKEND", other)
    line = refused(ONE, "train", "--resume", "--run", "run")
    assert f"run is trained on the {trained_on} backend" in line and f"weights on {other}." in line
    words = shlex.split(line.partition("Continue it with: ")[2])
    setting = [f"KERAS_BACKEND={trained_on}"] * (trained_on != "tensorflow")
    assert words[: words.index("train")] == [*setting, "python", "-m", f"recipes.{ONE}"]
    monkeypatch.setenv("KERAS_BACKEND", trained_on)
    result = call(ONE, *words[words.index("train") :])
    assert result.exit_code == 0, result.output


def test_what_was_trained_is_what_is_measured(here, monkeypatch):
    """Also elsewhere than in runs/<recipe>/, and where a run is continued."""
    measured = []
    group = importlib.import_module(f"recipes.{ONE}.__main__").recipe
    monkeypatch.setattr(
        group.commands["evaluate"], "callback", lambda **values: measured.append(values["run"])
    )
    result = call(ONE, "train", "--resume", "--run", "run", "--evaluate")
    assert result.exit_code == 0, result.output
    assert measured == ["run"]


def test_the_notice_of_the_sample_is_printed_once(here, monkeypatch):
    """By `train --evaluate` too, and by `evaluate` alone, in its first line."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(here / "nothing"))
    small = ["--limit", 32, "--epochs", 1, "--units", 8]
    result = call(ONE, "train", *small, "--evaluate", "--run", "new")
    assert result.exit_code == 0, result.output
    for output in (result.output, call(ONE, "evaluate", "--run", "new").output):
        assert output.startswith("SAMPLE DATA, not imdb_reviews")
        assert output.count("SAMPLE DATA") == 1
    assert json.loads(Path("new/metrics.json").read_text())["notice"].startswith("SAMPLE DATA")
    result = call(ONE, "gradients", "--run", "new", "--json")
    assert json.loads(result.stdout)["notice"].startswith("SAMPLE DATA")
    assert result.stderr.count("SAMPLE DATA") == 1
    assert "SAMPLE DATA" in Path("new/gradients.html").read_text()


def run_of(options, files=()):
    dataset = {"name": "own.csv"} | ({"files": list(files)} if files else {})
    return SimpleNamespace(
        options=SimpleNamespace(**options), config={"dataset": dataset}, dataset="own.csv"
    )


def chosen(run, **given):
    options = {"dataset": None, "file": None, "data_dir": None, "text_column": None} | given
    return cli.data_options(SimpleNamespace(**options), run)


def test_data_to_measure_on():
    trained = {"dataset": None, "file": "/a.csv", "data_dir": None, "text_column": "note"}
    run = run_of(trained, files=["/a.csv"])
    own = chosen(run)
    assert (own.dataset, own.file, own.text_column, own.whole) == (None, "/a.csv", "note", False)
    assert not chosen(run, file="/a.csv").whole, "the run's own file has its splits"
    other = chosen(run, file="/b.csv", text_column="text")
    assert (other.file, other.text_column, other.whole) == ("/b.csv", "text", True)
    public = chosen(run, dataset="imdb_reviews", data_dir="/data")
    assert (public.dataset, public.file, public.whole) == ("imdb_reviews", None, False)
    assert public.data_dir == "/data"
    fell_back = run_of(trained | {"file": None})
    assert chosen(fell_back).dataset == "own.csv"


def test_a_source_brings_defaults_that_the_command_line_overrides(monkeypatch):
    seen = []

    def find(options):
        source = Source("mine", "1", (), None, defaults={"epochs": 3, "units": 5})
        cli.take_defaults(options, source)
        seen.append((options.epochs, options.units))
        raise UserError("enough")

    module = importlib.import_module(f"recipes.{ONE}.__main__")
    monkeypatch.setattr(module.data, "find", find)
    refused(ONE, "train", "--units", 7)
    assert seen == [(3, 7)]
