"""What a request is refused with, worded as Django REST framework words it."""

import contextlib


class Problem(Exception):
    """A refusal: `status`, a JSON `body` and the `headers` that go with it."""

    status = 400
    detail = "Malformed request."
    headers: dict[str, str] = {}

    def __init__(self, detail=None, **headers: str):
        self.body = detail if isinstance(detail, (dict, list)) else {"detail": detail or self.detail}
        if headers:
            self.headers = self.headers | headers
        super().__init__(self.body)

    @property
    def sentence(self) -> str:
        """What is wrong in one text: the detail, or each message with the path of the value that it is about."""
        if isinstance(self.body, dict) and isinstance(self.body.get("detail"), str):
            return self.body["detail"]
        return "; ".join(f"{path}: {message}" for path, message in _messages(self.body))


def _messages(body, path=""):
    if isinstance(body, dict):
        for key, item in body.items():
            yield from _messages(item, f"{path}.{key}" if path else key)
    elif isinstance(body, list):
        for number, item in enumerate(body):
            if isinstance(item, dict):
                yield from _messages(item, f"{path}[{number}]")
            else:
                yield path, item


class Invalid(Problem):
    """400: `{"field": ["…"]}`, nested and indexed as the body was."""

    @classmethod
    @contextlib.contextmanager
    def under(cls, name: str, index: int, count: int):
        """What is wrong with one of `count` items is told under the field `name`, in the item's place."""
        try:
            yield
        except cls as problem:
            items = [problem.body if number == index else {} for number in range(count)]
            raise cls({name: items}) from None


class NotAuthenticated(Problem):
    status, detail = 401, "Authentication credentials were not provided."
    headers = {"WWW-Authenticate": "Api-Key"}


class PermissionDenied(Problem):
    status, detail = 403, "You do not have permission to perform this action."


class NotFound(Problem):
    status, detail = 404, "Not found."


class Conflict(Problem):
    """409: the request is sound, the state it meets refuses it."""

    status, detail = 409, "The state of the record does not allow this."


class TooLarge(Problem):
    status, detail = 413, "The request body is too large."


class UnsupportedMediaType(Problem):
    status = 415

    def __init__(self, content_type: str | None):
        super().__init__(f'Unsupported media type "{content_type or ""}" in request.')
