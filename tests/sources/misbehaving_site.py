"""A site on this machine that serves pictures, and misbehaves in every way that a site can."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


def picture(number, size=256, ending=".jpg", quality=92):
    """Bytes of a picture with a face-like amount of detail; every number is another picture."""
    blobs = np.random.default_rng(number).integers(0, 256, (24, 24, 3)).astype(np.uint8)
    image = cv2.resize(blobs, (size, size), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(ending, image, [cv2.IMWRITE_JPEG_QUALITY, quality] if ending == ".jpg" else [])[1].tobytes()


class Site:
    """Answers requests by a script, one entry each; when that ends, with a new picture every time.

    An entry is a function of the handler; see the functions below.
    """

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []  # path and User-Agent of every request
        self.number = 1000
        self.over = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.path, self.headers.get("User-Agent", "")))
                entry = site.script.pop(0) if site.script else site.fresh
                with contextlib.suppress(ConnectionError):
                    entry(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def fresh(self, handler):
        """A picture that was not served before."""
        self.number += 1
        serve(picture(self.number))(handler)

    def hang(self, handler):
        """Say nothing."""
        self.over.wait(5)

    def stall(self, handler):
        """Say half of it, and nothing more."""
        data = picture(1)
        _head(handler, 200, {"Content-Type": "image/jpeg", "Content-Length": str(len(data))})
        handler.wfile.write(data[: len(data) // 2])
        handler.wfile.flush()
        self.over.wait(5)

    def drip(self, handler):
        """A little at a time, each in time, for ever."""
        _head(handler, 200, {"Content-Type": "image/jpeg"})
        handler.wfile.write(picture(1)[:-64])
        while not self.over.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    def endless(self, handler):
        """As fast as it can, for ever, without saying how much."""
        _head(handler, 200, {"Content-Type": "image/jpeg"})
        handler.wfile.write(picture(1)[:-64])
        while not self.over.is_set():
            handler.wfile.write(bytes(1 << 16))

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def _head(handler, code, headers):
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def serve(data, content_type="image/jpeg", say_length=True, length=None):
    """Serve these bytes; ``length`` is what is said of them if that is not the truth."""

    def answer(handler):
        said = {"Content-Length": str(len(data) if length is None else length)} if say_length else {}
        _head(handler, 200, {"Content-Type": content_type, **said})
        handler.wfile.write(data)

    return answer


def refuse(code, **headers):
    """An error with headers such as ``Retry_After``."""

    def answer(handler):
        _head(handler, code, {name.replace("_", "-"): value for name, value in headers.items()})
        handler.wfile.write(b"<html>no</html>")

    return answer


def redirect(to, code=302):
    return refuse(code, Location=to)


def drop(handler):
    """Hang up without an answer."""
    handler.connection.close()
