"""Pictures for the pages: a grid of images with captions, and a confusion matrix."""

import base64
import io

import numpy as np

from shared.evaluation.report import environment, figure, markup

SMALLEST = 84  # pixels: smaller images are shown magnified


def picture_grid(images, captions):
    """Images side by side, each with its caption below.

    Args:
        images: uint8 arrays `(height, width)`, `(height, width, 1)` or `(height, width, 3)`.
        captions: a string for each; they are escaped.

    Returns:
        Markup for a section of a page; it holds the images as PNG.
    """
    template = environment().from_string(
        '<div class="pictures">{% for source, width, caption in pictures %}<figure>'
        '<img src="{{ source }}" width="{{ width }}" alt="">'
        "<figcaption>{{ caption }}</figcaption></figure>{% endfor %}</div>"
    )
    pictures = []
    for image, caption in zip(images, captions, strict=True):
        enlarged = max(1, -(-SMALLEST // image.shape[0]))
        pictures.append((embedded(image), enlarged * image.shape[1], caption))
    return markup(template.render(pictures=pictures))


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


def signed(values):
    """Numbers as an image: blue above zero, red below, white at zero.

    Args:
        values: array `(height, width)`.

    Returns:
        uint8 array `(height, width, 3)`.
    """
    strength = np.abs(values) / max(np.abs(values).max(), 1e-12)
    colours = np.where(np.asarray(values)[..., None] > 0, (31, 95, 174), (196, 67, 43))
    return (255 - strength[..., None] * (255 - colours)).round().astype("uint8")


def confusion_matrix(matrix, classes):
    """How often each class was answered for each other one, as a picture.

    Args:
        matrix: int array `(classes, classes)`; row the label, column the answer.
        classes: their names.
    """
    from matplotlib.figure import Figure

    matrix = np.asarray(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 2.2 + 0.5 * len(classes)
    drawing = Figure(figsize=(size, size), layout="constrained")
    axes = drawing.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 30:  # more numbers than that can't be read
        for (row, column), number in np.ndenumerate(matrix):
            if number:
                colour = "white" if shares[row, column] > 0.5 else "black"
                size = {"ha": "center", "va": "center", "fontsize": 8}
                axes.text(column, row, str(number), color=colour, **size)
    every = range(len(classes))
    # parse_math: a dollar sign in a name begins no formula.
    axes.set_xticks(every, classes, rotation=60, ha="left", parse_math=False)
    axes.set_yticks(every, classes, parse_math=False)
    axes.xaxis.tick_top()
    axes.set(xlabel="answer", ylabel="label")
    return figure(drawing)
