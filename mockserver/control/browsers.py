"""What keeps pages of others out of the control plane, and out of frames around its own."""

from collections.abc import Mapping
from urllib.parse import urlsplit

# Swagger UI has a script and styles within its page.
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def foreign_page(environ: Mapping[str, str]) -> str | None:
    """Whose page a call comes from, in words, if it comes from a page of somebody else; None otherwise.

    Browsers mark calls with `Origin` and `Sec-Fetch-Site`. An origin of another scheme or port is another's.
    """
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and not _same(origin, environ["wsgi.url_scheme"], environ.get("HTTP_HOST", "")):
        return f"pages of {origin}"
    if environ.get("HTTP_SEC_FETCH_SITE", "none").lower() in ("cross-site", "same-site"):
        return "pages of other sites"
    return None


def secured(response):
    """The response, for a browser to show as it is meant and nowhere else."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _same(origin: str, scheme: str, host: str) -> bool:
    try:
        given, own = urlsplit(origin), urlsplit(f"{scheme}://{host}")
        ports = {"http": 80, "https": 443}
        return bool(given.hostname) and (given.scheme, given.hostname, given.port or ports.get(given.scheme)) == (
            own.scheme,
            own.hostname,
            own.port or ports.get(own.scheme),
        )
    except ValueError:
        return False
