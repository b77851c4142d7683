"""The mock in process: requests that would go to the real host reach a sandbox instead."""
import functools
import threading

from mockserver import worlds
from mockserver.app import App
from mockserver.sandbox import Sandbox
from mockserver.serving import wsgi
from mockserver.serving.intercept import intercept

ORIGIN = "https://flagship-api.cofactr.com"


class Mock:
    """A fresh sandbox behind the real API's address, for as long as the `with` block lasts.

        with Mock() as mock:
            requests.get(f"{mock.url}/v1/boms/", headers={"Authorization": f"Api-Key {mock.api_key}"})

    Calls of requests, urllib3, httpx and aiohttp to `origin` are answered in this process, without a
    socket; other hosts are left alone. `fixtures` is the name of a fixture or the path of a YAML file.
    """

    def __init__(self, fixtures="default", seed: int | None = None, origin: str = ORIGIN):
        self.url = origin.rstrip("/")
        self.sandbox = Sandbox(worlds.load(fixtures, seed))
        self._blocks = threading.local()

    @property
    def api_key(self) -> str:
        """The first key of the fixture; in those that come with the mock, an Admin's."""
        return next(iter(self.sandbox.store["api_key"]))["key"]

    def __enter__(self) -> "Mock":
        block = intercept(self.answer, [self.url])
        block.__enter__()
        self._stack().append(block)
        return self

    def __exit__(self, *exc_info) -> None:
        self._stack().pop().__exit__(*exc_info)

    def answer(self, method, url, headers, body) -> wsgi.Answer:
        """What the sandbox answers to one request."""
        return wsgi.call(self._wsgi, method, url, headers, body)

    def _wsgi(self, environ, start_response):
        environ["mockserver.sandbox"] = self.sandbox
        return shared_app().wsgi_app(environ, start_response)

    def _stack(self):
        if not hasattr(self._blocks, "stack"):
            self._blocks.stack = []
        return self._blocks.stack


@functools.cache
def shared_app() -> App:
    """The one app of the process: it holds no state, each request brings its sandbox."""
    return App(Sandbox(worlds.load("empty")))
