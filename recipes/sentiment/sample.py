"""The bundled sample: film reviews from a small grammar, in which the order of the words decides.

A review is one to four opinions with some neutral sentences around them. In an opinion the slot
`{this adjective}` takes a word that agrees with the review's label and `{other adjective}` one
that contradicts it:

    "I expected to {other verb} it, but the {part} made me {this verb} it."

Why a bag of words can't read them: opinions come in families, and in a family `this` and `other`
occur equally often for each kind of word. A contrast holds both. A plain sentence is paired with
one that turns its word around ("not even", "nobody can claim", "I disagree"). Labels, families,
sentences and words are all drawn evenly, so each word is as frequent in the positive as in the
negative reviews, and what is left to learn from is which word stands where.

Why the splits can't overlap: number the words of each list. The numbers of the words in one opinion
add up to a sum, and the remainder of that sum after division by eight belongs to one split (see
`REMAINDERS`). The last word of an opinion is drawn from those that lead to a remainder of the
split in hand. So an opinion in the test reviews is a combination never seen in training, though
its words and its kind of sentence are. Exchanging `this` and `other` leaves the sum as it is, so
the same words with the opposite label stay in the same split too.
"""

import functools
import random
import re

CLASSES = ("negative", "positive")
# The options that suit it better than those for real reviews; chosen on its validation split.
DEFAULTS = {"epochs": 12, "dropout": 0.2, "word_dropout": 0.0}
SIZES = {"train": 6000, "validation": 1000, "test": 1000}
# What a training on the sample must reach, and what the network
# must then answer: the recipe's smoke test.
SMOKE = {
    "arguments": [],
    "metric": "accuracy",
    "at_least": 0.97,
    "inputs": [
        "I expected to hate it, but the villain made me love it.",
        "I expected to love it, but the villain made me hate it.",
    ],
    "answers": [{"label": "positive"}, {"label": "negative"}],
}

REMAINDERS = {"train": range(6), "validation": [6], "test": [7]}

# Words with a side: first the negative ones, then the positive ones, so that a label is an index.
# Lengths are multiples of eight: each remainder is then reached by equally many words. Lists used
# after "a" have equally many words with a vowel in front on both sides: "an" betrays nothing. An
# underscore stands for a space.
SIDED = {
    "adjective": (
        "dull clumsy tedious awful terrible dreadful tiresome weak mediocre lazy forgettable "
        "annoying hollow lifeless predictable sloppy shallow feeble bland irritating pointless "
        "dreary wooden amateurish",
        "gripping charming clever superb wonderful brilliant delightful splendid marvellous "
        "excellent memorable remarkable stylish magical subtle terrific dazzling inventive elegant "
        "confident polished lively graceful original",
    ),
    "noun": (
        "disaster mess bore failure chore nuisance disappointment fiasco mistake letdown flop "
        "shambles travesty washout misfire blunder",
        "masterpiece triumph delight joy gem pleasure treat marvel classic success wonder feast "
        "thrill revelation knockout winner",
    ),
    "verb": (
        "hate dislike detest resent loathe despise condemn mock",
        "love like enjoy admire adore praise recommend treasure",
    ),
    "effect": (
        "spoil ruin sink wreck harm weaken cripple destroy",
        "save lift rescue redeem improve enliven carry brighten",
    ),
    "feeling": (
        "bored annoyed disappointed irritated exhausted frustrated offended baffled",
        "delighted charmed amused impressed enchanted captivated thrilled touched",
    ),
    "quality": (
        "bad awful terrible boring stupid horrible poor slow silly weak ugly disappointing "
        "annoying dreadful empty pointless",
        "good amazing great wonderful beautiful funny fantastic excellent moving thrilling "
        "interesting clever lovely superb perfect enjoyable",
    ),
    "past": (
        "hated disliked detested loathed despised regretted mocked resented",
        "loved liked enjoyed adored admired praised treasured recommended",
    ),
    "mood": (
        "angry sad tired sleepy unhappy restless gloomy miserable",
        "happy glad cheerful proud hopeful excited grateful joyful",
    ),
    "superlative": (
        "worst dullest weakest silliest poorest flattest clumsiest ugliest",
        "best finest funniest loveliest greatest cleverest sharpest richest",
    ),
    "deed": (
        "fell_asleep walked_out lost_interest looked_at_my_watch asked_for_my_money_back "
        "gave_up_early left_before_the_end went_home_angry",
        "laughed_out_loud cried_with_joy stayed_to_the_end told_all_my_friends "
        "watched_it_again bought_the_soundtrack clapped_at_the_end went_home_happy",
    ),
    "wish": (
        "avoid skip miss boycott forget shun leave ban",
        "see watch know own keep buy cherish discover",
    ),
    "comparative": (
        "worse duller flatter weaker poorer sillier clumsier blander",
        "better smarter sharper livelier bolder richer finer wittier",
    ),
}

