"""The commands of the recipe: train, evaluate, predict, generate, inspect, gradients."""

import contextlib
import itertools

import click
import numpy as np

from shared import cli
from shared.errors import UserError

from . import data, sample

WRITTEN = 500  # tokens of the text that the report shows as the network's own
DYNAMIC_TIMESTEPS = 16  # tokens between two training steps of `evaluate --dynamic`
DYNAMIC_LEARNING_RATE = 2e-4  # of those steps; both chosen on the validation split
PROMPT_READ = 10_000  # tokens of a prompt; what stands further back, no state remembers
TEXT_MEASURED = 20_000  # tokens of the validation text that `inspect` looks for units in
PIECE = 2500  # tokens of it that are read one after the other
TEXT_SHOWN = 3000  # tokens of INPUT that `inspect` colours
GATES_SHOWN = 500  # tokens of which it shows the gates: a trace takes a moment for each
MONITOR = "val_loss"  # the column of the history by which a network is chosen

recipe = cli.recipe_group(
    __file__, help="Next token, then generate: read a text, say what comes next, and write."
)


own = cli.own_texts("Your own text, in UTF-8.")


@recipe.command()
@cli.training_options(
    own,
    dataset=data.DEFAULT,
    epochs=10,
    batch_size=32,
    units=512,
    layers=2,
    elsewhere={"on the sample": sample.DEFAULTS},
    examples="tokens",
)
@cli.data_option(
    "--tokens",
    type=click.Choice(["character", "word"]),
    default="character",
    help="What the text is cut into.",
)
@cli.data_option(
    "--vocabulary-size",
    type=click.IntRange(3),
    default=10_000,
    help="Words known, at most, where tokens are words.",
)
@cli.network_option(
    "--dropout", type=cli.share, default=0.4, help="Share of each layer's outputs left out."
)
@cli.training_option(
    "--timesteps", type=cli.positive, default=64, help="Tokens that a gradient goes back, at most."
)
@cli.training_option(
    "--weight-decay", type=click.FloatRange(0), default=0.2, help="Weight decay of AdamW."
)
@cli.training_option(
    "--learning-rate", type=cli.above_zero, default=4e-3, help="Learning rate at the start."
)
def train(options):
    """Train on a text and write a run folder."""
    if options.distribute != "none":
        raise UserError(
            f"--distribute {options.distribute} does not fit here: each batch needs the state of "
            "the one before it. Leave the option out."
        )
    source = data.find(options)
    cli.take_defaults(options, source)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.folders import start_run

    from . import model

    training = data.load(source, options)
    with prepare(options):
        network = model.build_model(
            vocabulary_size=len(training.names.vocabulary),
            streams=data.streams_of(training),
            cell=options.cell,
            units=options.units,
            layers=options.layers,
            dropout=options.dropout,
        )
        steps = options.epochs * training.steps
        optimizer = keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(options.learning_rate, steps),
            options.weight_decay,
            clipnorm=1.0,
        )
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        network.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    forget = model.ForgetBetweenTexts()
    with start_run(options, source) as run:
        data.save_names(run, training.names)
        fit(network, training, run, options, monitor=MONITOR, callbacks=[forget])
    return run


@recipe.command()
@cli.evaluation_options(own, examples="tokens")
@click.option(
    "--dynamic",
    is_flag=True,
    help="Measure again with weights that learn from what they have read.",
)
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    names = data.load_names(run)
    cli.announce(source, run)

    from shared.data.windows import windows
    from shared.decoding import sample
    from shared.evaluation.baselines import CONSTANT, constant_distribution
    from shared.evaluation.reading import no_memory, score
    from shared.evaluation.report import passage, write_report
    from shared.evaluation.surprise import surprise_sections

    from . import model

    network = run.load_model()
    limit = options.limit or run.options.limit
    tokens = data.read_tokens(source, options.split, limit, run.options.tokens)
    ids = data.to_ids(tokens, names.vocabulary)
    reader = model.with_states(network)
    surprise, _ = score(reader, ids)

    cross_entropy = float(surprise.mean())
    metrics = {"cross_entropy": cross_entropy, "perplexity": float(np.exp(cross_entropy))}
    if options.dynamic:
        copy = model.of_one_row(network, run.options.cell)
        batches = windows(ids, 1, DYNAMIC_TIMESTEPS)
        dynamic = model.score_while_learning(copy, batches, DYNAMIC_LEARNING_RATE)
        metrics["cross_entropy_dynamic"] = float(dynamic.mean())
    record = run.record(
        source,
        options.split,
        len(tokens),
        metrics,
        reader.count_params(),
        baselines={CONSTANT: constant_distribution(ids[1:])},
        tokens=run.options.tokens,
        unknown=int((ids == data.UNKNOWN).sum()),
    )
    cli.save_measurement(run, record)
    step, states = model.step_function(reader), no_memory(reader)
    (written,) = sample(step, [[data.START]], states, WRITTEN, temperature=0.8, seed=1)
    text = "".join(names.vocabulary[token] for token in written.tokens)
    sections = [
        ("Written at temperature 0.8", passage(text)),
        *surprise_sections(tokens, surprise),
    ]
    write_report(run, record, sections, MONITOR)
    cli.next_step(run, "generate", "--length 500")


