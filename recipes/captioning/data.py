"""Images and their captions: the only file that knows the data set.

To use your own, give `--captions-file`, or change `examples`.
"""

from collections import Counter

import numpy as np

from shared.data import loading
from shared.data.examples import Examples, batches, hold
from shared.data.text import load_vocabulary, save_vocabulary
from shared.errors import UserError

from . import sample, user_files

DEFAULT = "flickr8k"
FITTING = (DEFAULT, "coco_captions")
CAPTIONS = 5  # of each image; further ones are left out
PADDING, UNKNOWN, START, STOP = range(4)
SIGNS = ["", "[unknown]", "[start]", "[stop]"]  # what these four are called in the vocabulary
SIDE = 128  # pixels, unless --image-size says otherwise
PRETRAINED_SIDE = 224  # what the networks of keras.applications were trained with


def find(name, data_dir=None, captions_file=None):
    """Where images and captions come from: a file, a public data set, or the bundled sample."""
    if captions_file:
        return user_files.find(name, captions_file)
    return loading.find(name, DEFAULT, data_dir, _check_features, FITTING)


def side(source, encoder):
    """The side of the square that images are resized to where `--image-size` doesn't say it."""
    if source.is_sample:
        return sample.SIDE
    return SIDE if encoder == "scratch" else PRETRAINED_SIDE


def examples(source, split, limit, side):
    """The images and captions of one split.

    Returns:
        `Examples` of `image`, uint8 `(side, side, 3)`, and `captions`, `(CAPTIONS,)` strings,
        empty where there are fewer.
    """
    if source.files:
        images, captions = user_files.read(source, split, limit)
        return user_files.hold(images, _table(captions), side)
    if source.is_sample:
        loading.check_split("sample", split, sample.SIZES)
        images, captions = sample.generate(split)
        captions = _table(captions[:limit])
        return Examples.of({"image": _resized(images[:limit], side), "captions": captions})

    def fit(example):
        return {"image": _resized(example["image"], side), "captions": _five(example)}

    return hold(source, split, limit, fit)


def read_captions(source, split, limit):
    """The captions of each image of a split: array `(images, CAPTIONS)` of strings."""
    if source.files:
        return _table(user_files.read(source, split, limit)[1])
    if source.is_sample:
        return _table(sample.generate(split)[1][:limit])
    return hold(source, split, limit, lambda each: {"captions": _five(each)}).columns["captions"]


def load(source, options, examples=examples):
    """Read images and captions and batch them for training; words come from training alone.

    Args:
        source: a `Source`.
        options: of the command line.
        examples: function (source, split, limit, side) -> `Examples`; the one above, or one whose
            examples have `grid` in the place of `image`.

    Returns:
        batches: function epoch -> `tf.data.Dataset` of shuffled batches `(inputs, targets,
            weights)`, each a dictionary. Inputs: `image` float32 `(batch, side, side, 3)` or
            `grid`, and `written` `(batch, captions, steps)`, the targets one step late. Targets:
            `captions`, the words to be written, of some captions of each image, drawn anew in
            every epoch; and `words` `(batch, vocabulary)`, shares that add up to one, of all its
            captions. Weights: of `captions` 1, and 0 where padded; of `words` 1.
        validation: the same of the validation split: in order, images whole and as they are.
        vocabulary: list of words; the index is the word number.
    """
    captions = read_captions(source, "train", options.limit)
    vocabulary = learn_vocabulary(captions, options.minimum_frequency)
    prepare = _preparation(vocabulary, rarity(captions, vocabulary), options)
    training, validation = (
        examples(source, split, options.limit, options.image_size)
        for split in ("train", "validation")
    )

    def batches_of(epoch):
        return batches(training, options.batch_size, prepare, seed=[options.seed, epoch])

    return batches_of, batches(validation, options.batch_size, prepare), vocabulary


