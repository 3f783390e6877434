"""The report is one page, and shows texts as texts."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from shared.evaluation import baselines
from shared.evaluation.report import (
    figure,
    metrics_table,
    new_figure,
    pattern,
    table,
    training_curves,
    write_page,
)


def test_texts_are_escaped_and_numbers_aligned():
    html = table(("text", "value"), [("<script>alert(1)</script>", 0.25), ("b", 3)])
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert '<td class="number">0.2500</td>' in html and '<td class="number">3</td>' in html


def test_curves_show_each_metric_with_its_validation():
    rows = [
        {
            "epoch": i,
            "loss": 1.0,
            "val_loss": 2.0,
            "accuracy": 0.5,
            "val_accuracy": 0.4,
            "seconds": 1,
        }
        for i in (1, 2)
    ]
    svg = training_curves(rows)
    assert svg.startswith("<svg") and svg.count("validation") >= 2


def test_the_epoch_whose_network_is_kept_is_marked():
    values = [(2.0, 0.3), (0.5, 0.6), (0.7, 0.9), (0.8, 0.9)]
    rows = [
        {"epoch": i, "loss": loss, "val_loss": loss, "accuracy": share, "val_accuracy": share}
        for i, (loss, share) in enumerate(values, start=1)
    ]
    found = training_curves(rows, "val_accuracy")
    assert "the network of epoch 3 of 4, whose val_accuracy, 0.9000" in found
    assert "epoch 2 of 4, whose val_loss, 0.5000" in training_curves(rows)
    assert found.count("best epoch") == 2, "in both pictures"


def test_a_run_on_a_file_whose_name_is_not_utf_8(tmp_path):
    files = [os.fsdecode(b"own \xff.csv")]
    run = SimpleNamespace(recipe="x", config={"files": files}, path=lambda name: tmp_path / name)
    write_page(run, "report.html", "facts", "", [])
    assert "own \\udcff.csv" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_pictures_stand_in_the_page_itself():
    drawing, axes = new_figure(columns=2)
    axes[1].plot([1, 2])
    svg = figure(drawing)
    assert svg.startswith("<svg") and "http://www.w3.org/2000/svg" in svg and "<?xml" not in svg


def test_metrics_stand_beside_their_baselines():
    metrics = {"accuracy": 0.75, "loss": 0.5}
    record = {"split": "test", "metrics": metrics, "baselines": {"constant": {"accuracy": 0.25}}}
    html = metrics_table(record)
    rows = html.split("<tr>")[2:]
    assert '<td class="number">0.7500</td><td class="number">0.2500</td>' in rows[0]
    assert '<td class="number">0.5000</td><td></td>' in rows[1]
    assert "the one answer that is best here" in html
    alone = metrics_table({"split": "test", "metrics": metrics})
    assert "constant" not in alone and "0.7500" in alone


def test_no_constant_answer_is_better_than_the_baseline():
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 5, (40, 3))
    shares = [float((labels == label).mean()) for label in range(5)]
    assert baselines.constant_label(labels) == {"accuracy": pytest.approx(max(shares))}

    ids = draw.geometric(0.3, 500)
    counts = np.bincount(ids) / len(ids)
    found = baselines.constant_distribution(ids)
    assert found["cross_entropy"] == pytest.approx(-np.log(counts[ids]).mean())
    other = 0.9 * counts + 0.1 / len(counts)
    assert found["cross_entropy"] < -np.log(other[ids]).mean()
    assert found["perplexity"] == pytest.approx(np.exp(found["cross_entropy"]))

    numbers = draw.random(100)
    mse = baselines.constant_number(numbers)["mse"]
    errors = [((numbers - guess) ** 2).mean() for guess in np.linspace(0, 1, 1001)]
    assert mse <= min(errors) < mse + 1e-6


def test_every_recipe_has_a_picture_of_its_pattern_in_the_colours_of_the_page(recipe):
    svg = pattern(recipe)
    assert svg.startswith("<svg") and "var(--input)" in svg and "#" not in svg.replace("url(#", "")


def test_a_recipe_without_a_picture_has_a_report_all_the_same():
    assert pattern("nothing") == ""
