"""What all pages of the book have in common: contents, the way on, the lines of the code."""

import inspect

import pytest

from lessons import lesson_01_neuron_with_memory as first
from lessons import lesson_02_unrolled as second
from lessons import page
from tests.browser import DESKTOP, PHONE, complaints
from tests.conftest import ROOT

NAMES = [module.__name__.split(".")[-1] for module in (first, second)]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of a book of two lessons, which need no training."""
    folder = tmp_path_factory.mktemp("book")
    lessons = [module.build(folder) for module in (first, second)]
    for place, lesson in enumerate(lessons):
        page.write_page(folder, NAMES, place, lesson)
    page.write_index(folder, NAMES, lessons)
    return folder


def test_a_reader_walks_through_the_book(book, open_page):
    browser = open_page(book / "index.html")
    browser.find_element("link text", "A neuron with memory").click()
    assert browser.title.endswith("A neuron with memory")
    browser.find_element("link text", "Next").click()
    assert browser.title.endswith("Unrolled")
    assert not browser.find_elements("link text", "Next")
    browser.find_element("link text", "Back").click()
    browser.find_element("link text", "Contents").click()
    assert browser.current_url.endswith("index.html")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_contents_can_be_read(size, book, open_page):
    assert not complaints(open_page(book / "index.html", size))


def test_the_lines_shown_are_those_of_the_file():
    shown = page.passage(page.file_name)
    path, lines = shown["where"].split(", lines ")
    begin, end = map(int, lines.split(" to "))
    written = (ROOT / path).read_text().splitlines()[begin - 1 : end]
    assert shown["lines"].splitlines() == written
    assert shown["lines"] == inspect.getsource(page.file_name)


def test_no_text_in_the_data_can_end_its_element():
    assert "</script>" not in page.as_json({"text": "</script><b>"})
