"""The bundled numbers and dates: spelled as the grammars say, reproducible, disjoint."""

import datetime
import hashlib
import re

import pytest

from recipes.translation import sample

PAIRS = {split: sample.generate(split) for split in sample.SIZES}

# Written by hand, after Grevisse, "Le bon usage", traditional spelling.
FRENCH = """
0 zéro
1 un
10 dix
16 seize
17 dix-sept
20 vingt
21 vingt et un
22 vingt-deux
30 trente
31 trente et un
44 quarante-quatre
50 cinquante
61 soixante et un
69 soixante-neuf
70 soixante-dix
71 soixante et onze
72 soixante-douze
77 soixante-dix-sept
79 soixante-dix-neuf
80 quatre-vingts
81 quatre-vingt-un
88 quatre-vingt-huit
90 quatre-vingt-dix
91 quatre-vingt-onze
97 quatre-vingt-dix-sept
99 quatre-vingt-dix-neuf
100 cent
101 cent un
110 cent dix
171 cent soixante et onze
180 cent quatre-vingts
199 cent quatre-vingt-dix-neuf
200 deux cents
201 deux cent un
280 deux cent quatre-vingts
281 deux cent quatre-vingt-un
400 quatre cents
999 neuf cent quatre-vingt-dix-neuf
1000 mille
1001 mille un
1100 mille cent
1200 mille deux cents
1980 mille neuf cent quatre-vingts
2000 deux mille
2024 deux mille vingt-quatre
21000 vingt et un mille
71000 soixante et onze mille
80000 quatre-vingt mille
81300 quatre-vingt-un mille trois cents
100000 cent mille
200000 deux cent mille
200200 deux cent mille deux cents
280000 deux cent quatre-vingt mille
380080 trois cent quatre-vingt mille quatre-vingts
999999 neuf cent quatre-vingt-dix-neuf mille neuf cent quatre-vingt-dix-neuf
"""
ENGLISH = """
0 zero
13 thirteen
20 twenty
42 forty-two
99 ninety-nine
100 one hundred
105 one hundred and five
340 three hundred and forty
1000 one thousand
1005 one thousand and five
1105 one thousand one hundred and five
40000 forty thousand
200001 two hundred thousand and one
999999 nine hundred and ninety-nine thousand nine hundred and ninety-nine
"""


def table(text):
    return [(int(n), words) for n, words in (line.split(" ", 1) for line in text.split("\n")[1:-1])]


@pytest.mark.parametrize("number, words", table(FRENCH))
def test_french_as_written_by_hand(number, words):
    assert sample.in_french(number) == words


@pytest.mark.parametrize("number, words", table(ENGLISH))
def test_english_as_written_by_hand(number, words):
    assert sample.in_english(number) == words


@pytest.mark.parametrize(
    "number, words",
    [
        (1, "une"),
        (2, "deux"),
        (21, "vingt et une"),
        (71, "soixante et onze"),
        (81, "quatre-vingt-une"),
        (91, "quatre-vingt-onze"),
        (101, "cent une"),
        (200, "deux cents"),
    ],
)
def test_only_one_has_a_feminine_form(number, words):
    assert sample.in_french(number, feminine=True) == words


def test_every_french_number_reads_back():
    """An independent reading: add and multiply the words as a French reader would."""
    values = {"zéro": 0, "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50}
    values |= {"soixante": 60, "quatre-vingt": 80}
    small = "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze"
    values |= {word: number for number, word in enumerate(f"{small} seize".split(), start=1)}

    def read(words):
        words = re.sub("(vingt|cent)s$", r"\1", words).replace("quatre-vingt", "quatrevingt")
        total = current = 0
        for word in re.split(r" et | |-", words):
            if word == "mille":
                total, current = 1000 * max(current, 1), 0
            elif word == "cent":
                current = 100 * max(current, 1)
            else:
                current += values[word.replace("quatrevingt", "quatre-vingt")]
        return total + current

    numbers = [*range(2000), *range(2000, 1_000_000, 977)]
    assert [read(sample.in_french(number)) for number in numbers] == numbers


def test_hyphens_and_plurals_only_where_tradition_has_them():
    for number in range(0, 1_000_000, 331):
        words = sample.in_french(number)
        assert not re.search(r"(cents|vingts) ", words), words  # an s only at the very end
        assert "-et-" not in words, words
        assert not re.search(r"(cent|mille)-|-(cent|mille)", words), words


def test_ordinals():
    days = {1: "st", 2: "nd", 3: "rd", 4: "th", 11: "th", 12: "th", 13: "th", 21: "st", 22: "nd"}
    days |= {23: "rd", 24: "th", 30: "th", 31: "st"}
    assert {day: sample.ordinal_ending(day) for day in days} == days


def test_dates_agree_with_the_calendar():
    found = 0
    for pairs in PAIRS.values():
        for english, french in pairs:
            match = re.fullmatch(r"(\w+), (\w+) (\d+), (\d+)", english)
            if match:
                weekday, month, day, year = match.groups()
                date = datetime.date(int(year), sample.MONTHS.index(month) + 1, int(day))
                assert sample.WEEKDAYS[date.weekday()] == weekday
                ordinal = "premier" if day == "1" else sample.in_french(int(day))
                expected = f"le {sample.FRENCH_WEEKDAYS[date.weekday()]} {ordinal} "
                assert french.startswith(expected), french
                assert french.endswith(sample.in_french(int(year)))
                found += 1
    assert found > 100


def test_the_same_pairs_every_time_and_everywhere():
    assert sample.generate("test") == PAIRS["test"]
    # Changes with the rules only; the figures measured on the sample then change with it.
    digest = hashlib.sha256(repr(PAIRS["test"]).encode()).hexdigest()[:16]
    assert digest == "06f43046c337c363"


def test_sizes_and_no_sentence_twice():
    assert {split: len(pairs) for split, pairs in PAIRS.items()} == sample.SIZES
    sentences = [english for pairs in PAIRS.values() for english, _ in pairs]
    assert len(set(sentences)) == len(sentences)


def test_unknown_split():
    with pytest.raises(ValueError, match=r"^unknown split 'dev': .*train, validation, test$"):
        sample.generate("dev")


def numbers_of(pairs):
    """All numbers of 100 and more that stand in digits in the English sentences."""
    found = {n for english, _ in pairs for n in re.findall(r"\d+", english.replace(",", ""))}
    return {int(n) for n in found if int(n) >= 100}


def test_the_numbers_of_the_test_are_unseen():
    numbers = {split: numbers_of(pairs) for split, pairs in PAIRS.items()}
    assert min(len(found) for found in numbers.values()) > 200
    assert not numbers["test"] & numbers["train"]
    assert not numbers["test"] & numbers["validation"]
    assert not numbers["validation"] & numbers["train"]
    # Not in words either: French has one spelling for each number.
    french = {split: {text for _, text in pairs} for split, pairs in PAIRS.items()}
    assert not french["test"] & french["train"]
    assert not french["validation"] & french["train"]


def test_every_word_of_the_test_is_met_in_training():
    words = {
        split: {word for pair in pairs for text in pair for word in re.findall(r"[^\W\d]+", text)}
        for split, pairs in PAIRS.items()
    }
    assert words["test"] <= words["train"]
    assert len(words["train"]) < 200
