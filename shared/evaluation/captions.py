"""Measuring captions against several references each: corpus BLEU, by sacreBLEU.

    BLEU-n = brevity penalty * (p_1 p_2 .. p_n) ** (1/n) * 100

where p_k is the share of all k-grams written that some reference of the same image has, each
counted at most as often as there. The brevity penalty compares all that was written with the
references whose length is nearest. As is usual for captions, words are compared in lower case and
without punctuation: bring captions and references to that form first.

K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002.
"""

import numpy as np

from shared.data.examples import batches, user_errors
from shared.evaluation.pictures import picture_grid
from shared.progress import progress

SHUFFLED_BY = 20150521


def in_order(examples, batch_size=50):
    """Batches of `Examples`, dictionaries of arrays, while a bar shows how many are described."""
    with user_errors(), progress(total=examples.count, doing="describing", unit="image") as bar:
        for batch in batches(examples, batch_size, lambda batch, seed: batch).as_numpy_iterator():
            yield batch
            bar.update(min(batch_size, examples.count - bar.n))


def corpus_bleu(captions, references):
    """Corpus BLEU-1 to BLEU-4, 0 to 100, without smoothing.

    Args:
        captions: list of strings.
        references: a list of strings for each of them, not all as many.

    Returns:
        A dictionary `bleu_1` .. `bleu_4` -> float, and sacreBLEU's signature of the last.
    """
    from sacrebleu.metrics import BLEU

    streams, figures = _streams(references), {}
    for order in range(1, 5):
        metric = BLEU(tokenize="none", max_ngram_order=order, smooth_method="none", force=True)
        figures[f"bleu_{order}"] = metric.corpus_score(captions, streams).score
    return figures, str(metric.get_signature())


def measure(captions, references):
    """BLEU-1 to BLEU-4, BLEU-4 of the same captions dealt to other images, and exact matches.

    What is dealt is what the language of the captions earns without the images. It is measured
    where there are two images or more, none of which keeps its caption. An exact match is a caption
    that is, to the letter, one of its references.

    Returns:
        What `corpus_bleu` returns, with `bleu_4_shuffled_images` and `exact_match`, 0 to 1, among
        the figures.
    """
    figures, signature = corpus_bleu(captions, references)
    if len(captions) > 1:
        figures["bleu_4_shuffled_images"] = dealt(captions, references)["bleu_4"]
    figures["exact_match"] = _exact_match(captions, references)
    return figures, signature


def dealt(captions, references):
    """BLEU-1 to BLEU-4 and exact matches of the same captions, each for another image than its own.

    Args:
        captions, references: as for `corpus_bleu`, of two images or more.
    """
    order = np.random.default_rng(SHUFFLED_BY).permutation(len(captions))
    others = [""] * len(captions)
    for place, taken_from in zip(order, np.roll(order, 1), strict=True):
        others[place] = captions[taken_from]
    figures, _ = corpus_bleu(others, references)
    return {**figures, "exact_match": _exact_match(others, references)}


def _exact_match(captions, references):
    right = [caption in given for caption, given in zip(captions, references, strict=True)]
    return sum(right) / len(right)


def ranked(captions, references):
    """The places of the captions, best first, by the BLEU-4 of each alone (there smoothed)."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", effective_order=True)
    scores = [
        metric.sentence_score(caption, given or [""]).score
        for caption, given in zip(captions, references, strict=True)
    ]
    return sorted(range(len(captions)), key=lambda place: -scores[place])


def best_and_worst(examples, captions, references, count=12):
    """Two sections for a report: images with the best and the worst captions, best first.

    Args:
        examples: `Examples` of the images.
        captions, references: as for `corpus_bleu`.
        count: how many to show of each.
    """
    order = ranked(captions, references)
    count = min(count, len(order))
    shown = {"Best captions": order[:count], "Worst captions": order[-count:]}
    images = _images_at(examples, {place for places in shown.values() for place in places})
    sections = []
    for heading, places in shown.items():
        below = [
            f"{captions[place]} (one reference: {(references[place] or ['none'])[0]})"
            for place in places
        ]
        sections.append((heading, picture_grid([images[place] for place in places], below)))
    return sections


def _images_at(examples, places):
    """The images at some places of `Examples`: dictionary place -> uint8 array."""
    found, begin = {}, 0
    with user_errors():
        for images in batches(examples, 100, lambda batch, seed: batch["image"]):
            for place in places & set(range(begin, begin + len(images))):
                found[place] = images[place - begin].numpy()
            begin += len(images)
    return found


def _streams(references):
    """References as sacreBLEU wants them: the first of each image, the second of each, ..."""
    references = [given or [""] for given in references]  # an image without any is never matched
    most = max(len(given) for given in references)
    return [
        [given[number] if number < len(given) else None for given in references]
        for number in range(most)
    ]
