"""The LSTM in four steps, on a real sentence; and its cell state, which carries a country."""

import numpy as np

from lessons import lstm_diagram, svg
from lessons.countries import MEASURED, carriers
from lessons.networks import inside, of_the_race, packed_lstm, trained
from lessons.page import Lesson, packed
from recipes.long_memory import data, sample
from shared.evaluation.gradients import recurrent_layers
from shared.evaluation.report import paragraphs
from shared.layers import LSTMCell

TEXT = "I grew up in France. My doctor grew up in China. I speak fluent"
WORD = "france"
COMMAND = f"""# An LSTM like that of this page, within a minute, and all its gates.
python -m recipes.long_memory train --cell lstm --gap 8 --learning-rate 0.006 --epochs 4
python -m recipes.long_memory inspect \\
    "{TEXT}\""""
WIDTH, LEFT, RIGHT, TOP, ROW = 900, 70, 850, 70, 7  # of the heat map, in its own units


def build(folder):
    run = trained(folder, "long_memory")
    network, gap = of_the_race(run, "lstm", shortest=True)
    order, carried = carriers(network, gap)
    best = int(order[0])
    words = data.words_of(TEXT)
    traced = inside(network, data.to_ids(TEXT, data.VOCABULARY)[None])
    traced = {name: values[0] for name, values in traced.items()}
    seen = (
        "An LSTM cell. The cell state runs along the top from left to right: the forget gate "
        "scales it, the candidate is added to it as far as the input gate lets it, and the output "
        "gate shows what is in it."
    )
    heading = f"Unit {best + 1} carries the country"
    least = np.floor(1000 * carried[best]) / 10
    says = (
        f"From the first full stop to the last word, never less than {least} % of "
        f"the differences between the cell states that unit {best + 1} has in different texts "
        f"hang on the country in the first sentence. This is the correlation ratio, measured on "
        f"{MEASURED // 2} test texts with a gap of {gap} words; the unit was chosen on "
        f"{MEASURED // 2} others. In the heat map the units stand in this order: those that carry "
        "most of the country are on top."
    )
    answer = network.get_layer("answer").get_weights()
    (layer,) = recurrent_layers(network).values()
    return Lesson(
        title="The LSTM in four steps",
        idea=[
            "An LSTM has a second state, the cell state. It runs from step to step like a conveyor "
            "belt, and is only scaled and added to on the way.",
            "The forget gate says how much of it stays. The input gate says how much of a "
            "candidate is added. The output gate says how much of it is shown to the rest of the "
            "network.",
            "Each gate is computed anew at every step, from what comes in and from the last hidden "
            "state. So the network learns when to keep, when to write and when to show.",
        ],
        figure=lstm_diagram.lstm(seen, values_at(traced, words.index(WORD), best), WORD)
        + heat_map(traced["cell_state"][:, order].T, words),
        caption=f"{seen} Below: the cell state of all units while the sentence is read.",
        to_try=[
            "Go through the four steps one after the other, at the word france and at others.",
            f"Follow unit {best + 1} over the sentence: what happens to it at france, and what at "
            "china?",
            "Put another country into the first sentence, and another one into the second. Which "
            "of them changes the unit that you follow, and which changes the answer?",
            "Pick a unit from the lower end of the heat map: it carries something else.",
        ],
        code=[LSTMCell.call],
        command=COMMAND,
        data={
            "vocabulary": data.VOCABULARY,
            "classes": list(sample.CLASSES),
            "vectors": packed(network.get_layer("vectors").get_weights()[0]),
            "lstm": packed_lstm(layer),
            "answer": {"V": packed(answer[0]), "b": packed(answer[1])},
            "text": TEXT,
            "word": words.index(WORD),
            "order": order.tolist(),
            "carried": [round(float(value), 3) for value in carried],
        },
        more=[(heading, paragraphs([says]))],
    )


def values_at(traced, word, unit):
    """What stands in the diagram: name -> number, for one unit at one word."""
    at = {name: float(values[word, unit]) for name, values in traced.items()}
    before = traced["cell_state"][word - 1, unit] if word else 0.0
    hidden_before = traced["hidden_state"][word - 1, unit] if word else 0.0
    return {
        "c_before": float(before),
        "h_before": float(hidden_before),
        "f": at["forget_gate"],
        "i": at["input_gate"],
        "g": at["candidate"],
        "ig": at["input_gate"] * at["candidate"],
        "c": at["cell_state"],
        "tanh": float(np.tanh(at["cell_state"])),
        "o": at["output_gate"],
        "h": at["hidden_state"],
    }


def heat_map(values, words):
    """Units from top to bottom, words from left to right, as an SVG with a place for each."""
    rows, columns = values.shape
    wide = (RIGHT - LEFT) / columns
    marks = [
        svg.mark(
            "text",
            word,
            transform=f"translate({LEFT + wide * (place + 0.5):.1f} {TOP - 8}) rotate(-35)",
            fill="var(--ink)",
        )
        for place, word in enumerate(words)
    ]
    strength = np.clip(values / max(np.quantile(abs(values), 0.97), 1e-9), -1, 1)
    marks += svg.cells(strength, LEFT, TOP, wide, ROW, "--cell-state")
    seen = "The cell state of every unit at every word: green above zero, violet below."
    return svg.picture(WIDTH, TOP + ROW * rows + 10, seen, marks, at_least=640)
