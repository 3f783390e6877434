"""Public data sets that TFDS has prepared on this disk, or can download and prepare."""

import contextlib
import threading
from pathlib import Path

import numpy as np

from shared.data import downloads
from shared.data.examples import Stored
from shared.data.on_disk import Texts
from shared.data.splits import VALIDATION_FRACTION, VALIDATION_SEED
from shared.errors import UserError
from shared.files import read_json
from shared.lock import locked
from shared.quiet import quiet_import

PROBE_SECONDS = 4.0
FULL = ("Not enough disk space", "No space left", "quota exceeded")  # as TFDS and systems say it


def open_builder(name, data_dir=None, suggestions=()):
    """The TFDS builder of a data set, whether its data is there or not.

    Args:
        name: such as `"glue/sst2"`.
        data_dir: where TFDS keeps its data; None means `TFDS_DATA_DIR`, then TFDS's own folder.
        suggestions: names to offer where `name` is unknown.

    Raises:
        UserError: for an unknown name, and for prepared data whose description is damaged.
    """
    with quiet_import():
        import tensorflow as tf  # which some features import at their first use

        tf.config.list_physical_devices()  # where there is no GPU, this is what says so
        builder = _open(name, data_dir, ", ".join([*suggestions, "sample"]))
        _ = builder.info.features
    return builder


def _open(name, data_dir, known):
    import absl.logging
    import tensorflow_datasets as tfds

    # They tell TFDS of data sets that it lacks.
    from shared.data import flickr8k, grid_frames, multi30k  # noqa: F401

    absl.logging.set_verbosity(absl.logging.ERROR)  # TFDS warns of every folder it doesn't find
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise UserError(
            f"There is no data set named {name!r}. Among those that fit: {known}."
        ) from error
    except Exception as error:  # TFDS raises of every kind
        root = Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
        folder = _damaged(root / name.partition(":")[0])
        if folder:
            raise UserError(
                f"The prepared data of {name} in {folder} is damaged; delete that folder and "
                "prepare it again."
            ) from error
        raise UserError(
            f"TFDS can't open the data set {name!r}: {_first_line(error)} Among those that fit: "
            f"{known}."
        ) from error


def _damaged(folder):
    """The folder of a version below that of a data set whose description is damaged, or None."""
    for path in [*folder.glob("*/*.json"), *folder.glob("*/*/*.json")]:
        try:
            read_json(path)
        except UserError:
            return path.parent
    return None


def prepare(builder):
    """Make sure that the data is on disk; return None, or in a few words why it can't be had.

    Where it isn't, nothing half done is left of the try. While another process prepares the same
    data set it is waited for. No connection is opened for data that is there.
    """
    if builder.is_prepared():
        return None
    urls = list(getattr(builder, "url_infos", None) or getattr(builder, "addresses", ()))
    if urls and not answers(urls[0]):
        host = urls[0].split("/")[2]
        return f"it is not prepared in {builder.data_dir_root} and {host} can't be reached"
    try:
        with _alone(builder):
            if builder.is_prepared():  # by the process that was waited for
                builder.info.read_from_directory(builder.data_dir)
            else:
                downloads.prepare_anew(builder)
    except Exception as error:  # TFDS raises a different class for every host, archive and disk
        said = _first_line(error)[:200]
        if any(words in str(error) for words in FULL):
            return f"{builder.data_dir_root} has no room for it ({said}); make some and try again"
        if type(error).__name__ == "NonMatchingChecksumError":
            return "a file that came is not the one that was published; try again"
        return f"downloading it failed ({said}); try again"
    return None


def _alone(builder):
    """Keep other processes from preparing the same data set, and wait for one that does."""
    root = Path(builder.data_dir_root)
    root.mkdir(parents=True, exist_ok=True)
    return locked(
        root / f".{builder.name}.lock",
        lambda holder: f"Waiting for {holder}, which prepares {builder.name} in {root}.",
        wait=True,
    )


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def answers(url, seconds=PROBE_SECONDS):
    """Whether the host of `url` answers at all within `seconds`.

    In a thread, because no timeout of any HTTP client bounds the look-up of the host's address.
    """
    import requests

    answered = []

    def ask():
        try:
            requests.head(url, timeout=seconds, allow_redirects=False)
            answered.append(True)
        except requests.RequestException:
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answered)


def splits_of(builder):
    """The names of a data set's splits, with that for validation, which we make where it has none.

    A tenth of the training split becomes it: drawn by a fixed seed after shuffling, since many data
    sets are stored sorted by label.
    """
    names = list(builder.info.splits)
    if "train" in names and "validation" not in names:
        names.insert(1 + names.index("train"), "validation")
    return tuple(names)


