"""The commands of the recipe: train, evaluate, predict, generate, inspect."""

import sys

import click
import numpy as np

from shared import cli
from shared.errors import UserError

from . import data

PASSAGE = 200  # tokens of a passage in the report
WRITTEN = 500  # tokens of the text that the report shows as the network's own
DYNAMIC_TIMESTEPS = 16  # tokens between two training steps of `evaluate --dynamic`
DYNAMIC_LEARNING_RATE = 2e-4  # of those steps; both chosen on the validation split
PROMPT_READ = 10_000  # tokens of a prompt; what stands further back, no state remembers
TEXT_MEASURED = 20_000  # tokens of the validation text that `inspect` looks for units in
TEXT_SHOWN = 5000  # tokens of INPUT that `inspect` colours
GATES_SHOWN = 120  # as many as still fit side by side in a picture

recipe = cli.recipe_group(
    __file__, help="Next token, then generate: read a text, say what comes next, and write."
)


@recipe.command()
@cli.training_options(dataset=data.DEFAULT, epochs=10, batch_size=32, units=512, layers=2)
@click.option(
    "--file", type=click.Path(resolve_path=True), metavar="FILE", help="A text file instead."
)
@click.option(
    "--tokens", type=click.Choice(["character", "word"]), default="character", show_default=True
)
@click.option(
    "--vocabulary-size",
    type=click.IntRange(3),
    default=10_000,
    help="With --tokens word.",
    show_default=True,
)
@click.option(
    "--timesteps",
    type=cli.positive,
    default=64,
    help="Tokens that a gradient goes back, at most.",
    show_default=True,
)
@click.option("--dropout", type=click.FloatRange(0, 0.95), default=0.4, show_default=True)
@click.option("--learning-rate", type=cli.above_zero, default=4e-3, show_default=True)
@click.option(
    "--weight-decay",
    type=click.FloatRange(0),
    default=0.2,
    help="How much of each weight a step takes away, times the learning rate.",
    show_default=True,
)
def train(options):
    """Train on a text and write a run folder."""
    if options.distribute != "none":
        raise UserError(
            f"--distribute {options.distribute} does not fit here: each batch needs the state of "
            "the one before it. Leave the option out."
        )
    source = data.find(options.dataset, options.file, options.data_dir)
    cli.announce(source)

    import keras  # which takes seconds: only now, when options and data have proved right

    from shared.training.devices import prepare
    from shared.training.fit import fit
    from shared.training.run import start_run

    from . import model

    run = start_run(options, source)
    batches, validation, vocabulary, streams = data.load(source, options)
    data.save_vocabulary(run, vocabulary)
    with prepare(options):
        network = model.build_model(
            len(vocabulary), streams, options.cell, options.units, options.layers, options.dropout
        )
        steps = options.epochs * len(batches(epoch=0))
        falling = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps)
        optimizer = keras.optimizers.AdamW(falling, options.weight_decay, clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        network.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    forget = model.ForgetBetweenTexts()
    fit(network, batches, validation, run, options.epochs, monitor="val_loss", callbacks=[forget])
    return run


@recipe.command()
@cli.evaluation_options
@click.option(
    "--dynamic", is_flag=True, help="Score it also by weights that learn from what they have read."
)
def evaluate(options):
    """Measure a trained network on the test split; write metrics.json and report.html."""
    run = cli.open_trained(options)
    source = find_data(options.dataset, run, options.data_dir)
    cli.announce(source, run)

    from shared.decoding import sample
    from shared.evaluation.report import coloured_text, passage, table, write_report

    from . import model

    trained = run.load_model()
    network = model.with_states(trained)
    vocabulary = data.load_vocabulary(run)
    limit = options.limit or run.options.limit
    tokens = data.tokenize(data.read(source, options.split, limit), run.options.tokens)[:limit]
    ids = data.to_ids(tokens, vocabulary)
    surprise, _ = model.score(network, ids)

    cross_entropy = float(surprise.mean())
    metrics = {"cross_entropy": cross_entropy, "perplexity": float(np.exp(cross_entropy))}
    if options.dynamic:
        given = run.options
        copy = model.of_one_row(trained, len(vocabulary), given.cell, given.units, given.layers)
        batches = data.windows(*data.before_and_after(ids), 1, DYNAMIC_TIMESTEPS)
        dynamic = model.score_while_learning(copy, batches, DYNAMIC_LEARNING_RATE)
        metrics["cross_entropy_dynamic"] = float(dynamic.mean())
    record = run.save_metrics(
        source,
        options.split,
        len(ids),
        metrics,
        network.count_params(),
        tokens=run.options.tokens,
        unknown=int((ids == data.UNKNOWN).sum()),
    )
    cli.print_metrics(record)

    step, states = model.step_function(network), model.no_memory(network)
    (written,) = sample(step, [[data.START]], states, WRITTEN, temperature=0.8, seed=1)
    passages = [
        (surprise[begin : begin + PASSAGE].mean(), begin)
        for begin in range(0, max(len(ids) - PASSAGE, 0) + 1, PASSAGE)
    ]
    rows = [
        (mean, passage("".join(tokens[begin : begin + PASSAGE])))
        for mean, begin in sorted(passages)
    ]
    columns = ("nats per token", "passage")
    begin = max(passages)[1]
    worst = slice(begin, begin + 2 * PASSAGE)
    colours = surprise[worst] - cross_entropy, "more surprising than the mean", "less"
    sections = [
        ("Written at temperature 0.8", passage("".join(vocabulary[i] for i in written.tokens))),
        ("Least surprising passages", table(columns, rows[:5])),
        ("Most surprising passages", table(columns, rows[:-6:-1])),
        ("Where it was surprised", coloured_text(tokens[worst], *colours, joined=True)),
    ]
    write_report(run, record, sections)
    cli.next_step(run, "generate", "--length 500")


@recipe.command()
@cli.prediction_options
def predict(options):
    """Say how surprising each INPUT, a text, is, and what comes next ('-': one per line of stdin).

    A text is read from its beginning; white space around it is left out.
    """
    texts = cli.read_texts(options.inputs)
    run = cli.open_trained(options)
    cli.announce(run=run)

    from . import model

    network = model.with_states(run.load_model())
    vocabulary = data.load_vocabulary(run)
    for text in texts:
        ids = data.to_ids(data.tokenize(text, run.options.tokens), vocabulary)
        surprise, after = model.score(network, ids)
        likely = {vocabulary[i]: float(after[i]) for i in np.argsort(-after)[:5]}
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
@click.option("--prompt", default="", metavar="TEXT", help="What to go on from; '-' reads stdin.")
@click.option("--length", type=cli.positive, default=1000, help="Tokens.", show_default=True)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=0.8,
    help="Below 1 plays safe, 0 takes the likeliest.",
    show_default=True,
)
@click.option("--top-k", type=cli.positive, help="Only from the K likeliest tokens.")
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1, min_open=True),
    help="Only from the likeliest tokens that together have this probability.",
)
@click.option("--seed", type=click.IntRange(0), help="The same seed, the same text.")
def generate(options):
    """Write on from a prompt, token by token."""
    prompt = options.prompt
    if prompt == "-":
        prompt = sys.stdin.buffer.read().decode("utf-8", errors="replace")
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.decoding import stream

    from . import model

    network = model.with_states(run.load_model())
    vocabulary = data.load_vocabulary(run)
    ids = read_prompt(prompt, run.options.tokens, vocabulary)
    states = model.no_memory(network)
    for _, states in model.read(network, ids[:-1]):  # noqa: B007  the last piece's states
        pass
    try:
        tokens = stream(
            model.step_function(network),
            [ids[-1:]],
            states,
            options.length,
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            seed=options.seed,
        )
    except ValueError as error:  # a temperature of nan, say, passes click's check of the range
        raise UserError(str(error)) from error
    click.echo(prompt, nl=False)
    for (token,) in tokens:
        click.echo(vocabulary[token], nl=False)
    click.echo()


