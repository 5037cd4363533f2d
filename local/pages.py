"""Plain HTML pages of the local cloud: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape

from aiohttp import web

_HEADERS = {
    # The sign-in form is answered by a redirect to the console, which may run on a port of its own.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'self' http://127.0.0.1:* http://localhost:*"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem; }
button { font: inherit; padding: .5rem 1rem; min-width: 20rem; text-align: start; cursor: pointer; }
td { padding: .2rem 1.5rem .2rem 0; overflow-wrap: anywhere; }
"""


def page(title: str, body: str) -> web.Response:
    """Return a whole page; `title` is escaped here, `body` is HTML whose values were escaped before."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


def status_page(links: tuple[tuple[str, str], ...]) -> web.Response:
    """Return the page at / of the front door: what runs, and where."""
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(url)}</td></tr>" for name, url in links)
    hint = "<p>Tokens and keys for these are in <code>.local/endpoints.json</code>.</p>"
    return page("Billing, running here", f"<table>{rows}</table>{hint}")
