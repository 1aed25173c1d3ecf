"""Small pieces of HTML: everything that comes from outside is escaped, nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape as escape

CSS = """
:root { color-scheme: light; --ink: #1a202c; --soft: #4a5568; --line: #e2e8f0; --wash: #f7fafc; --blue: #2b6cb0; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.2rem; color: var(--ink); background: #fff;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .4rem 0 .6rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
.soft, figcaption, caption { color: var(--soft); font-size: .9rem; }
.note { border-left: 4px solid #dd6b20; background: #fffaf0; padding: .6rem .9rem; max-width: 46rem; margin: .8rem 0; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; margin: .4rem 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0 .4rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { background: var(--wash); font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
td.text, th.text { text-align: left; }
.headline td { font-size: 1.1rem; }
.headline td.main { font-weight: 700; color: var(--blue); }
figure { margin: .6rem 0 1.2rem; }
figure img { max-width: 100%; height: auto; display: block; }
.scroll figure img.wide { max-width: none; width: 46rem; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: .8rem; }
.gallery figure { margin: 0; }
.gallery img { width: 100%; border-radius: 4px; }
pre { background: var(--wash); border: 1px solid var(--line); padding: .8rem; overflow-x: auto; font-size: .82rem; }
details > summary { cursor: pointer; color: var(--blue); }
@media (max-width: 34rem) { body { padding: .8rem; font-size: 15px; } th, td { padding: .28rem .45rem; } }
@media print { body { max-width: none; padding: 0; font-size: 10pt; } .scroll { overflow: visible; }
  .scroll figure img.wide { width: 100%; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; }
  pre { white-space: pre-wrap; } }
"""


class Number(str):
    """Text that stands right like a number, e.g. ``0.71 ± 0.08``."""

    __slots__ = ()


def page(title: str, body: str) -> str:
    """A complete document."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # An empty icon keeps browsers from asking a server for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A headed section; empty if it has no part."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; ``kind`` is a CSS class."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = "", kind: str = "", main: int = -1
) -> str:
    """A table in a box that scrolls sideways on small screens.

    Args:
        header: column names.
        rows: cells; floats get three digits, None a dash, strings stand left.
        caption: what is shown.
        kind: CSS class.
        main: column that is set off.
    """
    lines = [list(row) for row in rows]
    left = {number for line in lines for number, value in enumerate(line) if _is_text(value)}
    head = "".join(
        f'<th scope="col"{_class("text" if number in left else "")}>{escape(name)}</th>'
        for number, name in enumerate(header)
    )
    body = "".join(
        f"<tr>{''.join(_cell(value, number == main) for number, value in enumerate(line))}</tr>\n" for line in lines
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table{_class(kind)}>{title}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def image(data: bytes, media_type: str, alt: str, caption: str = "", *, wide: bool = False) -> str:
    """An embedded picture; a wide one keeps its width on small screens, in a box that scrolls."""
    uri = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    text = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    figure = f'<figure><img{_class("wide" if wide else "")} src="{uri}" alt="{escape(alt)}">{text}</figure>'
    return f'<div class="scroll">{figure}</div>' if wide else figure


def preformatted(text: str, summary: str = "") -> str:
    """Text as it is; folded under a summary if there is one."""
    block = f"<pre>{escape(text)}</pre>"
    return f"<details><summary>{escape(summary)}</summary>{block}</details>" if summary else block


def _cell(value: object, main: bool) -> str:
    if value is None:
        text = "–"
    elif isinstance(value, float):
        text = f"{value:.3f}"
    else:
        text = escape(str(value))
    kind = " ".join(k for k in ("text" if _is_text(value) else "", "main" if main else "") if k)
    return f"<td{_class(kind)}>{text}</td>"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
