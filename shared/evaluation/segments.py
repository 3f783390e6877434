"""Labels frame by frame, seen as segments: runs of frames with the same label."""

import itertools

import numpy as np

from shared.data.examples import user_errors
from shared.data.labelled_videos import ABSENT
from shared.evaluation.pictures import confusion_matrix
from shared.evaluation.report import empty_figure, figure, new_figure
from shared.progress import progress

SHOWN_CLIPS = 6  # of the best and of the worst
MOST_CURVES = 12


def label_all(network, clips, batch_size=16):
    """Label clips that are labelled already, to compare.

    Args:
        network: a Keras model of `frames` and `present` with logits `(batch, timesteps, classes)`.
        clips: `Examples` with `frames`, `labels` and `name`.
        batch_size: clips that are labelled at a time.

    Returns:
        answers, labels: two lists of int arrays `(timesteps,)`, without padding.
        names: what each clip is called; its number where the data has no name for it.
    """
    answers, labels, names = [], [], []
    bar = progress(total=clips.count, doing="labelling", unit="clip")
    with user_errors(), bar:  # of clips that are read only now
        for batch in clips.in_batches(batch_size).prefetch(2).as_numpy_iterator():
            present = batch["labels"] != ABSENT
            inputs = {"frames": batch["frames"], "present": present}
            found = network.predict_on_batch(inputs).argmax(axis=-1)
            answers += [row[there] for row, there in zip(found, present, strict=True)]
            labels += [row[there] for row, there in zip(batch["labels"], present, strict=True)]
            names += [name.decode() for name in batch["name"]]
            bar.update(len(found))
    return answers, labels, [name or f"clip {i}" for i, name in enumerate(names, start=1)]


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


def timed_segments(labels, classes, rate):
    """The same for people and programs: with the times in the video, and the label's name.

    Args:
        labels: int array `(timesteps,)`.
        classes: the names of the classes.
        rate: frames per second.

    Returns:
        List of dictionaries: `start`, `end`, `start_seconds`, `end_seconds`, `label`.
    """
    return [
        {
            "start": start,
            "end": end,
            "start_seconds": round(start / rate, 3),
            "end_seconds": round(end / rate, 3),
            "label": classes[label],
        }
        for start, end, label in segments_of(labels)
    ]


def frame_accuracy(predicted, true):
    """The share of all frames of all clips that got their label, from 0 to 1.

    Args:
        predicted, true: lists of int arrays `(timesteps,)`, one pair for each clip.
    """
    return float((np.concatenate(predicted) == np.concatenate(true)).mean())


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


def comparison(names, predicted, true, classes):
    """What a report shows of clips whose true labels are known.

    Args:
        names: what each clip is called.
        predicted, true: lists of int arrays `(timesteps,)`, one pair for each clip.
        classes: the names of the classes.

    Returns:
        List of (heading, markup): the clips labelled worst and best, and which label was taken for
        which.
    """
    scores = [
        frame_accuracy([found], [wanted]) for found, wanted in zip(predicted, true, strict=True)
    ]
    shown = [
        (f"{names[i]} ({scores[i]:.3f})", {"predicted": predicted[i], "true": true[i]})
        for i in np.argsort(scores, kind="stable")
    ]
    matrix = np.zeros((len(classes), len(classes)), int)
    np.add.at(matrix, (np.concatenate(true), np.concatenate(predicted)), 1)
    return [
        ("Worst clips", label_strips(shown[:SHOWN_CLIPS], classes)),
        ("Best clips", label_strips(shown[: -SHOWN_CLIPS - 1 : -1], classes)),
        ("Frame by frame", confusion_matrix(matrix, classes)),
    ]


def told(labels, classes):
    """The segments of a clip in words: "home 1-6, leaving 7-12", frames counted from 1."""
    return ", ".join(
        f"{classes[label]} {start + 1}" + (f"-{end}" if end > start + 1 else "")
        for start, end, label in segments_of(labels)
    )


def probability_curves(probabilities, classes):
    """The probability of each label over the frames, as a picture.

    Args:
        probabilities: array `(timesteps, classes)`.
        classes: their names; the twelve that are likeliest somewhere are drawn.
    """
    shown = sorted(np.argsort(-probabilities.max(axis=0), kind="stable")[:MOST_CURVES])
    colours = class_colours(len(classes))
    drawing, (axis,) = new_figure(width=9.2, height=2.8)
    frames = range(1, len(probabilities) + 1)
    for label in shown:
        axis.plot(frames, probabilities[:, label], color=colours[label], label=classes[label])
    axis.set(xlabel="frame", ylim=(-0.02, 1.02), xlim=(0.5, len(probabilities) + 0.5))
    axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure(drawing, "The probability of each label over the frames")


def class_colours(count):
    """A colour for each class."""
    import matplotlib

    palette = matplotlib.colormaps["tab10" if count <= 10 else "tab20"]
    return [palette(number % palette.N) for number in range(count)]


def label_strips(clips, classes):
    """Coloured strips, time from left to right, one below the other for each clip.

    Args:
        clips: list of (title, strips); strips is a dictionary name -> int array `(timesteps,)` of
            class numbers, such as those predicted and those true.
        classes: the names of the classes.

    Returns:
        Markup for a section of a page.
    """
    from matplotlib.patches import Patch

    colours = class_colours(len(classes))
    height = (
        0.35 + sum(0.3 + 0.22 * len(strips) for _, strips in clips) + 0.25 * -(-len(classes) // 6)
    )
    drawing = empty_figure(9.2, height + 0.3)
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
    return figure(drawing, "The labels of each clip over its frames")
