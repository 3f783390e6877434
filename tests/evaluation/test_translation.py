"""BLEU and chrF as sacreBLEU gives them, and the tables that show translations."""

import pytest
import sacrebleu

from shared.evaluation.translation import best_and_worst, measure

OUTPUTS = ["A dog runs over the green meadow.", "two men sit", "<b>It</b> rains in the old town."]
REFERENCES = [
    "A dog runs over a green meadow.",
    "Two men are sitting.",
    "It rains in the old town.",
]


def test_figures_and_signatures_are_those_of_sacrebleu():
    figures, signatures = measure(OUTPUTS, REFERENCES)
    assert figures["bleu"] == pytest.approx(sacrebleu.corpus_bleu(OUTPUTS, [REFERENCES]).score)
    assert figures["chrf"] == pytest.approx(sacrebleu.corpus_chrf(OUTPUTS, [REFERENCES]).score)
    assert 0 < figures["bleu"] < 100
    assert "case:mixed" in signatures["bleu"] and "tok:13a" in signatures["bleu"]
    assert f"version:{sacrebleu.__version__}" in signatures["chrf"]


def test_case_counts_and_right_is_a_hundred():
    right, _ = measure(REFERENCES, REFERENCES)
    assert right == pytest.approx({"bleu": 100, "chrf": 100, "exact_match": 1})
    assert measure([*OUTPUTS[:2], REFERENCES[2]], REFERENCES)[0]["exact_match"] == 1 / 3
    lower = [text.lower() for text in REFERENCES]
    assert measure(lower, REFERENCES)[0]["bleu"] < 80


def test_tables_begin_with_the_worst_and_with_the_best():
    sentences = ["eins", "zwei", "drei"]
    (worst, worst_table), (best, best_table) = best_and_worst(sentences, OUTPUTS, REFERENCES)
    assert (worst, best) == ("Worst translations", "Best translations")
    assert worst_table.index("zwei") < min(worst_table.index("eins"), worst_table.index("drei"))
    assert best_table.index("zwei") > max(best_table.index("eins"), best_table.index("drei"))
    assert "&lt;b&gt;" in worst_table and "<b>" not in worst_table
