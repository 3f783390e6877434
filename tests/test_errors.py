"""A UserError is one line that a person can read, whatever it shows of a file."""

from shared.errors import LONGEST, UserError


def test_line_ends_are_spaces():
    assert str(UserError("a.csv has the columns one\ntwo,\r\n\u2028three.")) == (
        "a.csv has the columns one two, three."
    )


def test_of_a_long_one_the_middle_is_left_out():
    message = str(
        UserError(f"a.csv: there is no split {'x' * 10**6!r}. Name each example's train.")
    )
    assert message.startswith("a.csv: there is no split 'xxx") and len(message) == LONGEST
    assert message.endswith("xxx'. Name each example's train.") and "x … x" in message
