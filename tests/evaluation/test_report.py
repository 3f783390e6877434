"""The report is one page, and shows texts as texts."""

import os
from types import SimpleNamespace

import numpy as np

from shared.evaluation.report import (
    figure,
    heatmaps,
    new_figure,
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


def test_heatmaps_name_their_rows():
    values = {"probability": np.eye(2)[[0, 1, 1]]}
    # matplotlib draws a text as shapes, with the text itself in a comment.
    named = heatmaps(values, ["a", "b", "c"], ["noun", "verb"])
    assert "<!-- noun -->" in named and "<!-- verb -->" in named and "<!-- unit -->" not in named
    assert "<!-- unit -->" in heatmaps(values, ["a", "b", "c"])