@recipe.command()
@cli.inspection_options
@click.option(
    "--unit", type=(cli.positive, cli.positive), metavar="LAYER UNIT", help="Show this one too."
)
def inspect(options):
    """Write a page that shows what single units do while they read INPUT, a text."""
    (text,) = cli.read_texts([options.input])
    run = cli.open_trained(options)
    cli.announce(run=run)

    from shared.evaluation.report import coloured_text, heatmaps, table, write_page

    from . import model, units

    network = model.with_states(run.load_model())
    vocabulary = data.load_vocabulary(run)
    tokens = data.tokenize(text, run.options.tokens)[:TEXT_SHOWN]
    ids = data.to_ids(tokens, vocabulary)
    hidden = model.explain(network, ids)
    surprise, _ = model.score(network, ids)
    layers, count = hidden.shape[1:]
    if options.unit and (options.unit[0] > layers or options.unit[1] > count):
        raise UserError(f"--unit {options.unit}: this run has {layers} layers of {count} units.")
    asked = {"as asked for": [(*options.unit, None)]} if options.unit else {}

    measured, where = text_for_units(run, tokens)
    ids_measured = data.to_ids(measured, vocabulary)
    found = units.find_units(model.explain(network, ids_measured), measured)

    def coloured(values, high, low):
        return coloured_text(tokens, values, high, low, joined=True)

    columns = ("property", "layer", "unit", "score")
    caption = f"Chosen on the first half of {where}; the scores are those on its second half."
    rows = [(name, *unit) for name, best in found.items() for unit in best]
    rows += [(name, "", "", "not there, or everywhere") for name, best in found.items() if not best]
    sections = [
        ("Units that tell something", table(columns, rows, caption)),
        ("The score", units.SCORE),
    ]
    for name, best in {**found, **asked}.items():
        for layer, unit, _ in best[:1]:
            picture = coloured(hidden[:, layer - 1, unit - 1], "above zero", "below zero")
            sections.append((f"Layer {layer}, unit {unit}: {name}", picture))
    surprise -= surprise.mean()
    beginning = tokens[:GATES_SHOWN]
    gates = model.gates(network, ids[:GATES_SHOWN])
    sections += [
        ("How surprising each token was", coloured(surprise, "more than the mean", "less")),
        ("Inside the first layer", heatmaps(gates, [repr(token)[1:-1] for token in beginning])),
    ]
    write_page(run, "inspect.html", text[:200], run.notice, sections)
    click.echo(f"Written: {run.path('inspect.html')}")


