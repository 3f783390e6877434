"""`inspect.html`: what a network answered to an input, how sure it is, and what happened inside."""

import numpy as np

from shared.evaluation.pictures import embedded
from shared.evaluation.report import coloured_text, environment, markup, write_page

PAGE = "inspect.html"
GIVEN = 200  # characters of the input in the page's head


def write_inspection(run, given, sections):
    """Write a run's `inspect.html`.

    Args:
        run: the `Run`.
        given: what the network was given, as text.
        sections: list of (heading, content), the answer first; see `report.write_report`.

    Returns:
        The page's `Path`.
    """
    given = given if len(given) <= GIVEN else f"{given[:GIVEN]} …"
    write_page(run, PAGE, given, run.notice, sections)
    return run.path(PAGE)


def answer(said, sure, likely=(), remark=""):
    """What the network answered, large, and how sure it is.

    Args:
        said: the answer, as text.
        sure: how sure, as text, such as "probability 0.93".
        likely: (answer, probability) pairs, drawn as bars.
        remark: what else is to be said of it.
    """
    template = environment().from_string(
        '<p class="answer">{{ said }}</p><p class="facts">{{ sure }}</p>'
        '{% if likely %}<table class="bars">{% for name, probability in likely %}<tr>'
        '<th scope="row">{{ name }}</th><td>'
        '<i style="width: {{ (100 * probability) | round(1) }}%"></i></td>'
        '<td class="number">{{ "%.3f" | format(probability) }}</td></tr>{% endfor %}'
        "</table>{% endif %}{% if remark %}<p>{{ remark }}</p>{% endif %}"
    )
    return markup(template.render(said=said, sure=sure, likely=list(likely), remark=remark))


def likeliest(classes, probabilities, count=5):
    """The likeliest classes with their probabilities, the likeliest first: a list of pairs."""
    order = (-probabilities).argsort(kind="stable")[:count]
    return [(classes[number], float(probabilities[number])) for number in order]


def how_sure(tokens, probabilities, each="word"):
    """How sure the network was of what it wrote, in words.

    Args:
        tokens: list of strings that it wrote one after the other.
        probabilities: array `(len(tokens),)`, of each after those before it.
        each: what a token is.
    """
    least = int(probabilities.argmin())
    mean = np.exp(np.log(np.maximum(probabilities.astype("float64"), 1e-30)).mean())
    return (
        f"probability of each {each} after those before it: {mean:.3f} as a geometric mean, "
        f"{probabilities[least]:.3f} at the least, “{tokens[least].strip()}”"
    )


def sure_of(tokens, probabilities, of="steps"):
    """Tokens that were written, the redder the less sure; arguments as of `how_sure`."""
    unsure = "how far its probability is from 1"
    return coloured_text(tokens, probabilities - 1.0, "", unsure, of=of, scale=1.0)


def against_the_rest(evidence, label):
    """How much more speaks for a label than, as a mean, for the others.

    Args:
        evidence: array `(..., classes)`, parts of logits.
        label: number of the class.

    Returns:
        Array `(...)`.
    """
    others = np.delete(evidence, label, axis=-1)
    return evidence[..., label] - (others.mean(axis=-1) if others.size else 0.0)


def speaking(shares, label, classes, count=4):
    """The units that say most about an answer, as `inside` takes those that tell most.

    Args:
        shares: array `(units, classes)`: what each unit adds to each logit; or None.
        label: number of the class that was answered.
        classes: their names.
        count: how many units.

    Returns:
        Dictionary unit -> how much it speaks for the answer, the strongest first; empty for None.
    """
    if shares is None:
        return {}
    found = against_the_rest(shares, label)
    strongest = np.argsort(-abs(found), kind="stable")[:count]
    return {int(unit): f"{found[unit]:+.2f} for {classes[label]}" for unit in strongest}


def read_picture(image, columns, of="steps"):
    """A picture that was read as a sequence, row by row from the top.

    Args:
        image: uint8 array `(height, width)`, `(height, width, 1)` or `(height, width, 3)`.
        columns: in how many steps a row was read: 1, or one for each pixel.
        of: see `inside.inside`.
    """
    template = environment().from_string(
        '<p class="read" data-of="{{ of }}" data-rows="{{ rows }}" data-columns="{{ columns }}">'
        '<img src="{{ source }}" alt="The picture that was read"></p>'
    )
    source = embedded(image)
    return markup(template.render(source=source, of=of, rows=len(image), columns=columns))