@recipe.command()
@cli.prediction_options
def predict(options):
    """Score each INPUT, a text, and say what comes next ('-' reads one per line of stdin).

    The score is the cross entropy in nats per token: how surprising the text is. A text is read
    from its beginning; white space around it is left out.
    """
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.prediction import Answering
    from shared.evaluation.reading import CHUNK, score

    from . import model

    reader = model.with_states(run.load_model())
    at_once = Answering(reader)  # of what is long, the quick loop pays
    names = data.load_names(run)
    tokens = run.options.tokens
    for text in itertools.chain.from_iterable(cli.read_texts(options)):
        ids = data.to_ids(data.tokenize(text, tokens), names.vocabulary)
        surprise, after = score(at_once if len(ids) <= CHUNK else reader, ids)
        likely = {names.vocabulary[token]: float(after[token]) for token in np.argsort(-after)[:5]}
        record = {
            "input": text,
            "cross_entropy": float(surprise.mean()),
            "perplexity": float(np.exp(surprise.mean())),
            "next": next(iter(likely)),
            "likely": likely,
        }
        answers = "  ".join(f"{token!r} {probability:.2f}" for token, probability in likely.items())
        line = f"{record['cross_entropy']:.3f} nats per token, next {answers}   {text[-40:]!r}"
        cli.print_prediction(options.as_json, record, line)


@recipe.command()
@cli.run_options
@click.option("--prompt", default="", metavar="TEXT", help="Text to continue; '-' reads stdin.")
@click.option("--length", type=cli.positive, default=1000, help="Tokens to write.")
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.8,
    help="Below 1 prefers likely tokens; 0 takes the likeliest.",
)
@click.option("--top-k", type=cli.positive, help="Draw only from the K likeliest tokens.")
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    help="Draw only from the likeliest tokens that together have this probability.",
)
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same text.")
def generate(options):
    """Continue a prompt, token by token."""
    prompt = options.prompt
    if prompt == "-":
        prompt = cli.read_all()
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.decoding import stream
    from shared.evaluation.reading import remember

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    reader = model.with_states(network)
    tokens = data.tokenize(prompt, run.options.tokens)
    if len(tokens) > PROMPT_READ:
        note = f"Of the prompt's {len(tokens):,} tokens the last {PROMPT_READ:,} are read."
        click.echo(note, err=True)
        tokens = tokens[-PROMPT_READ:]
    strange = sorted(set(tokens) - set(names.vocabulary[data.UNKNOWN + 1 :]))
    if strange:
        named = ", ".join(map(repr, strange[:10])) + (", ..." if len(strange) > 10 else "")
        click.echo(f"Unknown, since not in the training text: {named}.", err=True)
    ids = data.to_ids(tokens, names.vocabulary)
    try:
        written = stream(
            model.step_function(reader),
            [ids[-1:]],
            remember(reader, ids[:-1]),
            options.length,
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            seed=options.seed,
        )
    except ValueError as error:  # a temperature of nan, say, passes click's check of the range
        raise UserError(str(error)) from error
    click.echo(cli.shown(prompt.replace("\r\n", "\n"), but="\n\t"), nl=False)
    for (token,) in written:
        click.echo(cli.shown(names.vocabulary[token], but="\n\t"), nl=False)
    click.echo()