def learn_vocabulary(captions, minimum_frequency):
    """The signs and the words that occur at least so often, the most frequent first."""
    counts = Counter(word for caption in plain(captions.ravel()) for word in caption.split())
    frequent = [word for word, count in counts.most_common() if count >= minimum_frequency]
    if not frequent:
        raise UserError(
            f"No word occurs in {minimum_frequency} captions. Lower --minimum-frequency."
        )
    return SIGNS + frequent


def rarity(captions, vocabulary):
    """How much each word tells: the logarithm of how many images there are to one that has it.

    A word of every image, such as "a", tells nothing. K. Spärck Jones, "A statistical
    interpretation of term specificity and its application in retrieval", 1972.

    Returns:
        float32 array `(vocabulary,)`; 0 for the signs.
    """
    of_images = [set(" ".join(plain(each)).split()) for each in captions]
    counts = Counter(word for words in of_images for word in words)
    found = np.array([counts.get(word, 0) for word in vocabulary], "float32")
    return np.where(found > 0, np.log(len(captions) / np.maximum(found, 1)), 0).astype("float32")


def plain(captions):
    """Captions as they are learned and measured: lower case, no punctuation."""
    raw = _standardize(list(captions)).numpy()
    return [" ".join(caption.decode("utf-8", errors="replace").split()) for caption in raw]


def to_text(ids, vocabulary):
    """Word numbers back to a caption."""
    return " ".join(vocabulary[number] for number in ids)


def images_at(examples, places):
    """The images at some places of `Examples`, in the order of the places: uint8 arrays."""
    found, begin = {}, 0
    for batch in batches(examples, 100, lambda batch, seed: batch["image"]):
        for place in range(begin, begin + len(batch)):
            if place in places:
                found[place] = batch[place - begin].numpy()
        begin += len(batch)
    return [found[place] for place in places]


def save_names(run, vocabulary):
    """Keep beside the model what its numbers mean."""
    save_vocabulary(run.path("vocabulary.txt"), vocabulary)


def load_names(run):
    """The vocabulary that `save_names` kept."""
    return load_vocabulary(run.path("vocabulary.txt"))


def _preparation(vocabulary, rarity, options):
    """The function that makes of a batch of examples what the network is fitted to."""
    import tensorflow as tf

    numbers = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(vocabulary), tf.range(len(vocabulary), dtype=tf.int32)
        ),
        default_value=UNKNOWN,
    )
    steps = options.max_length + 1

    def prepare(batch, seed):
        captions = batch["captions"]
        words = tf.strings.split(_standardize(captions))
        ids = tf.ragged.map_flat_values(numbers.lookup, words)
        stop = tf.fill([tf.shape(captions)[0], CAPTIONS, 1], STOP)
        ids = tf.concat([ids, stop], axis=2).to_tensor(PADDING, shape=(None, CAPTIONS, steps))
        # Nothing but a stop is a caption that isn't there.
        targets = every = tf.where(ids[:, :, :1] == STOP, PADDING, ids)
        if seed is not None:
            order = tf.random.stateless_uniform(tf.shape(captions), seed)
            order += tf.cast(targets[:, :, 0] == PADDING, tf.float32)  # those not there come last
            targets = tf.gather(targets, tf.argsort(order), batch_dims=1)
        targets = targets[:, : options.captions_per_image]
        written = tf.pad(targets[:, :, :-1], [(0, 0), (0, 0), (1, 0)], constant_values=START)

        flat = tf.reshape(every, (-1, CAPTIONS * steps))
        size = len(vocabulary)
        counts = tf.math.bincount(flat, minlength=size, maxlength=size, dtype=tf.float32, axis=-1)
        told = counts * rarity
        told = tf.math.divide_no_nan(told, tf.reduce_sum(told, axis=1, keepdims=True))
        inputs = {"written": written}
        if "grid" in batch:
            inputs["grid"] = tf.cast(batch["grid"], tf.float32)
        elif seed is None:
            inputs["image"] = tf.cast(batch["image"], tf.float32)
        else:
            smallest = options.smallest_crop
            side = piece_side(options.image_size, smallest)
            inputs["image"] = vary(batch["image"], captions, seed, smallest, side)
        weights = {
            "captions": tf.cast(targets != PADDING, tf.float32),
            "words": tf.ones_like(told[:, 0]),
        }
        return inputs, {"captions": targets, "words": told}, weights

    return prepare


