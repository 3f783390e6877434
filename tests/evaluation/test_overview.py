"""All runs on one page: whatever is in their folders, sorted in the browser."""

import json
import os

import pytest

from shared.evaluation.overview import describe, main, run_folders, write_overview
from tests.browser import DESKTOP, PHONE, complaints


def write_run(folder, recipe="sentiment", metrics=None, epochs=2, done=2, **more):
    """A run folder as a training and an evaluation leave it, but for its network."""
    folder.mkdir(parents=True)
    options = {"cell": "lstm", "units": 64, "layers": 1, "epochs": epochs}
    config = {"recipe": recipe, "dataset": {"name": "sample"}, "options": options}
    config["started"] = more.pop("started", "2026-01-01T10:00:00+00:00")
    (folder / "config.json").write_text(json.dumps(config))
    rows = "".join(f"{i + 1},1.0,1.0,90.0,sample\n" for i in range(done))
    if done:
        (folder / "history.csv").write_text("epoch,loss,val_loss,seconds,dataset\n" + rows)
    (folder / "model.keras").touch()
    if metrics:
        record = {"dataset": "sample", "split": "test", "parameters": 12345, "metrics": metrics}
        (folder / "metrics.json").write_text(json.dumps(record | more))
        (folder / "report.html").touch()
    return folder


@pytest.fixture
def runs(tmp_path):
    """Runs of two recipes; one below a folder of its recipe, to which `latest` points."""
    runs = tmp_path / "runs"
    baselines = {"constant": {"accuracy": 0.5}}
    write_run(runs / "sentiment" / "1", metrics={"accuracy": 0.75}, baselines=baselines)
    (runs / "sentiment" / "latest").symlink_to("1")
    write_run(runs / "best", metrics={"accuracy": 0.9}, started="2026-01-03T10:00:00+00:00")
    many = {f"accuracy_lstm_{gap}": 1 - gap / 100 for gap in range(10, 60, 10)}
    write_run(runs / "long & <far>", "long_memory", many, started="2026-01-02T10:00:00+00:00")
    write_run(runs / "lessons" / "networks" / "deep", "captioning", {"bleu_1": 8.0})
    return runs


def test_every_run_has_one_row(runs):
    found = {folder.relative_to(runs).as_posix() for folder in run_folders(runs)}
    assert found == {"sentiment/1", "best", "long & <far>", "lessons/networks/deep"}
    row = describe(runs / "sentiment" / "1", runs)
    assert (row["run"], row["link"]) == ("1", "sentiment/1/report.html")
    assert (row["cell"], row["units"], row["parameters"]) == ("lstm", 64, "12,345")
    assert (row["minutes"], row["begun"][:7], row["state"]) == ("3.0", "2026-01", "")
    assert row["metrics"] == [{"name": "accuracy", "value": "0.75", "beside": "(constant 0.5)"}]
    page = write_overview(runs).read_text()
    assert "4 runs" in page and page.count("<tr data-recipe") == 4
    assert "long &amp; &lt;far&gt;" in page and 'href="long%20%26%20%3Cfar%3E/report.html"' in page
    assert "and 1 more" in page, "of the five metrics"
    order = [page.index(text) for text in ("best/", "long%20", "sentiment/1/")]
    assert order == sorted(order), "the newest first"


def damage(name, content):
    def change(folder):
        (folder / name).write_bytes(content)

    return change


@pytest.mark.parametrize(
    "change, state",
    [
        (damage("config.json", b"{"), "config.json is damaged"),
        (damage("config.json", b"[]"), "damaged: its files"),
        (damage("config.json", b"\xff\xfe"), "config.json is damaged"),
        (damage("config.json", b'{"options": {"epochs": "x"}, "dataset": {"name": 1}}'), "damaged"),
        (damage("history.csv", b"epoch,loss\n1"), "history.csv is damaged"),
        (damage("metrics.json", b"null"), "damaged: its files"),
        (damage("metrics.json", b'{"dataset": 1, "split": 2, "parameters": "many"}'), "damaged"),
        (lambda folder: (folder / "metrics.json").unlink(), "not evaluated"),
        (lambda folder: (folder / "history.csv").unlink(), "no epoch is done"),
        (lambda folder: (folder / "model.keras").unlink(), "without model.keras"),
    ],
)
def test_a_damaged_or_unfinished_run_says_so(runs, change, state):
    change(runs / "best")
    assert state in describe(runs / "best", runs)["state"]
    page = write_overview(runs).read_text()
    assert page.count("<tr data-recipe") == 4 and "0.75" in page


def test_a_training_that_was_stopped(tmp_path):
    folder = write_run(tmp_path / "runs" / "half", epochs=5, done=3)
    assert describe(folder, tmp_path / "runs")["state"] == "3 of 5 epochs"


def test_a_metric_that_is_no_number(tmp_path):
    folder = write_run(tmp_path / "runs" / "odd", metrics={"mse": float("nan")})
    row = describe(folder, tmp_path / "runs")
    assert row["metrics"][0]["value"] == "nan" and row["sorted_by"]["metrics"] == ""


def test_where_there_is_no_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main()
    assert "There is no run yet" in (tmp_path / "runs" / "index.html").read_text()
    assert capsys.readouterr().out == "Written: runs/index.html\n"


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there")
def test_a_folder_whose_name_is_no_text(tmp_path):
    runs = tmp_path / "runs"
    write_run(runs / os.fsdecode(b"own \xff"), metrics={"accuracy": 0.5})
    assert "own \\udcff" in write_overview(runs).read_text()


def column(browser, name):
    heads = browser.find_elements("css selector", "#runs th")
    place = [head.text.split(" ")[0] for head in heads].index(name)
    rows = browser.find_elements("css selector", "#runs tbody tr")
    return [row.find_elements("tag name", "td")[place].text for row in rows if row.is_displayed()]


def test_a_click_on_a_column_sorts_and_a_choice_filters(runs, open_page):
    from selenium.webdriver.support.select import Select

    write_run(runs / "none")  # not evaluated: below, whichever way is sorted
    browser = open_page(write_overview(runs))
    heads = {each.text: each for each in browser.find_elements("css selector", "#runs th button")}
    values = {"best": 0.9, "long & <far>": 0.9, "1": 0.75, "lessons/networks/deep": 8, "none": 99}
    heads["metrics"].click()
    found = column(browser, "run")
    assert sorted(found, key=values.get) == found and found[-1] == "none"
    assert browser.find_elements("css selector", 'th[aria-sort="ascending"]')[0].text == "metrics"
    heads["metrics"].click()
    found = column(browser, "run")
    assert found[0] == "lessons/networks/deep" and found[-2:] == ["1", "none"]
    heads["recipe"].click()
    assert column(browser, "recipe") == sorted(column(browser, "recipe"))
    Select(browser.find_element("css selector", "#controls select")).select_by_visible_text(
        "sentiment"
    )
    assert set(column(browser, "recipe")) == {"sentiment"} and len(column(browser, "recipe")) == 3


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_can_be_read(runs, open_page, size):
    assert not complaints(open_page(write_overview(runs), size))
