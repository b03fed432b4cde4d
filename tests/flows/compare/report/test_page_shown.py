"""The page of the committed record in Chromium: how large it is, what the first screen shows, contrast and colours."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from flows.compare.record.comparison import Comparison
from flows.compare.report.page.document import render_page
from flows.compare.report.readme import MEASURED
from tests.deployments.browser import Browser, running_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers
Colour = tuple[float, float, float]  # red, green and blue, from 0 to 1

WIDTH, HEIGHT, SCREENS, PAGES, BYTES = 1280, 900, 12, 6, 600_000
PHONE = (390, 844)
READABLE = 4.5  # of WCAG AA, for text of any size
DISTINCT, CLEAR = 10, 25  # least difference of two colours, and of stuck and failed, in CIE Lab
BLINDNESS = {  # of Machado, Oliveira and Fernandes 2009, severity 1.0: rows of a matrix on linear RGB
    "none": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TEXTS = """JSON.stringify([...document.querySelectorAll('main *')].filter(element => element.checkVisibility()
    && [...element.childNodes].some(node => node.nodeType == 3 && node.data.trim())).map(element => {
  let behind = element;
  const ground = () => getComputedStyle(behind).backgroundColor;
  while (behind && ground() == 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const style = getComputedStyle(element);
  return [element.innerText || element.textContent, element instanceof SVGElement ? style.fill : style.color,
          behind ? ground() : 'rgb(255, 255, 255)'];
}))"""


@pytest.fixture(scope="module")
def page() -> str:
    """The page of the committed record."""
    return render_page(Comparison.model_validate_json(MEASURED.read_bytes()))


@pytest.fixture(scope="module")
def browser(page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with the page open."""
    path = tmp_path_factory.mktemp("chromium") / "report.html"
    path.write_text(page, encoding="utf-8")
    with running_browser() as browser:
        browser.open(path.as_uri())
        browser.wait_for("The scenarios and their evidence")
        yield browser


def test_it_is_small(page: str) -> None:
    """All evidence fits in 600 KB."""
    assert len(page.encode()) <= BYTES


def test_it_opens_in_few_screens(browser: Browser) -> None:
    """As it opens, with the evidence folded."""
    _show(browser, WIDTH)
    assert _number(browser, "document.documentElement.scrollHeight") <= SCREENS * HEIGHT


def test_it_prints_on_few_pages(browser: Browser) -> None:
    """As it opens, on A4."""
    _show(browser, WIDTH)
    printed = browser.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)["data"]
    assert len(re.findall(rb"/Type\s*/Page\b", b64decode(printed))) <= PAGES


@pytest.mark.parametrize("width", [1280, 840, PHONE[0], 360])
def test_nothing_is_to_the_right(browser: Browser, width: int) -> None:
    """At no width does the page scroll sideways, also with everything unfolded."""
    _show(browser, width)
    _fold(browser, open_=True)
    assert _number(browser, "document.documentElement.scrollWidth") <= width
    _fold(browser, open_=False)


def test_the_first_screen_has_answer_and_heat_map(browser: Browser) -> None:
    """On a desktop both as a whole; on a phone the whole answer and most of the map."""
    _show(browser, WIDTH)
    assert _edge(browser, ".questions", "bottom") <= HEIGHT
    assert _edge(browser, ".heat", "bottom") <= HEIGHT
    _show(browser, *PHONE)
    top, bottom = _edge(browser, ".heat", "top"), _edge(browser, ".heat", "bottom")
    assert _edge(browser, ".questions", "bottom") <= top
    assert top + 2 / 3 * (bottom - top) <= PHONE[1]


def test_a_link_unfolds_its_evidence(browser: Browser) -> None:
    """Each letter of the heat map leads to a row that is then to be seen."""
    _show(browser, WIDTH)
    link = browser.evaluate("document.querySelector('.heat td a').getAttribute('href')")
    browser.evaluate(f"location.hash = {json.dumps(link)}; ''")
    row = f"document.getElementById({json.dumps(link[1:])})"
    assert browser.evaluate(f"String({row}.checkVisibility())") == "true"
    assert 0 <= _number(browser, f"{row}.getBoundingClientRect().top") <= HEIGHT
    _fold(browser, open_=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_readable(browser: Browser, scheme: str) -> None:
    """All words, those of charts and cells too, contrast with what is behind them."""
    _show(browser, WIDTH, scheme=scheme)
    _fold(browser, open_=True)
    found = {(ink, ground): words for words, ink, ground in json.loads(browser.evaluate(TEXTS))}
    _fold(browser, open_=False)
    assert len(found) > 8  # the page, links, quiet words, verdicts
    low = {pair: words for pair, words in found.items() if _contrast(*map(_colour, pair)) < READABLE}
    assert low == {}


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_have_different_colours(browser: Browser, scheme: str, blindness: str) -> None:
    """Also for readers who see fewer colours; stuck is far from failed."""
    _show(browser, WIDTH, scheme=scheme)
    kinds = ("unaffected", "engine", "ours", "failed", "stuck", "wrong")
    script = "getComputedStyle(document.documentElement).getPropertyValue('--{}')"
    seen = {kind: _lab(_seen(_hex(browser.evaluate(script.format(kind))), blindness)) for kind in kinds}
    apart = {pair: _distance(seen[pair[0]], seen[pair[1]]) for pair in combinations(kinds, 2)}
    assert min(apart.values()) >= DISTINCT, apart
    assert apart["failed", "stuck"] >= CLEAR


def _show(browser: Browser, width: int, height: int = HEIGHT, *, scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", media="", features=features)
    phone = width < 500
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)


def _fold(browser: Browser, *, open_: bool) -> None:
    browser.evaluate(f"document.querySelectorAll('details').forEach(each => {{ each.open = {json.dumps(open_)} }}); ''")
    browser.evaluate("scrollTo(0, 0); ''")


def _number(browser: Browser, script: str) -> float:
    return float(browser.evaluate(f"String({script})"))


def _edge(browser: Browser, element: str, edge: str) -> float:
    return _number(browser, f"document.querySelector('{element}').getBoundingClientRect().{edge}")


def _colour(css: str) -> Colour:
    red, green, blue, *_ = (float(number) / 255 for number in re.findall(r"[\d.]+", css))
    return red, green, blue


def _hex(css: str) -> Colour:
    digits = css.strip().removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _linear(colour: Colour) -> Colour:
    red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in colour)
    return red, green, blue


def _contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(_linear, (one, other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _seen(colour: Colour, blindness: str) -> Colour:
    """As linear RGB."""
    linear = _linear(colour)
    red, green, blue = (
        min(1, max(0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in BLINDNESS[blindness]
    )
    return red, green, blue


def _lab(linear: Colour) -> Colour:
    r, g, b = linear
    xyz = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505, 0.2126 * r + 0.7152 * g + 0.0722 * b, 0.0
    xyz = (xyz[0], xyz[1], (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089)
    x, y, z = (each ** (1 / 3) if each > 0.008856 else 7.787 * each + 16 / 116 for each in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _distance(one: Colour, other: Colour) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5)