@recipe.command()
@cli.inspection_options
@click.option(
    "--unit",
    type=(cli.positive, cli.positive),
    metavar="LAYER UNIT",
    help="A unit to show as well.",
)
def inspect(options):
    """Write a page that shows what single units do while they read INPUT, a text."""
    text = cli.read_text(options.input)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation import units
    from shared.evaluation.inside import inside
    from shared.evaluation.inspection import answer, likeliest, write_inspection
    from shared.evaluation.reading import score
    from shared.evaluation.report import coloured_text

    from . import model

    network = run.load_model()
    names = data.load_names(run)
    reader = model.with_states(network)
    tokens = data.tokenize(text, run.options.tokens)
    ids = data.to_ids(tokens, names.vocabulary)
    surprise, after = score(reader, ids)
    tokens, ids, surprise = tokens[:TEXT_SHOWN], ids[: 1 + TEXT_SHOWN], surprise[:TEXT_SHOWN]
    hidden = model.explain(reader, ids)
    layers, count = hidden.shape[1:]
    if options.unit and (options.unit[0] > layers or options.unit[1] > count):
        raise UserError(f"--unit {options.unit}: this run has {layers} layers of {count} units.")
    measured, where = tokens, "INPUT, as the validation split can't be had here"
    with contextlib.suppress(UserError):  # a run folder may be used where its data isn't
        source = data.find(cli.data_options(options, run))
        run.check_unchanged(source)
        measured = data.read_tokens(source, "validation", TEXT_MEASURED, run.options.tokens)
        where = f"{len(measured):,} tokens of the validation split of {source.name}"
    pieces = 1 + len(measured) // PIECE
    activations = model.explain(reader, data.to_ids(measured, names.vocabulary), pieces)
    found = units.find_units(activations, measured)
    likely = [(repr(token), p) for token, p in likeliest(names.vocabulary, after)]
    sure = f"comes next, with probability {likely[0][1]:.3f}"
    remark = f"The text itself has {surprise.mean():.3f} nats per token, as a mean."
    colours = surprise - surprise.mean(), "more than the mean", "less"
    letters = run.options.tokens == "character"
    telling = units.telling(found, layer=1)
    gates = model.gates(reader, ids[: 1 + GATES_SHOWN])
    pictures = inside(
        gates,
        [token.replace("\n", "\N{RETURN SYMBOL}\n") for token in tokens[:GATES_SHOWN]],
        "character" if letters else "word",
        flow="joined",
        telling=telling,
        state="hidden_state",
    )
    sections = [
        ("What comes next", answer(likely[0][0], sure, likely, remark)),
        (
            "How surprising each token was",
            coloured_text(tokens, *colours, joined=True, of="steps"),
        ),
        ("Inside the first layer", pictures),
        *units.unit_sections(found, where, tokens, hidden, options.unit),
    ]
    click.echo(f"Written: {write_inspection(run, text, sections)}")


@recipe.command()
@cli.gradient_options
def gradients(options):
    """Write a page that shows how far back gradients reach in the run's recurrent layers."""
    run = cli.open_trained(options)
    source = data.find(cli.data_options(options, run))
    run.check_unchanged(source)
    names = data.load_names(run)
    cli.announce(run=run)

    from shared.data.windows import windows
    from shared.evaluation.gradient_page import write_gradients
    from shared.evaluation.gradients import EXAMPLES, TIMESTEPS, first_batch
    from shared.evaluation.reading import no_memory

    from . import model

    reader = model.with_states(run.load_model())
    tokens = data.read_tokens(source, "validation", EXAMPLES * TIMESTEPS, run.options.tokens)
    rows = max(1, len(tokens) // TIMESTEPS)
    ids = data.to_ids(tokens, names.vocabulary)
    read, _ = first_batch(windows(ids, rows, TIMESTEPS))
    remark = (
        "Each sequence is read without memory of what stands before it. In training a gradient "
        f"went back {run.options.timesteps} timesteps at most."
    )
    inputs = [read, *no_memory(reader, rows)]
    record = write_gradients(run, source, reader, inputs, remark=remark)
    cli.print_prediction(options.as_json, record, f"Written: {run.path('gradients.html')}")


if __name__ == "__main__":
    recipe()
