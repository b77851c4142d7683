"""Prints each request of a contract run: `python requests_sent.py SEED [MODULE …]`, with these modules loaded."""

import importlib
import io
import re
import sys

from mockserver.app import App
from mockserver.conformance import selftest
from mockserver.sandbox import Sandbox


def main(seed, *modules):
    for module in modules:
        importlib.import_module(module)
    app = App(Sandbox(selftest.well_filled()))
    serve = app.wsgi_app

    def watched(environ, start_response):
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        names = sorted(name for name in environ if name.startswith("HTTP_"))
        sent = [environ[name] for name in ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", *names)]
        # Werkzeug puts the time into the boundary between the parts of a form.
        print(re.sub(r"WerkzeugFormPart_[0-9.]+", "", repr((sent, environ.get("CONTENT_TYPE"), body))))
        return serve({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    app.wsgi_app = watched
    selftest.run(app, seed=int(seed), tags=["Stock Documents", "Supplier Quotes", "Tags"], max_examples=10)


if __name__ == "__main__":
    main(*sys.argv[1:])
