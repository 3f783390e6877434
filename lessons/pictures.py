"""`python -m lessons.pictures`: what the READMEs show, drawn by networks trained on the samples.

Each recipe is trained on its sample, most of them in seconds as in its smoke test, and one picture
is drawn of what it does: `pictures/NAME-light.svg` and `pictures/NAME-dark.svg`.
"""

import importlib
import logging
import tempfile
from pathlib import Path

import numpy as np

from shared.backend import load_keras
from shared.errors import errors_in_one_line
from shared.evaluation.colours import LIGHT, dark
from shared.evaluation.report import empty_figure, new_figure, svg_of
from shared.files import write_text
from shared.training.run import MODEL, Run

PICTURES = Path("pictures")
RUNS = Path("runs/pictures")


def sentiment(run, data, model, sample):
    """A review, each word coloured by how much it speaks for the answer."""
    network, names = run.load_model(), data.load_names(run)
    drawing = empty_figure(9, 1.2)
    for row, text in enumerate(sample.SMOKE["inputs"]):
        (words,) = data.to_ids([text], names.vocabulary, 100)
        evidence, _ = model.explain(network, words)
        values = evidence[:, -1] - evidence[:, :-1].mean(axis=1)
        answer = model.with_probabilities(network).predict_on_batch(words[None])[0]
        label = names.classes[answer.argmax()]
        shown = [*data.shown(text, words), "→", label]
        write_coloured(drawing, shown, [*values, 0, 0], 0.72 - 0.5 * row)
    return drawing