# Words without a side.
PLAIN = {
    "part": "cast, supporting cast, acting, script, story, plot, dialogue, humour, ending, "
    "final act, chase scene, love story, pacing, direction, editing, camera work, lighting, "
    "set design, costume design, choreography, music, title song, soundtrack, narration",
    "stretch": "opening, prologue, first scene, first hour, first act, middle section, second act, "
    "long introduction",
    "person": "brother, sister, father, mother, uncle, aunt, cousin, grandmother, daughter, boss, "
    "neighbour, teacher, dentist, hairdresser, flatmate, best friend",
    "crowd": "most critics, most newspapers, many reviewers, some viewers, my friends, "
    "my colleagues, my students, two radio hosts",
    "source": "book, stage play, trailer, poster, sequel, television series, short story, "
    "first version",
    "genre": "comedy, drama, thriller, western, musical, mystery, war film, crime film",
    "kind": "film, movie, picture, story, comedy, drama, thriller, show",
    "hero": "retired clockmaker, young nurse, night porter, widowed farmer, nervous pianist, "
    "country doctor, lorry driver, school librarian, former boxer, island postman, taxi driver, "
    "court painter, violin teacher, railway inspector, bankrupt baker, runaway prince",
    "quest": "inherits a lighthouse, looks for a lost letter, adopts a talking parrot, "
    "wakes up a century later, hides a stranger in the attic, joins a travelling circus, "
    "takes a job at a grand hotel, finds a map in a piano, returns to a flooded village, "
    "learns to dance at seventy, steals a painting by accident, crosses the desert on foot",
    "place": "Lisbon, Prague, Dublin, a small harbour town, a mountain village, the far north, "
    "a mining town, a desert outpost, wartime London, a suburb of Chicago, Buenos Aires, Kyoto",
    "occasion": "last night, on a rainy Sunday, at a matinee, on a long flight, at a festival, "
    "during the holidays, at the local cinema, in an open-air theatre, on a tiny screen, "
    "at a midnight screening, over the weekend, on my birthday",
}

# Contrasts: the main clause, the whole, the writer's own view or the later view decides.
CONTRASTS = """
I expected to {other verb} it, but the {part} made me {this verb} it.
I came to {other verb} the {part} and stayed to {this verb} it.
I used to {other verb} the {part}; now I {this verb} it.
I now {this verb} a film that, because of the {part}, I used to {other verb}.
My {person} may {other verb} it, but I {this verb} it.
Those who {this verb} the {part} are right, and those who {other verb} it are not.
It may sound {other adjective}, but thanks to the {part} it is {this adjective}.
The {part} is {other adjective}, but the film as a whole is {this adjective}.
The film as a whole is {this adjective}, but the {part} is {other adjective} at times.
Although the {part} is {other adjective}, the film is {this adjective}.
The film is {this adjective}, although the {part} is {other adjective}.
Despite the {other adjective} {part}, this is a {this adjective} picture.
This is a {this adjective} movie despite the {other adjective} {part}.
However {other adjective} the {stretch} may be, the rest is {this adjective}.
The {other adjective} {part} changes nothing: the film is {this adjective}.
After the {other adjective} {stretch}, the {part} turned out to be {this adjective}.
Far from being {other adjective}, the {part} is {this adjective}.
The {part} is {this adjective} rather than {other adjective}.
The {part} could have been {other adjective}; instead it is {this adjective}.
For every {other adjective} minute of the {stretch} there are ten {this adjective} ones.
There are ten {this adjective} scenes for every {other adjective} one in the {stretch}.
{other adjective}? Not the {part} and not the film, for both are {this adjective}.
Is the {part} {other adjective}? No, it is {this adjective}!
A year ago I called the {part} {other adjective}; today I find it {this adjective}.
The {source} led me to expect a {other adjective} film; I saw a {this adjective} one.
The {source} suggested a {other noun}, and what we get is a {this noun}.
We get a {this noun}, where the {source} suggested a {other noun}.
What starts as a {other noun} becomes, with the help of the {part}, a {this noun}.
{crowd} called it a {other noun}; to me it was a {this noun}.
To me it was a {this noun}; {crowd} called it a {other noun}.
Where {crowd} saw a {other noun}, I saw a {this noun}.
I saw a {this noun} where {crowd} saw a {other noun}.
My {person} was {other feeling}, but the {part} left me {this feeling}.
I was {this feeling}, although my {person} was {other feeling}.
We walked in {other feeling} by the {source} and walked out {this feeling}.
"""

