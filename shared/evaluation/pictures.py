"""Pictures for the pages: a grid of images with captions, and a confusion matrix."""

import base64
import io

import numpy as np

from shared.evaluation.colours import LIGHT
from shared.evaluation.report import empty_figure, environment, figure, markup

MOST_PIXELS, MOST_FRAMES = 1_500_000, 150  # numbers, and pictures, of a clip on a page
# In pictures, whose colours follow no theme.
BLUE, RED = (55, 120, 215), (205, 65, 50)
SMALL_SIDE = 160  # pixels: larger images are shown as they are
SMALLEST = 84  # pixels: smaller images are shown magnified


def picture_grid(images, captions, steps=(), of="steps", small=False):
    """Images side by side, each with its caption below.

    Args:
        images: uint8 arrays `(height, width)`, `(height, width, 1)` or `(height, width, 3)`.
        captions: a string for each; they are escaped.
        steps: the number of the timestep that each belongs to; or empty.
        of: what the timesteps are called on the page; see `inside.inside`.
        small: whether they are many, and shown as a film.

    Returns:
        Markup for a section of a page; it holds the images as PNG.
    """
    template = environment().from_string(
        '<div class="pictures{{ " film wide" if small }}">'
        "{% for source, width, caption, step in pictures %}<figure"
        "{% if step is not none %} data-of={{ of }} data-step={{ step }}{% endif %}>"
        '<img src="{{ source }}" width="{{ width }}" alt="">'
        "<figcaption>{{ caption }}</figcaption></figure>{% endfor %}</div>"
    )
    pictures = []
    steps = steps or [None] * len(captions)
    for image, caption, step in zip(images, captions, steps, strict=True):
        enlarged = max(1, -(-SMALLEST // image.shape[0]))
        pictures.append((embedded(image), enlarged * image.shape[1], caption, step))
    return markup(template.render(pictures=pictures, of=of, small=small))


def frame_grid(frames, captions):
    """The frames of a clip, or as many of them, evenly spread, as a page can hold.

    Args:
        frames: uint8 array `(timesteps, height, width, channels)`.
        captions: a string for each.
    """
    every = max(1, -(-frames.size // MOST_PIXELS), -(-len(frames) // MOST_FRAMES))
    steps = list(range(0, len(frames), every))
    grid = picture_grid(frames[::every], [captions[step] for step in steps], steps, small=True)
    if every == 1:
        return grid
    template = environment().from_string('<p class="facts">One frame of {{ every }} is shown.</p>')
    return markup(template.render(every=every) + grid)


def embedded(image):
    """An image, uint8, as the address of an `<img>` that holds it as PNG."""
    from PIL import Image

    image = np.asarray(image, "uint8")
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()


def highlighted(image, weights, enlarged=2):
    """An image that is bright where the weights are large and dark where they are small.

    Args:
        image: uint8 array `(height, width, 3)`.
        weights: array `(rows, columns)`, not negative; stretched over the image.
        enlarged: how many times as large as the image the picture is.

    Returns:
        uint8 array `(enlarged * height, enlarged * width, 3)`.
    """
    from PIL import Image

    size = enlarged * image.shape[1], enlarged * image.shape[0]
    light = Image.fromarray(np.asarray(weights / max(weights.max(), 1e-9), "float32"))
    light = np.asarray(light.resize(size, Image.Resampling.BICUBIC)).clip(0, 1)
    picture = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    return (picture * (0.15 + 0.85 * light[..., None])).astype("uint8")


def looked_at(image, weights):
    """An image once for each word, `highlighted` where the network looked: a list of images."""
    enlarged = 2 if max(image.shape) <= SMALL_SIDE else 1
    return [highlighted(image, each, enlarged) for each in weights]


def signed(values):
    """Numbers as an image: blue above zero, red below, and nothing at zero.

    Args:
        values: array `(height, width)`.

    Returns:
        uint8 array `(height, width, 4)`, the last of red, green, blue and opacity.
    """
    strength = np.abs(values) / max(np.abs(values).max(), 1e-12)
    colours = np.where(np.asarray(values)[..., None] > 0, BLUE, RED)
    return np.concatenate([colours, 255 * strength[..., None]], axis=-1).round().astype("uint8")


def confusion_matrix(matrix, classes):
    """How often each class was answered for each other one, as a picture.

    Args:
        matrix: int array `(classes, classes)`; row the label, column the answer.
        classes: their names.
    """
    from matplotlib.patches import Rectangle

    matrix = np.asarray(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 2.2 + 0.5 * len(classes)
    drawing = empty_figure(size, size)
    axes = drawing.subplots()
    numbers = len(classes) <= 30  # more numbers than that can't be read
    for (row, column), number in np.ndenumerate(matrix):
        if not number:
            continue
        place = {"xy": (column - 0.5, row - 0.5), "width": 1, "height": 1, "linewidth": 0}
        axes.add_patch(Rectangle(**place, color=LIGHT["output"], alpha=shares[row, column]))
        if numbers:
            colour = LIGHT["paper" if shares[row, column] > 0.6 else "ink"]
            size = {"ha": "center", "va": "center", "fontsize": 8}
            axes.text(column, row, str(number), color=colour, **size)
    every = range(len(classes))
    axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), aspect="equal")
    # parse_math: a dollar sign in a name begins no formula.
    axes.set_xticks(every, classes, rotation=60, ha="left", parse_math=False)
    axes.set_yticks(every, classes, parse_math=False)
    axes.xaxis.tick_top()
    axes.set(xlabel="answer", ylabel="label")
    return figure(drawing, "How often each answer was given for each label")
