"""Finding a data set by its name: prepared on disk, downloadable, or the recipe's own sample."""

import contextlib
import dataclasses
import threading

import numpy as np

from shared.errors import UserError
from shared.quiet import quiet_import

# A split that we make ourselves is the same in every run, whatever the run's seed, so that runs
# with different seeds are measured on the same validation examples.
VALIDATION_SEED = 20150521
VALIDATION_FRACTION = 0.1
PROBE_SECONDS = 4.0


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a run's examples come from.

    Attributes:
        name: the data set's name as TFDS writes it, or `"sample"`.
        version: its version, or `"bundled"`.
        notice: the line that every screen and file of the run shows; empty unless the sample
            stands in for a public data set that could not be had.
        builder: the prepared TFDS builder; None for the sample and for files.
        files: the paths of the user's own files, which take the place of a data set.
        defaults: options that are other here than in the recipe, unless they are given.
    """

    name: str
    version: str = "bundled"
    notice: str = ""
    builder: object = None
    files: tuple = ()
    defaults: dict = dataclasses.field(default_factory=dict)

    @property
    def is_sample(self):
        return self.builder is None and not self.files

    def describe(self):
        """What `config.json` keeps of it."""
        described = {"name": self.name, "version": self.version}
        if self.files:
            described["files"] = list(self.files)
        return {**described, "notice": self.notice} if self.notice else described


def find(name, default, data_dir=None, check=None, suggestions=()):
    """Find a data set, downloading it where that is possible within reach.

    Args:
        name: a TFDS name such as `"glue/sst2"`, `"sample"`, or None for the recipe's default.
        default: the recipe's public data set.
        data_dir: where TFDS keeps its data; None means `TFDS_DATA_DIR`, then TFDS's own folder.
        check: called with the TFDS features of the data set; raises UserError if they don't fit.
        suggestions: names to offer where `name` is unknown.

    Returns:
        A `Source`. Only where no name was given does the sample stand in for data that can't be
        had, and then `notice` says so.

    Raises:
        UserError: unknown name, features that don't fit, or a named data set that can't be had.
    """
    if name == "sample":
        return Source("sample")
    chosen = name or default
    with quiet_import():  # some features need TensorFlow
        builder = _builder(chosen, data_dir, suggestions)
        if check is not None:
            check(chosen, builder.info.features)
    reason = _prepare(builder)
    if reason is None:
        return Source(chosen, str(builder.version), builder=builder)
    if name is None:
        return Source(
            "sample", notice=f"SAMPLE DATA, not {chosen}: {reason}. These are not its results."
        )
    raise UserError(
        f"The data set {chosen!r} can't be had: {reason}. Point TFDS_DATA_DIR (or --data-dir) to a "
        "folder where it is prepared, or use --dataset sample."
    )


def _builder(name, data_dir, suggestions):
    import absl.logging
    import tensorflow_datasets as tfds

    # They tell TFDS of data sets that it lacks.
    from shared.data import flickr8k, grid_frames, multi30k  # noqa: F401

    absl.logging.set_verbosity(absl.logging.ERROR)  # TFDS warns of every folder it doesn't find
    known = ", ".join([*suggestions, "sample"])
    try:
        return tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise UserError(
            f"There is no data set named {name!r}. Among those that fit: {known}."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, ImportError, OSError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"TFDS can't open the data set {name!r}: {first_line} Among those that fit: {known}."
        ) from error


def _prepare(builder):
    """Make sure that the data is on disk; return None, or in a few words why it can't be had."""
    if builder.is_prepared():
        return None
    urls = list(getattr(builder, "url_infos", None) or getattr(builder, "addresses", ()))
    if urls and not answers(urls[0]):
        host = urls[0].split("/")[2]
        return f"it is not prepared in {builder.data_dir_root} and {host} can't be reached"
    try:
        builder.download_and_prepare()
    except Exception as error:  # TFDS raises a different class for every host, archive and disk
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"downloading it failed ({first_line[:200]})"
    return None


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


def read(source, split, limit=None):
    """Read one split of a data set whose examples all have the same shape (a text counts as one).

    Where a data set has no validation split, a tenth of its training split becomes one: drawn by
    a fixed seed after shuffling, since many data sets are stored sorted by label.

    Args:
        source: a `Source` with a builder.
        split: `"train"`, `"validation"`, `"test"` or another split that the data set has.
        limit: take only the first `limit` examples of the split.

    Returns:
        Dictionary feature name -> NumPy array, whose first axis is the examples.

    Raises:
        UserError: for a split that the data set doesn't have, or damaged files.
    """
    stored, count, chosen = find_split(source, split)
    if chosen is None:
        # TFDS refuses to take more examples than there are.
        return _read(source, stored if (limit or count) >= count else f"{stored}[:{limit}]")
    columns = _read(source, stored)
    return {name: column[chosen[:limit]] for name, column in columns.items()}


def find_split(source, split):
    """Which stored examples a split is made of; see `read`.

    Returns:
        stored: the name of the stored split that holds them.
        count: how many examples that one has.
        chosen: the places of the split's own examples in it, in their order; None for all of them.

    Raises:
        UserError: for a split that the data set doesn't have.
    """
    splits = source.builder.info.splits
    carved = "validation" not in splits and split in ("train", "validation")
    check_split(source.name, split, [*splits, split] if carved else list(splits))
    stored = "train" if carved else split
    count = splits[stored].num_examples
    if not carved:
        return stored, count, None
    order = np.random.default_rng(VALIDATION_SEED).permutation(count)
    size = max(1, round(VALIDATION_FRACTION * count))
    return stored, count, order[:size] if split == "validation" else order[size:]


def own_split(name, split, count, share, most):
    """The places of a split's examples where a user's own are one heap, which has no splits.

    Args:
        name: what the examples are called, for the error.
        split: `"train"`, `"validation"` or `"test"`.
        count: how many examples there are.
        share: the part of them, drawn by a fixed seed, for validation, and as much for the test.
        most: how many that is at most.

    Raises:
        UserError: for another split.
    """
    check_split(name, split, ("train", "validation", "test"))
    order = np.random.default_rng(VALIDATION_SEED).permutation(count)
    size = min(most, max(1, round(share * count)))
    parts = {"validation": order[:size], "test": order[size : 2 * size]}
    return parts.get(split, order[2 * size :])


def refusal(name, features, needs, fitting):
    """The UserError for a data set whose features don't fit a recipe.

    Args:
        name: the data set's.
        features: its TFDS features.
        needs: what the recipe needs, as in "this recipe needs ...".
        fitting: names of data sets that fit.
    """
    found = ", ".join(features) if hasattr(features, "keys") else type(features).__name__
    return UserError(
        f"The data set {name!r} does not fit: this recipe needs {needs}, and it has {found}. "
        f"Among those that fit: {', '.join(fitting)}."
    )


def check_split(name, split, splits):
    """Raise UserError where the data set `name` has no such split."""
    if split not in splits:
        raise UserError(
            f"{name} has no split {split!r}. It has: {', '.join(splits)}. Choose one of them with "
            "--split."
        )


@contextlib.contextmanager
def readable(source):
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
            f"The prepared data of {source.name} in {source.builder.data_dir} is damaged or "
            f"unreadable ({type(error).__name__}); delete that folder and prepare it again."
        ) from error


def _read(source, instruction):
    import tensorflow_datasets as tfds

    with readable(source):
        dataset = source.builder.as_dataset(split=instruction, shuffle_files=False)
        parts = list(tfds.as_numpy(dataset.batch(1024)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
