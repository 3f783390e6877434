"""Labels frame by frame, seen as segments: runs of frames with the same label."""

import itertools

import numpy as np

from shared.evaluation.report import figure


def segments_of(labels):
    """The runs of equal labels, in order.

    Args:
        labels: int array `(timesteps,)`.

    Returns:
        List of `(start, end, label)`: the first frame and the one after the last.
    """
    labels = np.asarray(labels)
    if not len(labels):
        return []
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [(start, end, int(labels[start])) for start, end in itertools.pairwise(edges)]


def segment_f1(predicted, true, overlap=0.5):
    """How many segments are found, at about the right place: the F1 score over all clips.

    A predicted segment is right if it shares at least `overlap` of the frames that it and a true
    segment of the same label cover together, and no other predicted segment got that one before.
    Frame accuracy forgives a label that flickers; this doesn't. C. Lea et al., "Temporal
    convolutional networks for action segmentation and detection", CVPR 2017 (there F1@50).

    Args:
        predicted, true: lists of int arrays `(timesteps,)`, one pair for each clip.
        overlap: intersection over union that counts as found.

    Returns:
        From 0 to 1.
    """
    right = number_predicted = number_true = 0
    for predicted_labels, true_labels in zip(predicted, true, strict=True):
        found, wanted = segments_of(predicted_labels), segments_of(true_labels)
        number_predicted += len(found)
        number_true += len(wanted)
        free = set(range(len(wanted)))
        for segment in found:
            shares = [_overlap(segment, other) for other in wanted]
            best = int(np.argmax(shares))
            if shares[best] >= overlap and best in free:
                free.remove(best)
                right += 1
    return 2 * right / max(number_predicted + number_true, 1)


def _overlap(segment, other):
    """Intersection over union of two segments; 0 where their labels differ."""
    if segment[2] != other[2]:
        return 0.0
    shared = min(segment[1], other[1]) - max(segment[0], other[0])
    return max(shared, 0) / (max(segment[1], other[1]) - min(segment[0], other[0]))


def label_strips(clips, classes):
    """Coloured strips, time from left to right, one below the other for each clip.

    Args:
        clips: list of (title, strips); strips is a dictionary name -> int array `(timesteps,)` of
            class numbers, such as those predicted and those true.
        classes: the names of the classes.

    Returns:
        Markup for a section of a page.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    palette = matplotlib.colormaps["tab10" if len(classes) <= 10 else "tab20"]
    colours = [palette(number % palette.N) for number in range(len(classes))]
    height = (
        0.35 + sum(0.3 + 0.22 * len(strips) for _, strips in clips) + 0.25 * -(-len(classes) // 6)
    )
    drawing = Figure(figsize=(9.2, height + 0.3), layout="constrained")
    every = drawing.subplots(
        len(clips), 1, squeeze=False, height_ratios=[len(strips) + 0.8 for _, strips in clips]
    )[:, 0]
    for axes, (title, strips) in zip(every, clips, strict=True):
        for row, labels in enumerate(strips.values()):
            for start, end, label in segments_of(labels):
                axes.barh(row, end - start, 0.9, start, color=colours[label], linewidth=0)
        axes.set_yticks(range(len(strips)), list(strips), fontsize=8)
        axes.set_ylim(len(strips) - 0.5, -0.5)
        axes.set_xlim(0, max(map(len, strips.values())))
        axes.set_title(title, fontsize=8, loc="left", parse_math=False, pad=2)
        axes.tick_params(length=2, labelsize=8)
        axes.spines[:].set_visible(False)
    every[-1].set_xlabel("frame", fontsize=8)
    patches = [Patch(color=colour) for colour in colours]
    drawing.legend(
        patches,
        classes,
        loc="outside lower center",
        ncols=min(len(classes), 8),
        fontsize=8,
        frameon=False,
    )
    return figure(drawing)
