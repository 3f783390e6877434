"""Pages opened as a reader opens them, in a browser without a window."""

import shutil
from pathlib import Path

import pytest

FLAGS = (
    *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
    *("disable-background-networking", "disable-component-update", "disable-sync"),
    "hide-scrollbars",
)
DESKTOP, PHONE = (1280, 900), (390, 844)  # pixels


@pytest.fixture(scope="session")
def chromium():
    """A driver of Chromium; tests that need it are skipped where it isn't installed."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture
def open_page(chromium):
    """Function (path, size=DESKTOP) that opens a page and returns the driver.

    When the test is over, the page must have had nothing to complain of and asked for nothing.
    """
    import json

    def open_page(path, size=DESKTOP):
        chromium.set_window_size(*size)
        chromium.get(path.resolve().as_uri())
        return chromium

    yield open_page
    complaints = [entry for entry in chromium.get_log("browser") if entry["level"] != "INFO"]
    assert not complaints
    messages = [
        json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")
    ]
    asked = [
        m["params"]["request"]["url"]
        for m in messages
        if m["method"] == "Network.requestWillBeSent"
    ]
    assert all(url.startswith(("file:", "data:")) for url in asked), asked


def complaints(browser):
    """What is wrong with the page that is open, in the light and in the dark: a list of strings.

    Text of too little contrast (below 4.5, and below 3 for marks, WCAG 2.1 level AA), what is wider
    than the window and not in a place that scrolls, pictures without alternative text, controls
    without a label.
    """
    script = Path(__file__).with_name("complaints.js").read_text(encoding="utf-8")
    found = []
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        found += [f"{scheme}, {each}" for each in browser.execute_script(script)]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    return found
