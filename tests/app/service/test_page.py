"""The page in headless Chromium: spectra in, table, detail, keyboard, downloads; whole at 400 px and in the dark."""

import shutil
from types import SimpleNamespace

import pytest

from tests.app.service.conftest import finished, running, send
from tests.conftest import ladder

ROWS = 5_000
ROWS_IN_VIEW = 80


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, service):
    """Opens the page; at the end nothing may have been asked of another host, and nothing complained of."""
    seen = SimpleNamespace(requests=[], complaints=[])
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light", url: str = service.url):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=service.url)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(120_000)
        tab.on("request", lambda request: seen.requests.append(request.url))
        tab.on("console", lambda message: seen.complaints.append(message.text))
        tab.on("pageerror", lambda error: seen.complaints.append(str(error)))
        tab.goto(url)
        return tab

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in seen.requests if not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:"))] == []
    assert [text for text in seen.complaints if "401" not in text] == []


def drop(tab, path) -> None:
    """Put a file in, as dropping and choosing one do."""
    tab.set_input_files("#file", path)
    tab.wait_for_selector(".tiles")
    tab.wait_for_selector("#job-cancel", state="hidden")


def is_whole(tab) -> bool:
    return tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_file_a_table_a_detail(open_page, mgf, width, scheme):
    tab = open_page(width, scheme)
    assert is_whole(tab)
    drop(tab, mgf)
    assert is_whole(tab)
    assert tab.locator(".line").count() == 3
    assert tab.locator("#detail h2").inner_text() == "three.mgf:0"
    assert "PEPTLDEK" in tab.locator(".facts").inner_text()
    assert tab.locator(".figure svg line.peak").count() > 10
    # text that can be read on what lies behind it (WCAG 2: 4.5 to 1)
    contrast = tab.evaluate(
        """() => {
            const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
                .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const pairs = [...document.querySelectorAll(".face, .letters span")].map((node) => getComputedStyle(node));
            return Math.min(...pairs.map((style) => {
                const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
                return (a + 0.05) / (b + 0.05);
            }));
        }"""
    )
    assert contrast >= 4.5


def test_the_table_is_used_by_keyboard(open_page, mgf):
    tab = open_page()
    drop(tab, mgf)
    grid = tab.get_by_role("grid")
    grid.focus()
    for key, number in (("ArrowDown", 1), ("End", 2), ("ArrowUp", 1), ("Home", 0), ("PageDown", 2)):
        tab.keyboard.press(key)
        tab.locator("#detail h2", has_text=f"three.mgf:{number}").wait_for()
        assert tab.locator('[aria-selected="true"]').get_attribute("id") == f"row-{number}"
        assert grid.get_attribute("aria-activedescendant") == f"row-{number}"
    outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_slider_walks_through_the_steps(open_page, mgf):
    tab = open_page()
    drop(tab, mgf)
    slider = tab.get_by_role("slider", name="Refinement step")
    stops = int(slider.get_attribute("max"))
    assert stops >= 5  # four steps and the answer
    slider.focus()
    tab.keyboard.press("Home")
    assert tab.locator("#step-says").inner_text().startswith(f"Step 1 of {stops - 1}")
    assert tab.locator(".tiles.plain").count() == 1  # confidence is told of the answer alone
    tab.keyboard.press("End")
    assert tab.locator("#step-says").inner_text().startswith("Answer")
    assert "%" in tab.locator("#step-says").inner_text()
    assert tab.locator(".tiles.plain").count() == 0
    tab.get_by_role("button", name="Play").click()
    tab.get_by_role("button", name="Pause").wait_for()
    tab.locator("#step-says", has_text="Answer").wait_for()


def test_filter_sort_copy_and_downloads(open_page, mgf):
    tab = open_page()
    drop(tab, mgf)
    tab.get_by_role("searchbox").fill("three.mgf:2")
    assert tab.locator(".line").count() == 1
    assert tab.locator("#shown").inner_text() == "1 of 3"
    tab.get_by_role("searchbox").fill("nothing like it")
    assert "No spectrum fits" in tab.locator("#table").inner_text()
    tab.get_by_role("searchbox").fill("")
    tab.get_by_role("button", name="m/z").click()
    shown = [float(text) for text in tab.locator(".line > :nth-child(4)").all_inner_texts()]
    assert shown == sorted(shown) and len(shown) == 3
    assert tab.locator('[role="columnheader"]').nth(3).get_attribute("aria-sort") == "ascending"
    for name, start in (("mzTab", "MTD\tmzTab-version"), ("CSV", "spectrum_id,")):
        with tab.expect_download() as download:
            tab.get_by_role("button", name=name, exact=True).click()
        assert download.value.path().read_text().startswith(start)
    tab.get_by_role("button", name="Copy peptide").click()
    tab.get_by_role("button", name="Copied").wait_for()


def test_pasted_peaks_and_what_is_wrong_with_them(open_page):
    tab = open_page()
    spectrum = ladder("SAMPLER")
    button = tab.get_by_role("button", name="Sequence")
    button.click()
    assert "precursor m/z is missing" in tab.get_by_role("alert").inner_text()
    tab.get_by_label("Precursor m/z").fill(str(spectrum.precursor_mz))
    tab.get_by_label("Peaks").fill("100.5 12\nnonsense here")
    button.click()
    assert "This is no peak: nonsense here" in tab.get_by_role("alert").inner_text()
    tab.get_by_label("Peaks").fill("\n".join(f"{mz}\t1000" for mz in spectrum.mz))
    button.click()
    tab.wait_for_selector(".tiles")
    assert tab.locator(".line").count() == 1


def test_a_file_that_is_none_is_told_and_its_name_is_text(open_page, tmp_path):
    tab = open_page()
    path = tmp_path / "<img src=x onerror=alert(1)>.mgf"
    path.write_text("hello")
    tab.set_input_files("#file", path)
    tab.locator("#alert", has_text="no known format").wait_for()
    assert tab.locator("main img").count() == 0
    tab.get_by_role("button", name="New spectra").click()
    assert tab.get_by_role("button", name="Try the example").is_visible()


def test_thousands_of_rows_are_a_few_elements(open_page, service):
    one = b"BEGIN IONS\nPEPMASS=500\nCHARGE=2+\n200 1\n300 2\nEND IONS\n"
    job_id = send(service.client, one * ROWS, "many.mgf", steps=1)["id"]
    finished(service.client, job_id)
    tab = open_page(url=f"{service.url}/#{job_id}")
    grid = tab.locator(f'.grid[aria-rowcount="{ROWS + 1}"]')
    grid.wait_for()
    assert 5 < tab.locator(".line").count() < ROWS_IN_VIEW
    grid.focus()
    tab.keyboard.press("End")
    tab.wait_for_selector(f"#row-{ROWS - 1}")
    tab.locator("#detail h2", has_text=f"many.mgf:{ROWS - 1}").wait_for()
    assert tab.locator(".line").count() < ROWS_IN_VIEW


def test_a_key_is_asked_for_once(open_page, sequencer, mgf):
    with running(sequencer, keys=["a-key-that-is-long-enough"]) as guarded:
        tab = open_page(url=guarded.url)
        tab.get_by_role("textbox", name="Key").fill("a-key-that-is-long-enough")
        tab.get_by_role("button", name="Go on").click()
        drop(tab, mgf)
        tab.reload()
        tab.wait_for_selector(".tiles")  # the address names the job, the session keeps the key
