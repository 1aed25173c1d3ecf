"""The client against a site on this machine that misbehaves in every way; the real site is never asked."""

import datetime
import email.utils
import socket
import time

import pytest

from fsa_data import __version__
from fsa_data.sources.tpdne_client import LEAST_BYTES, MOST_BYTES, NoPictureError, download
from tests.sources.misbehaving_site import Site, drop, picture, redirect, refuse, serve

GOOD = picture(7)


def ask(site, retries=2, timeout_s=2.0):
    """What comes back, and the waits in between."""
    waits = []
    return download(site.address, timeout_s, retries, sleep=waits.append), waits


def trouble(*script, retries=0, timeout_s=2.0):
    """What is told of a site that follows this script, how often it was asked, and the waits in between."""
    waits = []
    with Site(*script) as site, pytest.raises(NoPictureError) as told:
        download(site.address, timeout_s, retries, sleep=waits.append)
    return str(told.value), len(site.asked), waits


def test_a_picture_comes_as_it_is_and_the_site_is_told_who_asks():
    with Site(serve(GOOD)) as site:
        got, waits = ask(site)
    assert (got.data, got.kind, got.content_type, got.address) == (GOOD, "jpg", "image/jpeg", site.address)
    assert waits == []
    ((_, agent),) = site.asked
    assert agent.startswith(f"fsa-data/{__version__} (")


def test_a_png_whatever_the_server_calls_it():
    data = picture(7, ending=".png")
    with Site(serve(data, "image/jpeg", say_length=False), serve(data, "application/octet-stream")) as site:
        assert [ask(site)[0].kind for _ in range(2)] == ["png", "png"]


@pytest.mark.parametrize("code", [429, 500, 503, 408])
def test_what_may_pass_is_tried_again_after_twice_the_wait_each_time(code):
    with Site(refuse(code), refuse(code), serve(GOOD)) as site:
        got, waits = ask(site)
    assert got.data == GOOD
    assert waits == [1.0, 2.0]


def test_retry_after_is_honoured_as_seconds_and_as_a_date():
    in_half_a_minute = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    date = email.utils.format_datetime(in_half_a_minute, usegmt=True)
    script = refuse(429, Retry_After="7"), refuse(503, Retry_After=date), refuse(429, Retry_After="soon"), serve(GOOD)
    with Site(*script) as site:
        _, waits = ask(site, retries=3)
    assert waits[0] == 7
    assert 27 < waits[1] <= 30
    assert waits[2] == 4.0  # cannot be understood: the usual one


def test_a_retry_after_that_is_too_long_ends_it():
    told, asked, waits = trouble(refuse(429, Retry_After="86400"), retries=5)
    assert told == "answers 429 Too Many Requests and asks to wait 86400 s"
    assert (asked, waits) == (1, [])


def test_tries_end():
    told, asked, waits = trouble(*[refuse(500)] * 9, retries=3)
    assert told == "answers 500 Internal Server Error, 4 times"
    assert (asked, waits) == (4, [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (refuse(403), "answers 403 Forbidden"),
        (refuse(404), "answers 404 Not Found"),
        (serve(b"<!DOCTYPE html>" + b" " * 20000, "text/html"), "answers with text/html, not with a picture"),
        (serve(b"<!DOCTYPE html>" + b" " * 20000), r"neither JPEG nor PNG \(it begins with b'<!DOCTYPE ht'\)"),
        (serve(GOOD, "text/html"), "answers with text/html"),
        (serve(b"GIF89a" + GOOD[6:]), "neither JPEG nor PNG"),
        (serve(picture(1, size=32)), f"fewer than a photo has .{LEAST_BYTES:,}."),
        (serve(GOOD, length=MOST_BYTES + 1), f"answers with {MOST_BYTES + 1:,} bytes, more than a picture has"),
        (redirect("http://example.org/gone"), "redirects to http://example.org, which is not followed"),
        (redirect("http://localhost:9/"), "redirects to http://localhost:9, which is not followed"),
        (redirect("ftp://127.0.0.1/a.jpg"), "not followed|not allowed|302"),
        (redirect("file:///etc/passwd"), "not followed|not allowed|302"),
    ],
)
def test_what_will_not_pass_is_told_at_once(entry, message):
    with Site(entry) as site, pytest.raises(NoPictureError, match=message):
        ask(site, retries=5)
    assert len(site.asked) == 1


def test_an_endless_answer_is_cut():
    with Site() as site:
        site.script = [site.endless]
        with pytest.raises(NoPictureError, match="answers with more bytes than a picture has"):
            ask(site)


@pytest.mark.parametrize("way", ["hang", "stall", "drip"])
def test_an_answer_that_does_not_end_in_time_is_given_up_and_asked_for_again(way):
    with Site() as site:
        site.script = [getattr(site, way), serve(GOOD)]
        started = time.monotonic()
        got, waits = ask(site, timeout_s=0.3)
        assert time.monotonic() - started < 3
        assert (got.data, waits) == (GOOD, [1.0])
        site.script = [getattr(site, way)]
        with pytest.raises(NoPictureError, match=r"does not answer within 0.3 s$"):
            ask(site, retries=0, timeout_s=0.3)


@pytest.mark.parametrize(
    "entry", [drop, serve(GOOD[:-500], length=len(GOOD)), serve(GOOD[:-500], say_length=False), serve(b"")]
)
def test_a_connection_that_breaks_off_is_made_again(entry):
    with Site(entry, serve(GOOD)) as site:
        assert ask(site)[0].data == GOOD
    assert "breaks off" in trouble(entry)[0]


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(code):
    with Site(redirect("/image", code), serve(GOOD)) as site:
        got, _ = ask(site)
        assert got.address == f"{site.address}image"
    assert [path for path, _ in site.asked] == ["/", "/image"]


def test_redirects_in_a_circle_end():
    told, asked, _ = trouble(*[redirect("/")] * 40)
    assert "302" in told
    assert asked < 15


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(NoPictureError, match="refuses the connection, 2 times"):
            download(address, 1.0, 1, sleep=lambda _: None)


def test_no_network(monkeypatch):
    def nowhere(*args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(NoPictureError, match=r"cannot be found \(Temporary failure.*is there a network\?"):
        download("https://site.invalid/", 1.0, 5, sleep=None)


def test_another_machine_is_out_of_reach_of_the_tests():
    """What keeps every test here from the real site: no name is looked up, no socket leaves this machine."""
    with pytest.raises(AssertionError, match=r"asked for the address of 'thispersondoesnotexist.com'"):
        download("https://thispersondoesnotexist.com/", 1.0, 0)
    with socket.socket() as out, pytest.raises(OSError, match="a test tried to reach"):
        out.connect(("192.0.2.1", 80))
