"""The chapter, executed: one module per idea, which computes with `shared.layers` and draws.

`make lessons` writes the book, `runs/lessons/index.html`. A lesson is a module `lesson_NN_name.py`
with a function `build(folder)` that returns a `page.Lesson`; where its figure moves, a file
`lesson_NN_name.js` beside it says how. There is no list: a module that is there is in the book.
"""
