"""The bundled sample: numbers, dates and lengths of time, in English, and in French words.

    "2,081"                                     "deux mille quatre-vingt-un"
    "three hundred and eighty"                  "trois cent quatre-vingts"
    "the 1st of May 1971"                       "le premier mai mille neuf cent soixante et onze"
    "21 weeks and 3 days"                       "vingt et une semaines et trois jours"

French counts in ways of its own: seventy is sixty-ten, eighty four twenties, which have an s when
nothing follows; 21, 31 .. 71 join with "et", 81 and 91 don't; "un" is "une" before a feminine noun;
the first of a month is an ordinal, all other days are not. So a translator has to look both at the
digit that it writes and at what stands beside it. The spelling is the traditional one, from before
the rectifications of 1990.

Why the splits can't overlap: every number of 100 or more belongs to one split, by a checksum of
it, and a sentence to the split of its largest number or, where none is that large, to that of a
checksum of all of it. What all others are made of is training data: the numbers below 100 by
themselves, and the round hundreds below 1,000.
"""

import datetime
import random
import zlib


def words(line):
    return line.split()


# Training on the sample has defaults of its own: its rules have no exceptions to overfit to.
DEFAULTS = {
    "epochs": 6,
    "units": 64,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "subword_dropout": 0.0,
}
SIZES = {"train": 8000, "validation": 500, "test": 1000}
# What a training on the sample must reach, and what the network
# must then answer: the recipe's smoke test.
SMOKE = {
    "arguments": [],
    "metric": "exact_match",
    "at_least": 0.95,
    "inputs": ["71", "80", "200", "1,000", "1 May 1981"],
    "answers": [
        {"output": "soixante et onze"},
        {"output": "quatre-vingts"},
        {"output": "deux cents"},
        {"output": "mille"},
        {"output": "le premier mai mille neuf cent quatre-vingt-un"},
    ],
}
LANGUAGES = ("en", "fr")
LARGEST = 999_999


# English

ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
MONTHS = words(
    "January February March April May June July August September October November December"
)
WEEKDAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

# French

UNITS = words(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize "
    "dix-sept dix-huit dix-neuf"
)
TWENTIES = words("vingt trente quarante cinquante soixante")
FRENCH_MONTHS = words(
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
)
FRENCH_WEEKDAYS = words("lundi mardi mercredi jeudi vendredi samedi dimanche")

# Spans of time: English and French, one and several, and whether the French noun is feminine.
SPANS = [
    ("year", "an", "ans", False),
    ("month", "mois", "mois", False),
    ("week", "semaine", "semaines", True),
    ("day", "jour", "jours", False),
    ("hour", "heure", "heures", True),
    ("minute", "minute", "minutes", True),
]


def generate(split):
    """The (English, French) pairs of a split, none twice."""
    if split not in SIZES:
        raise ValueError(f"unknown split {split!r}: the sample has {', '.join(SIZES)}")
    draw = random.Random(f"numbers and dates: {split}")
    pairs = {}
    if split == "train":
        for number in [*range(100), *range(100, 1000, 100)]:
            pairs[str(number)] = pairs[in_english(number)] = in_french(number)
    while len(pairs) < SIZES[split]:
        write = draw.choices([write_number, write_date, write_span], weights=[5, 3, 2])[0]
        numbers, english, french = write(draw)
        if split_of(numbers, french) == split:
            pairs.setdefault(english, french)
    pairs = list(pairs.items())
    draw.shuffle(pairs)
    return pairs


def split_of(numbers, french):
    """The split that a sentence with these numbers belongs to."""
    largest = max(numbers)
    if 100 <= largest < 1000 and largest % 100 == 0:
        return "train"
    remainder = zlib.crc32((str(largest) if largest >= 100 else french).encode()) % 10
    return {8: "validation", 9: "test"}.get(remainder, "train")


def write_number(draw):
    """A number in digits or in words: its numbers, English, French."""
    number = draw.randrange(100, 10 ** draw.choice([3, 4, 5, 6]))
    if draw.random() < 0.25:  # round numbers, in which the s of "cents" and "vingts" is at stake
        number -= number % draw.choice([100, 1000] if number >= 1000 else [100])
    english = draw.choice([str(number), f"{number:,}", in_english(number)])
    return [number], english, in_french(number)


def write_date(draw):
    """A date in one of the forms that English has, often with its day of the week."""
    day = datetime.date(1000, 1, 1) + datetime.timedelta(days=draw.randrange(1100 * 365))
    month, ordinal = MONTHS[day.month - 1], f"{day.day}{ordinal_ending(day.day)}"
    english = draw.choice(
        [
            f"{day.day} {month} {day.year}",
            f"{month} {day.day}, {day.year}",
            f"the {ordinal} of {month} {day.year}",
        ]
    )
    french = "premier" if day.day == 1 else in_french(day.day)
    french = f"{french} {FRENCH_MONTHS[day.month - 1]} {in_french(day.year)}"
    if draw.random() < 0.3:
        english = f"{WEEKDAYS[day.weekday()]}, {english}"
        french = f"{FRENCH_WEEKDAYS[day.weekday()]} {french}"
    return [day.day, day.year], english, f"le {french}"


def write_span(draw):
    """A length of time, of one part or of two."""
    first = draw.randrange(len(SPANS))
    parts = [(draw.choice([draw.randrange(1, 100), draw.randrange(100, 1000)]), SPANS[first])]
    if first + 1 < len(SPANS) and draw.random() < 0.5:
        parts.append((draw.randrange(1, 32), draw.choice(SPANS[first + 1 :])))
    numbers = [number for number, _ in parts]
    words = draw.random() < 0.3
    english, french = [], []
    for number, (name, one, several, feminine) in parts:
        count = in_english(number) if words else str(number)
        english.append(f"{count} {name}" + ("" if number == 1 else "s"))
        french.append(f"{in_french(number, feminine)} {one if number == 1 else several}")
    return numbers, " and ".join(english), " et ".join(french)


def in_english(number):
    """A number below a million in English words: 1,105 is "one thousand one hundred and five"."""
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    many, rest = divmod(number, size)
    words = f"{in_english(many)} {name}"
    if rest:
        words += (" and " if rest < 100 else " ") + in_english(rest)
    return words


def in_french(number, feminine=False, followed=False):
    """A number below a million in French words.

    Args:
        number: from 0 to `LARGEST`.
        feminine: whether it counts a feminine noun: 21 is then "vingt et une".
        followed: whether "mille" follows, before which cent and quatre-vingt have no s.
    """
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        words = "mille" if thousands == 1 else f"{in_french(thousands, followed=True)} mille"
        return f"{words} {in_french(rest, feminine)}" if rest else words
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        words = "cent" if hundreds == 1 else f"{UNITS[hundreds]} cent"
        if rest:
            return f"{words} {in_french(rest, feminine, followed)}"
        return words if hundreds == 1 or followed else f"{words}s"
    if number == 80:
        return "quatre-vingt" if followed else "quatre-vingts"
    if number == 1 and feminine:
        return "une"
    if number < 20:
        return UNITS[number]
    if number > 80:
        return f"quatre-vingt-{in_french(number - 80, feminine)}"
    tens = min(number // 10, 6)  # 70 to 79 are sixty and ten to nineteen
    rest = number - 10 * tens
    if not rest:
        return TWENTIES[tens - 2]
    return TWENTIES[tens - 2] + (" et " if rest in (1, 11) else "-") + in_french(rest, feminine)


def ordinal_ending(day):
    """What follows the digits of a day of the month: 1st, 2nd, 3rd, 4th, 11th, 21st."""
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th") if day // 10 != 1 else "th"