def read(builder, split, limit=None):
    """Read one split of a data set whose examples all have the same shape (a text counts as one).

    Args:
        builder: as from `open_builder`, prepared.
        split: one of `splits_of`.
        limit: take only the first `limit` examples of the split.

    Returns:
        Dictionary feature name -> NumPy array, whose first axis is the examples; `Texts` for a
        feature that is a text.

    Raises:
        UserError: for damaged files.
    """
    import tensorflow_datasets as tfds

    stored, count, chosen = _places(builder, split)
    if chosen is None and limit and limit < count:  # TFDS refuses to take more than there are
        stored = f"{stored}[:{limit}]"
    columns = {
        name: Texts() if isinstance(feature, tfds.features.Text) else []
        for name, feature in builder.info.features.items()
    }
    with readable(builder):
        dataset = builder.as_dataset(
            split=stored,
            shuffle_files=False,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
        for part in tfds.as_numpy(dataset.batch(1024)):
            for name, column in columns.items():
                if isinstance(column, Texts):
                    for raw in part[name]:
                        column.append(raw.decode("utf-8", errors="replace"))
                else:
                    column.append(part[name])
    columns = {
        name: column if isinstance(column, Texts) else np.concatenate(column)
        for name, column in columns.items()
    }
    if chosen is None:
        return columns
    return {name: column[chosen[:limit]] for name, column in columns.items()}


def stored(builder, split, limit=None, fit=None, features=None):
    """The examples of a split one by one, as `examples.hold` takes them.

    Args:
        builder, split, limit: as for `read`.
        fit: function from one example, a dictionary of tensors, to the one that is wanted, for
            instance with its image in another size.
        features: the names of those that an example has then; nothing else is decoded. None: all.

    Returns:
        An `examples.Stored`.

    Raises:
        UserError: for damaged files.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    where, count, chosen = _places(builder, split)
    places = (np.arange(count) if chosen is None else chosen)[:limit]
    wanted = features or list(builder.info.features)
    images = {
        name: feature
        for name, feature in builder.info.features.items()
        if name in wanted and isinstance(feature, tfds.features.Image)
    }
    decoders = {name: tfds.decode.SkipDecoding() for name in images}
    if features:
        decoders = tfds.decode.PartialDecoding(dict.fromkeys(features, True), decoders)
    with readable(builder):
        raw = builder.as_dataset(
            split=where,
            shuffle_files=False,
            decoders=decoders,
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    position = np.full(count, -1)
    position[places] = np.arange(len(places))
    position = tf.constant(position)
    raw = raw.take(places.max(initial=-1) + 1).enumerate()
    # Before any image is decoded, so that those of other splits cost next to nothing.
    raw = raw.filter(lambda place, _: position[place] >= 0)

    def fitted(place, example):
        pictures = {name: image.decode_example(example[name]) for name, image in images.items()}
        example = {**example, **pictures}
        return position[place], fit(example) if fit else example

    def in_order_of(seed, together):
        dataset = raw
        if seed is not None:
            drawn = np.random.default_rng(seed).integers(2**31)
            dataset = dataset.shuffle(min(together, len(places)), seed=drawn)
        return dataset.map(fitted, tf.data.AUTOTUNE)

    return Stored(len(places), in_order_of, lambda: readable(builder))


def not_public(name, split):
    """The UserError for a split whose labels the publishers of a data set keep to themselves."""
    return UserError(
        f"The labels of {name}'s {split} split are not public; measure on another with "
        "--split validation."
    )


def _places(builder, split):
    """Which stored examples a split is made of.

    Returns:
        stored: the name of the stored split that holds them.
        count: how many examples that one has.
        chosen: the places of the split's own examples in it, in their order; None for all of them.
    """
    splits = builder.info.splits
    carved = "validation" not in splits and split in ("train", "validation")
    stored = "train" if carved else split
    count = splits[stored].num_examples
    if not carved:
        return stored, count, None
    order = np.random.default_rng(VALIDATION_SEED).permutation(count)
    size = max(1, round(VALIDATION_FRACTION * count))
    return stored, count, order[:size] if split == "validation" else order[size:]


@contextlib.contextmanager
def readable(builder):
    """Say of prepared data that can't be read whose they are.

    What a `tf.numpy_function` raises as a UserError goes through as it is.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        if "UserError: " in str(error):
            raise
        raise UserError(
            f"The prepared data of {builder.info.full_name} in {builder.data_dir} is damaged or "
            f"unreadable ({type(error).__name__}); delete that folder and prepare it again."
        ) from error
