"""Measuring translations against references: BLEU and chrF, by sacreBLEU.

Both compare whole sentences as a person would read them, with capital letters and punctuation,
and cut them into words in one fixed way; the signature names it, so that figures can be compared.

K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002;
M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015; M. Post, "A call
for clarity in reporting BLEU scores", WMT 2018.
"""

from shared.evaluation.report import table


def measure(outputs, references):
    """Corpus BLEU and chrF, 0 to 100, and how many outputs are right to the letter, 0 to 1.

    Args:
        outputs, references: lists of sentences, one reference for each output.

    Returns:
        figures: dictionary with `bleu`, `chrf` and `exact_match`.
        signatures: dictionary with sacreBLEU's signatures of `bleu` and `chrf`.
    """
    from sacrebleu.metrics import BLEU, CHRF

    metrics = {"bleu": BLEU(), "chrf": CHRF()}
    figures = {
        name: metric.corpus_score(outputs, [references]).score for name, metric in metrics.items()
    }
    right = sum(map(str.__eq__, outputs, references))
    figures["exact_match"] = right / len(outputs)
    return figures, {name: str(metric.get_signature()) for name, metric in metrics.items()}


def best_and_worst(sentences, outputs, references, count=12):
    """Two sections for a report: the translations of highest and of lowest chrF.

    Args:
        sentences, outputs, references: lists of sentences.
        count: how many to show of each.
    """
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    rows = [
        (metric.sentence_score(output, [reference]).score, *(text[:500] for text in texts))
        for texts in zip(sentences, outputs, references, strict=True)
        for _, output, reference in [texts]
    ]
    # Right to the letter is as good as it gets: of those, the longest are worth seeing.
    rows.sort(key=lambda row: (row[0], len(row[1])))
    columns = ("chrF", "sentence", "translation", "reference")
    return [
        ("Worst translations", table(columns, rows[:count])),
        ("Best translations", table(columns, rows[: -count - 1 : -1])),
    ]
