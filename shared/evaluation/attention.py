"""Where a network looked in what it had read, when it wrote each token."""

import json

from shared.evaluation.report import environment, markup

CELL, LETTER = 22, 8  # pixels: of a weight in the matrix, and of a letter beside it
STRONGEST = 55  # percent of the colour behind a token, at a weight of 1
FAINTEST = 0.004  # a weight that still can be seen


def attention_matrix(weights, source, target):
    """Attention weights as a picture: a row for each token written, a column for each one read.

    Args:
        weights: array `(len(target), len(source))`, from 0 to 1.
        source, target: lists of strings.
    """
    left = LETTER * max(map(len, target)) + 12
    top = LETTER * max(map(len, source)) + 12
    cells = [
        (left + CELL * column, top + CELL * row, float(weight), source[column], target[row])
        for row, of_row in enumerate(weights)
        for column, weight in enumerate(of_row)
        if weight > FAINTEST
    ]
    template = environment().from_string(
        '<svg class="attention" viewBox="0 0 {{ width }} {{ height }}" width="{{ width }}" '
        'role="img" font-size="13"><title>Attention: rows are what was written, columns what was '
        "read</title>"
        '<rect x="{{ left }}" y="{{ top }}" width="{{ width - left }}" '
        'height="{{ height - top }}" fill="var(--panel)"/>'
        '{% for token in source %}<text transform="translate({{ left + cell * loop.index - 6 }} '
        '{{ top - 6 }}) rotate(-90)" fill="var(--input)">{{ token }}</text>{% endfor %}'
        '{% for token in target %}<text x="{{ left - 6 }}" y="{{ top + cell * loop.index - 6 }}" '
        'text-anchor="end" fill="var(--output)">{{ token }}</text>{% endfor %}'
        '{% for x, y, weight, read, written in cells %}<rect x="{{ x }}" y="{{ y }}" '
        'width="{{ cell - 1 }}" height="{{ cell - 1 }}" fill="var(--output)" '
        'fill-opacity="{{ "%.3f" | format(weight) }}"><title>{{ written }}, {{ read }}: '
        '{{ "%.3f" | format(weight) }}</title></rect>{% endfor %}</svg>'
    )
    width, height = left + CELL * len(source), top + CELL * len(target)
    return markup(
        template.render(
            width=width,
            height=height,
            left=left,
            top=top,
            cell=CELL,
            source=source,
            target=target,
            cells=cells,
        )
    )


def looking_back(weights, source, target, of):
    """The tokens read and those written: where one written is pointed at, those it looked at light.

    Without JavaScript, those of the first one are lit.

    Args:
        weights, source, target: as of `attention_matrix`.
        of: the name of the timesteps at which tokens are written; see `inside.inside`.
    """
    template = environment().from_string(
        '<div class="looked" data-of="{{ of }}"><p class="facts">read</p><p class="tokens">'
        '{% for token in source %}<span style="background: color-mix(in srgb, var(--output) '
        '{{ (strongest * weights[0][loop.index0]) | round | int }}%, transparent)">'
        "{{ token }}</span> "
        '{% endfor %}</p><p class="facts">written; point at a token to see where it looked</p>'
        '<p class="tokens">{% for token in target %}<span data-of="{{ of }}" '
        'data-step="{{ loop.index0 }}">{{ token }}</span> {% endfor %}</p>'
        '<script type="application/json">{{ data }}</script></div>'
    )
    rows = [[round(float(weight), 3) for weight in row] for row in weights]
    data = markup(json.dumps(rows))
    return markup(
        template.render(
            of=of, source=source, target=target, weights=rows, data=data, strongest=STRONGEST
        )
    )