def find_data(name, run, data_dir=None):
    """The data set of that name, or the data that the run was trained on."""
    if name is not None or run.options.file is None:
        return data.find(name or run.dataset, None, data_dir)
    source = data.find(None, run.options.file)
    run.check_unchanged(source)
    return source


def text_for_units(run, tokens):
    """The tokens to look for units in, and their name: of the validation split, or as given."""
    try:
        source = find_data(None, run)
        text = data.read(source, "validation", TEXT_MEASURED)
    except UserError:  # a run folder may be used where its data isn't
        return tokens, "INPUT, as the validation split can't be had here"
    measured = data.tokenize(text, run.options.tokens)[:TEXT_MEASURED]
    return measured, f"{len(measured):,} tokens of the validation split of {source.name}"


def read_prompt(prompt, kind, vocabulary):
    """The token ids of a prompt, after that for the start; say what in it can't be read."""
    tokens = data.tokenize(prompt, kind)
    if len(tokens) > PROMPT_READ:
        note = f"Of the prompt's {len(tokens):,} tokens the last {PROMPT_READ:,} are read."
        click.echo(note, err=True)
        tokens = tokens[-PROMPT_READ:]
    ids = data.to_ids(tokens, vocabulary)
    strange = sorted({token for token, i in zip(tokens, ids, strict=True) if i == data.UNKNOWN})
    if strange:
        named = ", ".join(map(repr, strange[:10])) + (", ..." if len(strange) > 10 else "")
        click.echo(f"Unknown, since not in the training text: {named}.", err=True)
    return np.append(data.START, ids).astype("int32")


if __name__ == "__main__":
    recipe()
