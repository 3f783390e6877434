"""Subwords: pieces between characters and words, learned from the training split alone.

Byte pair encoding: begin with characters and merge the pair of neighbouring pieces that is most
frequent, until there are as many pieces as were asked for. A space belongs to the piece behind it,
so that joining pieces gives the text back, and a character that no piece has is written in UTF-8
bytes: any text can be encoded.

R. Sennrich, B. Haddow and A. Birch, "Neural machine translation of rare words with subword units",
ACL 2016; the work is done by SentencePiece (T. Kudo and J. Richardson, EMNLP 2018).
"""

import io
import itertools
import random
import re
import unicodedata

from shared.errors import UserError

PADDING, UNKNOWN, START, STOP = 0, 1, 2, 3
SPACE = "▁"  # SentencePiece's sign for the space before a word
LONGEST_PIECE = 16  # characters, SentencePiece's own limit
LEARNED_FROM = 2**24  # characters
WORDS = 2**17  # different words of which `sample` keeps how they are cut


def learn(texts, size, option="--vocabulary-size"):
    """Learn at most `size` pieces from texts; fewer where the texts don't have that many.

    The same texts and size give the same pieces, byte for byte. SentencePiece keeps in memory what
    it learns from. So of texts of more than `LEARNED_FROM` characters in all it gets every second
    one, or third, or as few as are needed.

    Args:
        texts: strings, of the training split only: a list, or `Texts` on disk.
        size: how many pieces, the four special ones and the 256 bytes included.
        option: what to name where the size is too small.

    Returns:
        A `sentencepiece.SentencePieceProcessor`.

    Raises:
        UserError: where fewer pieces than characters and bytes are asked for.
    """
    import sentencepiece

    every = -(-sum(map(len, texts)) // LEARNED_FROM)
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=map(_normalize, itertools.islice(texts, 0, None, max(1, every))),
            model_writer=written,
            model_type="bpe",
            vocab_size=size,
            hard_vocab_limit=False,
            byte_fallback=True,
            split_digits=True,  # numbers are read digit by digit
            normalization_rule_name="identity",  # what is in the data comes out as it is
            pad_id=PADDING,
            unk_id=UNKNOWN,
            bos_id=START,
            eos_id=STOP,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        needed = re.search(r"required_chars\. \d+ vs (\d+)", str(error))
        if needed is None:
            raise UserError(f"No subwords can be learned from these texts: {error}") from error
        raise UserError(
            f"{option} {size} is too small to encode the texts: their characters, the bytes and "
            f"four special pieces alone are {needed[1]}. Give more."
        ) from error
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


def encode(pieces, texts, max_length=None):
    """Texts to lists of piece ids, at most `max_length` of them; a text of nothing has none."""
    if max_length is None:
        return pieces.encode([_normalize(text) for text in texts])
    # What can't be among the pieces read is not even cut into pieces.
    texts = [_normalize(text[: max_length * LONGEST_PIECE * 2]) for text in texts]
    return [ids[:max_length] for ids in pieces.encode(texts)]


def sample(pieces, texts, dropout, seed, ways=4):
    """Texts to lists of piece ids, where merges are left out at random.

    A network that sees a word cut in different ways learns what the pieces mean: I. Provilkov,
    D. Emelianenko and E. Voita, "BPE-dropout: simple and effective subword regularization", ACL
    2020. SentencePiece has it, too, but draws differently in each process whatever the seed.

    Args:
        pieces: as from `learn`.
        texts: iterable of strings.
        dropout: the share of possible merges that is left out at each step.
        seed: int or string; the same seed draws the same.
        ways: in how many ways, drawn anew in each call, a word may be cut. Beyond the first `WORDS`
            different words, each is cut anew wherever it stands.

    Yields:
        Lists of ids; with a dropout of 0 what `encode` returns.
    """
    draw = random.Random(seed)
    ids = {pieces.id_to_piece(i): i for i in range(pieces.vocab_size())}
    cuts = {}
    for text in texts:
        found = []
        for word in filter(None, _normalize(text).split(" ")):
            if word in cuts:
                found += cuts[word][int(ways * draw.random())]
            elif len(cuts) < WORDS:
                cuts[word] = [_cut(SPACE + word, ids, dropout, draw) for _ in range(ways)]
                found += cuts[word][int(ways * draw.random())]
            else:
                found += _cut(SPACE + word, ids, dropout, draw)
        yield found


def _cut(word, ids, dropout, draw):
    """One word to its ids: of the merges that are not left out, always the one learned first."""
    parts = list(word)
    while True:
        merges = [
            (ids[left + right], place)
            for place, (left, right) in enumerate(itertools.pairwise(parts))
            if left + right in ids and draw.random() >= dropout
        ]
        if not merges:
            break
        _, place = min(merges)  # pieces have their numbers in the order in which they were learned
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
    found = []
    for part in parts:
        found += [ids[part]] if part in ids else [ids[f"<0x{byte:02X}>"] for byte in part.encode()]
    return tuple(found)  # which takes less memory


def decode(pieces, ids):
    """Piece ids back to text."""
    return pieces.decode([int(i) for i in ids])


def to_bytes(pieces):
    """The pieces as the bytes of a SentencePiece model."""
    return pieces.serialized_model_proto()


def load(path):
    """Read a file of what `to_bytes` gives.

    Raises:
        UserError: where the file is absent or damaged.
    """
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor()
    try:
        pieces.load_from_serialized_proto(path.read_bytes())
        [pieces.id_to_piece(i) for i in range(pieces.vocab_size())]  # as text
    except OSError as error:
        raise UserError(f"Can't read the subwords {path}: {error.strerror}.") from error
    except (RuntimeError, ValueError) as error:  # the latter for what is no UTF-8
        raise UserError(f"The subwords {path} are damaged. Train again.") from error
    return pieces


def _normalize(text):
    """One form for letters with accents, which some systems write as two characters."""
    return unicodedata.normalize("NFC", text)
