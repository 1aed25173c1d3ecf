"""The report in a real browser, where there is one: nothing is asked of a network, nothing is too wide for a phone."""

import http.server
import shutil
import subprocess
import threading

import pytest

from fsa_data.evaluate import gather, write_comparison
from tests.evaluate.test_comparison_report import write_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the report is not opened in one")
MEASURE = "<script>document.title = [innerWidth, document.documentElement.scrollWidth].join(' ')</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    runs = [write_run(folder / name, name, skill, 10 * n) for n, (name, skill) in enumerate(
        (("real_only", 0.5), ("hybrid", 0.9), ("face_blur", 0.6)))]  # fmt: skip
    return write_comparison(gather(runs), folder / "out")


def test_only_the_page_itself_is_asked_for(report):
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(report.parent))

        def log_message(self, *args):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = browse(f"http://127.0.0.1:{server.server_port}/report.html")
        server.shutdown()
    assert asked == ["/report.html"]
    assert "hybrid is better than real_only" in text


@pytest.mark.parametrize("width", [500, 1000])
def test_the_page_is_not_wider_than_the_window(report, width):
    page = report.with_name(f"measured-{width}.html")
    page.write_text(report.read_text(encoding="utf-8").replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    text = browse(page.as_uri(), f"--window-size={width},900")
    inner, needed = map(int, text[text.index("<title>") + 7 : text.index("</title>")].split())
    assert needed <= inner


def browse(address, *more):
    """What the browser makes of a page."""
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *more, "--dump-dom", address]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout
