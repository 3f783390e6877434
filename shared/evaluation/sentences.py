"""What is to be seen inside a recurrent layer, computed and said in sentences."""

import numpy as np

from shared.evaluation.arrange import is_gate, kept

LABELS = {
    "cell_state": "Cell state c",
    "hidden_state": "Hidden state h",
    "forget_gate": "Forget gate f",
    "input_gate": "Input gate i",
    "candidate": "Candidate g",
    "output_gate": "Output gate o",
    "update_gate": "Update gate z",
    "reset_gate": "Reset gate r",
}
MEANS = {
    "cell_state": "What each unit carries along.",
    "hidden_state": "What each unit tells the layers above, and itself at the next step.",
    "forget_gate": "How much of its cell state a unit keeps.",
    "input_gate": "How much of the candidate a unit adds to its cell state.",
    "candidate": "What each unit would take up.",
    "output_gate": "How much of its cell state a unit tells.",
    "reset_gate": "How much of the last state counts for the candidate.",
}
SATURATED = 0.9  # of a state between -1 and 1
LONGEST = 1000  # steps; beyond, a mean of a gate that is rounded says nothing more


def label(name):
    """What a picture is called."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def places(tokens, each):
    """A function from the number of a step to what is said of it: “good” (word 3), or frame 3.

    Args:
        tokens: list of strings.
        each: what a timestep is: "word", "frame".
    """

    def at(step):
        token = tokens[step].strip()
        number = f"{each} {step + 1}"
        return number if not token or token in (number, str(step + 1)) else f"“{token}” ({number})"

    return at


def sentences(name, traced, at):
    """What is to be seen in one picture: a list of sentences.

    Args:
        name: of the picture.
        traced: dictionary name -> array `(timesteps, units)`, as from `layer.trace`.
        at: as from `places`.
    """
    values = traced[name].astype("float64")
    found = [meaning(name, traced)]
    if is_gate(name):
        found += _of_gate(values, at)
    else:
        found += _of_state(name, values, at)
    keeping = kept(traced)
    if keeping and keeping[1] == name and len(values) > 1:
        found.append(lasting(keeping[0], keeping[2]))
    return [sentence for sentence in found if sentence]


def meaning(name, traced):
    """What the picture is of, in one sentence; empty for what only its author knows."""
    if name != "update_gate":
        return MEANS.get(name, "")
    if "reset_gate" in traced:
        return "How much of its state a unit keeps; the rest is rewritten."
    return "How much of its state a unit rewrites; the rest stays."


def lasting(shares, formula):
    """How many steps units keep what they hold.

    Args:
        shares: array `(timesteps, units)`: how much each keeps at each step.
        formula: how that gives steps, for instance "1 / (1 - f)".
    """
    steps = 1 / np.maximum(1 - shares.mean(axis=0, dtype="float64"), 1 / (2 * LONGEST))
    longest = int(steps.argmax())
    half, tenth = np.quantile(steps, (0.5, 0.9))
    symbol = formula.rstrip(")")[-1]
    return (
        f"A unit keeps what it holds for about {formula} steps, with the mean of its {symbol}: "
        f"half of the units for up to {_steps(half)}, a tenth for {_steps(tenth)} or more, and "
        f"unit {longest + 1} longest, for {_steps(steps[longest])}."
    )


def _steps(number):
    return f"more than {LONGEST:,}" if number > LONGEST else f"{number:.1f}"


def _of_gate(values, at):
    """Where it is open and where closed."""
    if len(values) == 1:
        high, low = values[0].argmax(), values[0].argmin()
        return [
            f"It is {values.mean():.2f} as a mean over the units: most open in unit {high + 1} "
            f"({values[0, high]:.2f}), least in unit {low + 1} ({values[0, low]:.2f})."
        ]
    mean = values.mean(axis=1)
    high, low = int(mean.argmax()), int(mean.argmin())
    return [
        f"It is {values.mean():.2f} as a mean over all units and steps: most open at {at(high)}, "
        f"{mean[high]:.2f}, and least at {at(low)}, {mean[low]:.2f}."
    ]


def _of_state(name, values, at):
    """Where it changes, and whether it holds."""
    if len(values) == 1:
        far = int(abs(values[0]).argmax())
        return [f"Unit {far + 1} is farthest from zero, at {values[0, far]:+.2f}."]
    if name == "candidate":
        size = abs(values).mean(axis=1)
        first = int(size.argmax())
        return [f"It is largest at {at(first)}: {size[first]:.2f} from zero, as a mean."]
    change = np.linalg.norm(
        values[1:] - values[:-1], axis=1
    )  # of two steps, the first changes none
    most = " and at ".join(at(int(1 + step)) for step in np.argsort(-change, kind="stable")[:2])
    turns = int((np.sign(values[1:]) != np.sign(values[:-1])).sum())
    held = values.size / (turns + values.shape[1])
    found = [
        f"It changes most at {most}.",
        f"A unit keeps its sign for {held:.1f} of the {len(values):,} steps, as a mean.",
    ]
    beyond = (abs(values) > SATURATED).mean()
    if name == "hidden_state" and beyond >= 0.005:
        found.append(f"{beyond:.0%} of the values are beyond {SATURATED} on either side.")
    return found