def piece_side(side, smallest):
    """The side that pieces of images are resized to: what they have on average.

    So things look as large in a piece as in a whole image.
    """
    return round(side * (1 + smallest) / 2)


def vary(images, captions, seed, smallest, side):
    """A piece of each image, some mirrored, in slightly other colours.

    An image is not mirrored where a caption tells left from right.

    Args:
        images: uint8 tensor `(batch, height, width, 3)`.
        captions: strings `(batch, CAPTIONS)`.
        seed: int32 tensor `(2,)`, decides all that is drawn.
        smallest: the smallest share of the height, and of the width, that a piece has.
        side: what the pieces are resized to, in pixels.

    Returns:
        float32 tensor `(batch, side, side, 3)`, values 0 to 255.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    drawn = tf.unstack(tf.random.stateless_uniform((7, count), seed))
    height, width = (smallest + (1 - smallest) * each for each in drawn[:2])
    top, left = drawn[2] * (1 - height), drawn[3] * (1 - width)
    sides = tf.strings.regex_full_match(captions, r"(?i)(?s).*\b(left|right)\b.*")
    mirrored = (drawn[4] < 0.5) & ~tf.reduce_any(sides, axis=1)
    # A box whose left edge is right of its right edge gives a mirrored piece.
    edges = tf.where(mirrored, left + width, left), tf.where(mirrored, left, left + width)
    boxes = tf.stack([top, edges[0], top + height, edges[1]], axis=1)
    pieces = tf.image.crop_and_resize(images, boxes, tf.range(count), (side, side))
    brightness, saturation = (0.8 + 0.4 * each[:, None, None, None] for each in drawn[5:])
    grey = tf.reduce_mean(pieces, axis=-1, keepdims=True)
    return tf.clip_by_value(brightness * (grey + saturation * (pieces - grey)), 0.0, 255.0)


def _standardize(captions):
    import tensorflow as tf

    captions = tf.strings.lower(captions, encoding="utf-8")
    return tf.strings.regex_replace(captions, r"[^\pL\pM\pN\s]", "")


def _resized(images, side):
    """Images as uint8 `(..., side, side, 3)`; their proportions are not kept."""
    import tensorflow as tf

    resized = tf.image.resize(images, (side, side), antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)


def _five(example):
    """The captions of an example as TFDS has them, `(CAPTIONS,)`, empty where there are fewer."""
    import tensorflow as tf

    captions = example["captions"]
    captions = (captions["text"] if isinstance(captions, dict) else captions)[:CAPTIONS]
    captions = tf.concat([captions, tf.fill([CAPTIONS - tf.size(captions)], "")], axis=0)
    return tf.ensure_shape(captions, (CAPTIONS,))


def _table(captions):
    """Lists of captions as one array `(images, CAPTIONS)` of strings."""
    rows = [(list(each) + [""] * CAPTIONS)[:CAPTIONS] for each in captions]
    return np.array(rows, object).reshape(-1, CAPTIONS)


def _check_features(name, features):
    import tensorflow_datasets as tfds

    kinds = dict(features.items()) if hasattr(features, "items") else {}
    captions = getattr(kinds.get("captions"), "feature", None)
    if hasattr(captions, "keys"):
        captions = dict(captions.items()).get("text")
    image = kinds.get("image")
    colour = isinstance(image, tfds.features.Image) and image.shape[-1] == 3
    if not (colour and isinstance(captions, tfds.features.Text)):
        needs = "a colour image and a sequence of captions per example"
        raise loading.refusal(name, features, needs, FITTING)