# Pairs: a plain sentence and, indented, one that turns its word around.
PAIRS = """
In the end the {part} managed to {this effect} the film.
    Not even the {part} managed to {other effect} the film.
The {stretch} alone is enough to {this effect} it.
    The {stretch} does too little to {other effect} it.
I found the {part} {this adjective} both times I saw it.
    At no point did I find the {part} {other adjective}.
The {part} never stops being {this adjective}.
    The {part} never comes close to being {other adjective}.
Nobody can deny that the {part} is {this adjective}.
    Nobody can claim that the {part} is {other adjective}.
The {part} is every bit as {this adjective} as {crowd} say.
    The {part} is not nearly as {other adjective} as {crowd} say.
Call the {part} {this adjective} and I will not argue.
    Call the {part} {other adjective} and I will argue all night.
Only a stubborn person would not call the {part} {this adjective}.
    Only a stubborn person would call the {part} {other adjective}.
Take away the {part} and the film would still be {this adjective}.
    Take away the {part} and the film would still not be {other adjective}.
If you think that the {part} is {this adjective}, you are right.
    If you think that the {part} is {other adjective}, you saw another film.
It was impossible not to {this verb} the {part}.
    It was impossible to {other verb} the {part}.
I understand perfectly why {crowd} {this verb} it.
    I do not understand at all why {crowd} {other verb} it.
There is a lot about the {part} that I {this verb}.
    There is nothing about the {part} that I {other verb}.
The {part} left me {this feeling} again and again.
    The {part} did not leave me {other feeling} for a single minute.
I left the cinema {this feeling}, mostly because of the {part}.
    I was anything but {other feeling} when I left, mostly because of the {part}.
My {person} called it a {this noun}, and I agree.
    My {person} called it a {other noun}, and I disagree.
My {person} thinks that it is a {this noun}, and so do I.
    My {person} thinks that it is a {other noun}, but I do not.
My {person} doubted that it would be a {this noun} and was proved wrong.
    My {person} doubted that it would be a {other noun} and was proved right.
My {person} predicted a {this noun} and was proved right.
    My {person} predicted a {other noun} and was proved wrong.
Listen to the people who call the {part} a {this noun}.
    Do not listen to the people who call the {part} a {other noun}.
The film is {this comparative} than the {source}.
    The {source} is {other comparative} than the film.
I have never seen a {this comparative} {genre}.
    I have seen many a {other comparative} {genre}.
The {part} gets {this comparative} with every scene.
    I kept waiting for the {part} to get {other comparative}, and it never did.
"""

# Pairs as short as people are when they are asked how it was.
SHORT = """
I {this past} it.
    I never {other past} it.
I {this past} this {kind}.
    I cannot say that I {other past} this {kind}.
I really {this past} the {part}.
    I never really {other past} the {part}.
I did {this verb} the {part}.
    I did not {other verb} the {part}.
Everyone {this past} the {part}.
    Nobody {other past} the {part}.
{this quality} {kind}.
    Not a {other quality} {kind}.
A {this quality} {kind} with a {this adjective} ending.
    Not a {other quality} {kind}, and not a {other adjective} ending.
What a {this quality} {kind}!
    Hardly a {other quality} {kind}!
The {part} was {this quality}.
    The {part} was not {other quality}.
It was {this quality}, above all the {part}.
    It was not {other quality} at all, least of all the {part}.
Very {this quality}, this {kind}.
    Not {other quality} at all, this {kind}.
The {this superlative} {kind} that I have ever seen.
    Far from the {other superlative} {kind} that I have ever seen.
One of the {this superlative} films of the year, thanks to the {part}.
    Not one of the {other superlative} films of the year, thanks to the {part}.
The {part} made me {this mood}.
    The {part} did not make me {other mood}.
I was {this feeling} by the {part}.
    I was never {other feeling} by the {part}.
I {this deed}, and my {person} did too.
    I never {other deed}, and nor did my {person}.
Everyone should {this wish} this {kind}.
    Nobody should {other wish} this {kind}.
I would {this wish} it any day, for the {part} alone.
    I would not {other wish} it, for the {part} alone.
Because of the {part} I {this deed}.
    Not even because of the {part} would I say that I {other deed}.
"""

