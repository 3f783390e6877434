"""A lesson's page as its tests use it: written, and its controls moved."""

from lessons.page import write_page


def written(folder, lesson):
    """Write the page of a lesson's module alone, and return its path."""
    name = lesson.__name__.split(".")[-1]
    return folder / write_page(folder, [name], 0, lesson.build(folder))


def move(browser, label, value):
    """Move the slider of that label, as a reader does."""
    slider = browser.find_element("css selector", f'input[aria-label="{label}"]')
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
        slider,
        value,
    )


def choose(browser, label, option):
    """Choose an option of the list of that label."""
    from selenium.webdriver.support.ui import Select

    for found in browser.find_elements("css selector", "label"):
        if found.text.startswith(label):
            Select(found.find_element("tag name", "select")).select_by_visible_text(option)
            return
    raise AssertionError(f"there is no list called {label}")


def values(browser, selector):
    """The numbers, unrounded, of all elements that a selector finds."""
    found = browser.find_elements("css selector", selector)
    return [float(element.get_attribute("data-value")) for element in found]
