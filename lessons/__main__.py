"""`python -m lessons`: write the book, `runs/lessons/index.html`."""

import importlib
import logging
import time
from pathlib import Path

from shared.backend import load_keras
from shared.errors import errors_in_one_line

HERE = Path(__file__).parent
BOOK = Path("runs/lessons")


def main():
    names = sorted(path.stem for path in HERE.glob("lesson_*.py"))
    with errors_in_one_line():
        load_keras()

    from lessons import page

    # It warns of functions that are traced anew for each shape: here each has a few calls only.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    BOOK.mkdir(parents=True, exist_ok=True)
    lessons = []
    for place, name in enumerate(names):
        begun = time.perf_counter()
        lessons.append(importlib.import_module(f"lessons.{name}").build(BOOK))
        file = page.write_page(BOOK, names, place, lessons[-1])
        print(f"{BOOK / file}  {time.perf_counter() - begun:.0f} s", flush=True)
    page.write_index(BOOK, names, lessons)
    print(f"The book: {BOOK / 'index.html'}")


if __name__ == "__main__":
    main()
