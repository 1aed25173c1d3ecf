"""One picture from an address that serves another one each time: polite, bounded, suspicious.

Every answer is read with a limit of time and size, and believed only if it says that it is a picture, begins like one
and is complete. What may pass (an overloaded server, a lost connection) is tried again, each time after twice the wait;
what will not (a refusal, a web page in place of a picture, another host) is told at once.
"""

from __future__ import annotations

import email.utils
import http.client
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fsa_data._version import __version__
from fsa_data.frames.media import is_cut_off

USER_AGENT = f"fsa-data/{__version__} (face-swap data augmentation for research; Python urllib)"
"""Says who asks; the site refuses requests that do not."""

LEAST_BYTES, MOST_BYTES = 8 << 10, 10 << 20
"""A face of 1024 x 1024 pixels takes some hundred kilobytes."""

BACKOFF_S = 1.0
"""Wait before the first further try; doubled before each that follows."""

MOST_WAIT_S = 120.0
"""A server that asks for a longer wait than this is left alone."""

MAGIC = {"jpg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n"}
"""How a file of a kind begins."""

_TRANSIENT = (408, 425, 429)
_CHUNK = 64 << 10


class NoPictureError(Exception):
    """What came back instead of a picture, and whether asking again may help.

    Args:
        text: continues a sentence that begins with the address.
        again: whether it may.
        wait_s: how long the server asks to wait; None if it does not say.
    """

    def __init__(self, text: str, again: bool = False, wait_s: float | None = None) -> None:
        super().__init__(text)
        self.again, self.wait_s = again, wait_s


@dataclass(frozen=True, slots=True)
class Download:
    """What an address gave.

    Attributes:
        data: the complete file; not decoded yet.
        kind: key of :data:`MAGIC`.
        content_type: by the server's word.
        address: where it came from, after redirects.
    """

    data: bytes
    kind: str
    content_type: str
    address: str


def download(
    address: str,
    timeout_s: float,
    retries: int,
    before: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Download:
    """Ask until a picture comes, or it is clear that none will.

    Args:
        address: ``http://`` or ``https://``.
        timeout_s: limit of one answer, from the connection to the last byte.
        retries: further tries after the first.
        before: called before each request.
        sleep: waits this many seconds.

    Raises:
        NoPictureError: says what came back.
    """
    for attempt in range(retries + 1):
        before()
        try:
            return _ask(address, timeout_s)
        except NoPictureError as error:
            if not error.again:
                raise
            if attempt == retries:
                raise NoPictureError(f"{error}, {retries + 1} times" if retries else str(error)) from error
            wait_s = BACKOFF_S * 2**attempt if error.wait_s is None else error.wait_s
            if wait_s > MOST_WAIT_S:
                raise NoPictureError(f"{error} and asks to wait {wait_s:.0f} s") from error
            sleep(wait_s)
    raise AssertionError("unreachable")


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect within a host only; an address that was sold or closed leads elsewhere."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        upgraded = (old.scheme, new.scheme) == ("http", "https") and old.port is None and new.port is None
        if old.hostname != new.hostname or not (upgraded or (old.scheme, old.port) == (new.scheme, new.port)):
            raise NoPictureError(f"redirects to {new.scheme}://{new.netloc}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _ask(address: str, timeout_s: float) -> Download:
    """One request.

    Raises:
        NoPictureError: anything but a complete picture.
    """
    request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT, "Accept": "image/jpeg, image/png"})
    until = time.monotonic() + timeout_s
    try:
        with urllib.request.build_opener(_SameHost()).open(request, timeout=timeout_s) as answer:
            content_type = answer.headers.get_content_type()
            return Download(*_picture(answer, content_type, until), content_type, answer.geturl())
    except urllib.error.HTTPError as error:
        error.close()
        again = error.code in _TRANSIENT or error.code >= 500
        wait_s = _retry_after(error.headers.get("Retry-After", "")) if again else None
        raise NoPictureError(f"answers {error.code} {error.reason}", again, wait_s) from error
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise _lost(getattr(error, "reason", error), timeout_s) from error


def _picture(answer: Any, content_type: str, until: float) -> tuple[bytes, str]:
    if not content_type.startswith("image/") and content_type != "application/octet-stream":
        raise NoPictureError(f"answers with {content_type}, not with a picture")
    said = answer.headers.get("Content-Length", "")
    length = int(said) if said.isdecimal() else None
    if length is not None and length > MOST_BYTES:
        raise NoPictureError(f"answers with {length:,} bytes, more than a picture has ({MOST_BYTES:,})")
    read = bytearray()
    while piece := answer.read1(_CHUNK):
        read += piece
        if len(read) > MOST_BYTES:
            raise NoPictureError(f"answers with more bytes than a picture has ({MOST_BYTES:,})")
        if time.monotonic() > until:
            raise TimeoutError
    data = bytes(read)
    kind = next((kind for kind, magic in MAGIC.items() if data.startswith(magic)), "")
    if data and not kind:
        raise NoPictureError(f"answers with {content_type} that is neither JPEG nor PNG (it begins with {data[:12]!r})")
    if not data or (length is not None and len(data) < length) or is_cut_off(data):
        raise NoPictureError(f"breaks off after {len(data):,} of {said or 'an unknown number of'} bytes", again=True)
    if len(data) < LEAST_BYTES:
        raise NoPictureError(f"answers with {len(data):,} bytes, fewer than a photo has ({LEAST_BYTES:,})")
    return data, kind


def _lost(reason: object, timeout_s: float) -> NoPictureError:
    """A connection that came to nothing."""
    if isinstance(reason, TimeoutError):
        return NoPictureError(f"does not answer within {timeout_s:g} s", again=True)
    if isinstance(reason, socket.gaierror):
        return NoPictureError(f"cannot be found ({reason.strerror}); is there a network?")
    if isinstance(reason, ConnectionRefusedError):
        return NoPictureError("refuses the connection", again=True)
    if isinstance(reason, ConnectionError | http.client.IncompleteRead):
        return NoPictureError(f"breaks off ({type(reason).__name__})", again=True)
    return NoPictureError(f"cannot be reached ({reason})")


def _retry_after(text: str) -> float | None:
    """Seconds that ``Retry-After`` (RFC 9110, section 10.2.3) asks for: a number, or a date."""
    if text.strip().isdecimal():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
