"""Whatever is in a file of a run: it is read as it was, or refused in one line."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import UserError
from shared.training import checkpoint
from shared.training.run import Run, hash_of
from tests.training.trainings import make_data, make_network, train

from .test_fuzzed_files import FEW, MANY, PLANS, content_of

LIGHT = ("config.json", "history.csv", "vocabulary.txt", "model.keras")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a small run."""
    folder = tmp_path_factory.mktemp("fuzzed") / "run"
    train(folder, make_network(), make_data(), 1)
    run = Run("test", folder)
    run.check_config()
    run.keep("vocabulary.txt", "the\na\n")
    run.save_model(make_network())
    return folder


def read(folder, network):
    run = Run("test", folder)
    run.check_config()
    run.load_history()
    run.check_belonging()
    if network:
        checkpoint.load(network, run)
        run.load_model()


@pytest.mark.parametrize("name", [*LIGHT, "checkpoint/latest.npz", "weights of model.keras"])
def test_a_changed_file_of_a_run(name, whole, tmp_path, request, injected):
    many = request.config.getoption("--faults")
    if name not in LIGHT and not many:
        pytest.skip("takes minutes: make test-faults")
    network, weights = None, Run("test", whole).load_model().get_weights()
    count = MANY if many else FEW
    if name not in LIGHT:
        network, name, count = make_network(), name.split()[-1], MANY // 20
        network.optimizer.build(network.trainable_variables)
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    content = (folder / name).read_bytes()
    # Texts may get awkward ones put into them; archives are changed byte by byte.
    texts = [content.decode()] if name.endswith((".json", ".csv", ".txt")) else [content]

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PLANS | st.just(None))
    def check(plan):
        changed = content if plan is None else content_of(texts, plan)
        (folder / name).write_bytes(changed)
        try:
            read(folder, network)
        except UserError as error:
            assert "\n" not in str(error)
            assert changed != content
        else:
            run = Run("test", folder)
            if name == "config.json":
                assert hash_of(run.config) == hash_of(Run("test", whole).config)
            elif name == "vocabulary.txt":
                assert changed == content
            elif network:  # a byte that says nothing, such as the time of an archive's entry
                for one, other in zip(run.load_model().get_weights(), weights, strict=True):
                    assert (one == other).all()

    check()
    injected(f"fuzzed {name}", count)
