"""Short opinions in plain English, written before the sample's grammar knew their words.

The network trained on the bundled sample with its default options is the first that a new user
asks. It must answer most of these right; what it was asked here decides nothing else.
"""

POSITIVE = """
I loved it.
Great movie.
A wonderful film.
I really enjoyed this film.
The acting was great.
What a good story!
One of the best films I have seen.
I liked the music.
It was funny and moving.
I would watch it again.
Very good.
The ending was beautiful.
An excellent cast.
Everyone should see this.
It made me happy.
I was never bored.
Not bad at all.
I can't wait to see it again.
Amazing from start to finish.
My whole family loved it.
"""

NEGATIVE = """
I hated it.
Terrible movie.
A bad film.
I did not like it.
The acting was awful.
What a waste of time!
The worst film I have ever seen.
I was bored.
The story made no sense.
I want my money back.
Very disappointing.
The ending was stupid.
A boring plot.
Nobody should see this.
It made me angry.
I fell asleep.
Not good at all.
I would not watch it again.
Too long and too slow.
We walked out after an hour.
"""

OPINIONS = [(line, "positive") for line in POSITIVE.strip().splitlines()]
OPINIONS += [(line, "negative") for line in NEGATIVE.strip().splitlines()]


def test_there_are_forty_of_both_kinds():
    assert len(OPINIONS) == len({text for text, _ in OPINIONS}) == 40