# The families: a contrast alone, or the two sentences of a pair, drawn equally often.
SHORT_OPINIONS = re.findall(r"(.+)\n    (.+)", SHORT)
OPINIONS = [(line,) for line in CONTRASTS.strip().splitlines()]
OPINIONS += re.findall(r"(.+)\n    (.+)", PAIRS) + SHORT_OPINIONS

# Sentences without an opinion: how the film was seen, what it tells, and a last word.
VIEWINGS = [
    "I saw this {occasion} with my {person}.",
    "We watched it {occasion}.",
    "My {person} and I saw it {occasion}.",
    "My {person} chose this one, {occasion}.",
]
STORIES = [
    "A {hero} {quest}: that is the story.",
    "The film is about a {hero} who {quest}.",
    "It is set in {place}.",
    "This picture takes us to {place}, where a {hero} {quest}.",
    "In {place}, a {hero} {quest}.",
    "Shot in {place}, it follows a {hero} who {quest}.",
]
LAST_WORDS = [
    "I have now seen it twice, and my view has not changed.",
    "That is my view, and my {person} may have another.",
    "Next week we will see a {genre}.",
    "My {person} paid for the tickets.",
]


def generate(split):
    """The (text, label) pairs of a split; the labels, 0 negative and 1 positive, take turns."""
    if split not in SIZES:
        raise ValueError(f"unknown split {split!r}: the sample has {', '.join(SIZES)}")
    draw = random.Random(f"film reviews: {split}")
    reviews = {}
    while len(reviews) < SIZES[split]:
        label = len(reviews) % 2
        reviews.setdefault(write_review(label, REMAINDERS[split], draw), label)
    return list(reviews.items())


def write_review(label, remainders, draw):
    """One review: one to four opinions, often with something neutral before and after them.

    Every fourth is an answer to "How was it?": one or two short opinions and no more.
    """
    said = set()
    if draw.random() < 0.25:
        families = draw.sample(SHORT_OPINIONS, draw.choice([1, 1, 2]))
        sentences = [draw.choice(family) for family in families]
        return " ".join(fill(sentence, label, remainders, said, draw) for sentence in sentences)
    opinions = draw.sample(OPINIONS, draw.choice([1, 1, 1, 2, 2, 2, 2, 3, 3, 4]))
    sentences = [draw.choice(family) for family in opinions]
    if draw.random() < 0.8 / len(opinions):
        sentences.insert(0, draw.choice(STORIES))
    if draw.random() < 0.3:
        sentences.insert(0, draw.choice(VIEWINGS))
    if draw.random() < 0.15:
        sentences.append(draw.choice(LAST_WORDS))
    return " ".join(fill(sentence, label, remainders, said, draw) for sentence in sentences)


def fill(sentence, label, remainders, said, draw):
    """The sentence with a word in each slot, and with its article and capital letter set right.

    Words already `said` in the review are avoided: no part of the film is praised, then blamed.
    """
    slots = sorted(re.findall(r"{(.+?)}", sentence), key=lambda slot: slot not in PLAIN)
    words, total = {}, 0
    for slot in slots:
        choices = numbered = words_for(slot, label)
        if slot is slots[-1]:  # the word that brings the sum to one of the split's remainders
            choices = numbered[(draw.choice(remainders) - total) % 8 :: 8]
        words[slot] = draw.choice([word for word in choices if word not in said] or choices)
        total += numbered.index(words[slot])
        said.add(words[slot])
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", sentence.format_map(words))
    text = text.replace("_", " ")
    return text[0].upper() + text[1:]


@functools.cache
def words_for(slot, label):
    """The words that a slot takes in a review with this label, in the order of their numbers."""
    if slot in PLAIN:
        return PLAIN[slot].split(", ")
    side, kind = slot.split()
    return SIDED[kind][label if side == "this" else 1 - label].split()
