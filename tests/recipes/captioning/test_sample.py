"""The bundled sample: scenes that can't be described without being seen."""

import numpy as np

from recipes.captioning import sample


def test_sample_splits_share_no_scene_and_no_caption():
    captions = {split: sample.generate(split)[1] for split in ("validation", "test")}
    captions["train"] = [
        sample.describe(scene) for scene in _scenes() if sample.split_of(scene) == "train"
    ]
    said = {split: {text for five in all_of for text in five} for split, all_of in captions.items()}
    assert not said["train"] & said["test"] and not said["train"] & said["validation"]
    words = {
        split: {word for text in texts for word in text.split()} for split, texts in said.items()
    }
    assert words["test"] == words["train"], "no word of the test is new"


def _scenes():
    things = [(s, c, f) for s in sample.RADII for c in sample.COLOURS for f in sample.SHAPES]
    return [
        (one, relation, other)
        for one in things
        for relation in sample.RELATIONS
        for other in things
    ]


def test_sample_shows_what_it_says():
    images, captions = sample.generate("test")
    assert images.shape == (sample.SIZES["test"], sample.SIDE, sample.SIDE, 3)
    for image, five in zip(images, captions, strict=True):
        said = five[0].split()
        (size, colour), relation, (other_size, other_colour) = said[1:3], said[4], said[-3:-1]
        if colour == other_colour:
            continue  # not to be told apart by colour alone
        places = []
        for radius, name in ((size, colour), (other_size, other_colour)):
            distance = abs(image.astype(int) - np.array(sample.COLOURS[name])).sum(axis=-1)
            places.append(np.argwhere(distance < 90))
            sides = np.ptp(places[-1], axis=0)
            assert (max(sides) > 15) == (radius == "large"), (five[0], sides)
        axis = 1 if relation == "left" else 0
        assert places[0].mean(axis=0)[axis] < places[1].mean(axis=0)[axis]
    assert five[0] == five[2] == five[4] and len(set(five)) == 3
    np.testing.assert_array_equal(images, sample.generate("test")[0])