def write_coloured(drawing, words, values, height):
    """Words side by side on a background: blue above zero, red below."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    place, scale = 0.02, max(np.abs(values))
    renderer = FigureCanvasAgg(drawing).get_renderer()
    for word, value in zip(words, values, strict=True):
        colour = LIGHT["output" if value > 0 else "input"]
        box = {"facecolor": colour, "alpha": float(0.6 * abs(value) / scale), "linewidth": 0}
        text = drawing.text(place, height, word, fontsize=11, bbox={**box, "pad": 2.5})
        place += text.get_window_extent(renderer).width / drawing.bbox.width + 0.011


def translation(run, data, model, sample):
    """Where the decoder looked while it wrote."""
    network, names = run.load_model(), data.load_names(run)
    (read,) = data.to_ids([sample.SMOKE["inputs"][0]], names.source, 60)
    (best,) = model.translate(network, [read], 4)
    (written,) = data.with_stop([best.tokens.tolist()])
    weights = model.attend(network, read, written)
    source, target = data.shown(read, names.source), data.shown(written, names.target)
    drawing, (axis,) = new_figure(width=7, height=4.2)
    strength = np.zeros((*weights.shape, 4))
    strength[..., :3] = [int(LIGHT["output"][place : place + 2], 16) / 255 for place in (1, 3, 5)]
    strength[..., 3] = weights
    axis.imshow(strength, aspect="auto")
    axis.set_xticks(range(len(source)), source, rotation=45, ha="left", parse_math=False)
    axis.set_yticks(range(len(target)), target, parse_math=False)
    axis.xaxis.tick_top()
    axis.set(xlabel="read", ylabel="written")
    axis.xaxis.set_label_position("bottom")
    return drawing


def captioning(run, data, model, sample):
    """A scene, its caption, and where the decoder looked for each word."""
    from shared.data.images import read_images
    from shared.evaluation.pictures import highlighted
    from shared.training.pretrained import encoder_of

    network, names = run.load_model(), data.load_names(run)
    encoder = encoder_of(network, run)
    with tempfile.TemporaryDirectory() as folder:
        path = sample.write_inputs(Path(folder))[-1]
        (image,) = images = read_images([path], *data.shape_of(run.options))
    (best,) = model.writer(network, encoder, 3, run.options.max_length)(images)
    words = best.tokens.tolist()
    weights = model.attend(network, encoder, image, words)
    drawing = empty_figure(1.05 * (len(words) + 1), 1.5)
    axes = drawing.subplots(1, len(words) + 1)
    shown = [image, *(highlighted(image, each, 1) for each in weights)]
    for axis, picture, title in zip(
        axes, shown, ["", *(names.vocabulary[word] for word in words)], strict=True
    ):
        axis.imshow(picture)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
    return drawing


def image_classification(run, data, model, sample):
    """Drawn shapes, and what the network says that they are."""
    network, names = run.load_model(), data.load_names(run)
    images, labels = sample.generate("test")
    chosen = [int(np.flatnonzero(labels == label)[0]) for label in range(len(names.classes))]
    probabilities = model.with_probabilities(network).predict_on_batch(images[chosen])
    drawing = empty_figure(1.4 * len(chosen), 1.8)
    for axis, image, each in zip(
        drawing.subplots(1, len(chosen)), images[chosen], probabilities, strict=True
    ):
        axis.imshow(image.squeeze(), cmap="gray")
        axis.set_title(f"{names.classes[each.argmax()]} {each.max():.2f}", fontsize=10)
        axis.axis("off")
    return drawing


def frame_labeling(run, data, model, sample):
    """The frames of a film, and the label of each, given and answered."""
    network, names = run.load_model(), data.load_names(run)
    frames, labels = sample.generate("test")[0]
    answers = model.clip_labeller(network)(frames).argmax(axis=-1)
    drawing = empty_figure(9, 2.2)
    above, below = drawing.subplots(2, 1, height_ratios=[1, 1.3])
    above.imshow(np.hstack([frame.squeeze() for frame in frames[::4]]), cmap="gray")
    above.axis("off")
    colours = [LIGHT[name] for name in ("output", "gru", "state", "mingru", "input", "lstm")]
    for row, each in enumerate((labels, answers)):
        for step, label in enumerate(each):
            below.barh(row, 1, 0.8, step, color=colours[label % len(colours)], linewidth=0)
            if step == 0 or each[step - 1] != label:
                below.text(
                    step + 0.15, row, names.classes[label], fontsize=7, va="center", color="white"
                )
    below.set_yticks([0, 1], ["label", "answer"])
    below.set_ylim(1.5, -0.5)
    below.set(xlim=(0, len(labels)), xlabel="frame")
    below.spines[["top", "right", "left"]].set_visible(False)
    return drawing


def language_modeling(run, data, model, sample):
    """A text, coloured by the unit that tells best whether it is inside quotation marks."""
    from shared.evaluation.units import find_units

    network, names = run.load_model(), data.load_names(run)
    reader = model.with_states(network)
    tokens = data.tokenize(sample.generate("validation")[:6000], run.options.tokens)
    hidden = model.explain(reader, data.to_ids(tokens, names.vocabulary))
    found = find_units(hidden, tokens)
    name = next(name for name in found if found[name])
    layer, unit, _ = found[name][0]
    values = hidden[:, layer - 1, unit - 1]
    lines = [line for line in "".join(tokens).split("\n") if '"' in line][:6]
    drawing = empty_figure(9, 0.3 + 0.24 * len(lines))
    begin, high = 0, 1 / (1.25 + len(lines))
    for row, line in enumerate(lines):
        begin = "".join(tokens).index(line, begin)
        for column, character in enumerate(line):
            value = values[begin + column]
            box = {
                "facecolor": LIGHT["state" if value > 0 else "below"],
                "alpha": float(0.7 * abs(value) / abs(values).max()),
                "linewidth": 0,
                "pad": 0.6,
            }
            drawing.text(
                0.01 + column * 0.0125,
                1 - (row + 0.8) * high,
                character,
                fontsize=9,
                family="monospace",
                bbox=box,
                parse_math=False,
            )
    drawing.text(0.01, 0.02, f"layer {layer}, unit {unit}: {name}", fontsize=9)
    return drawing


def long_memory(run, data, model, sample):
    """Accuracy over the gap, for each cell."""
    from shared.files import read_json

    main = importlib.import_module("recipes.long_memory.__main__")
    metrics = read_json(run.path("metrics.json"))["metrics"]
    return main.draw_gaps(metrics, read_json(run.path(main.CHOSEN)), 1 / len(sample.CLASSES))


DRAWN = {
    each.__name__: each
    for each in (
        *(image_classification, captioning, sentiment, translation),
        *(frame_labeling, language_modeling, long_memory),
    )
}
WHOLE = ("image_classification", "long_memory")  # trained as the recipe trains, in a few minutes


def picture_of(run):
    """The picture of a trained and measured run: an SVG in the light colours."""
    import matplotlib

    parts = [
        importlib.import_module(f"recipes.{run.recipe}.{part}")
        for part in ("data", "model", "sample")
    ]
    drawing = DRAWN[run.recipe](run, *parts)
    with matplotlib.rc_context({"svg.fonttype": "path"}):  # words keep the places they were given
        return svg_of(drawing)


def trained(name):
    """The `Run` of a recipe's sample, trained as its smoke test trains it and measured."""
    sample = importlib.import_module(f"recipes.{name}.sample")
    recipe = importlib.import_module(f"recipes.{name}.__main__").recipe
    run = Run(name, RUNS / name)
    if not run.path(MODEL).exists():
        arguments = [] if name in WHOLE else sample.SMOKE["arguments"]
        command = ["train", "--dataset", "sample", *arguments, "--run", str(run.folder)]
        if run.path("config.json").exists():
            command = ["train", "--resume", "--run", str(run.folder)]
        recipe.main([*command, "--evaluate"], name, standalone_mode=False)
    return run


def main():
    with errors_in_one_line():
        load_keras()

    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of new functions
    PICTURES.mkdir(exist_ok=True)
    for name in DRAWN:
        svg = picture_of(trained(name))
        for theme, picture in (("light", svg), ("dark", dark(svg))):
            write_text(PICTURES / f"{name}-{theme}.svg", picture)
        print(f"{PICTURES / name}-light.svg  {len(svg) // 1024} KB", flush=True)


if __name__ == "__main__":
    main()
