"""APIs at a URL to be tested: a mock, in a sandbox made for it, or a real deployment, whose lists tell what
there is to read."""

import contextlib
import os
import re
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from urllib.parse import quote

from mockserver.contract import documents

PATIENCE = 15  # seconds for one answer
PAUSE = 0.5  # between two requests to a deployment
PARENTS = 2  # records whose own lists are read


class Unreachable(Exception):
    """The API does not answer, or refuses the key; says what to do."""


@contextlib.contextmanager
def mock(url: str, token: str | None) -> Iterator[dict[str, t.Any] | None]:
    """What `testing.run` needs to know of the mock at a URL, in a sandbox of its own that goes when this
    ends.

    None when no mock answers there. Raises Unreachable when nothing does, or the control plane wants another
    token.
    """
    import requests

    with requests.Session() as session:
        control = f"{url}/__mock__"

        def call(method, path, **kwargs):
            try:
                return session.request(method, control + path, timeout=PATIENCE, **kwargs)
            except requests.RequestException as error:
                raise Unreachable(
                    f"{url} does not answer: {_reason(error)}. Is it running, and is this its address?"
                ) from None

        health = call("GET", "/health", allow_redirects=False)
        if health.status_code != 200 or "operations" not in _json(health):
            yield None
            return
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        made = call("POST", "/sandboxes", json={"name": f"contract-test-{os.getpid()}"})
        if made.status_code != 201:
            raise Unreachable(
                f"The mock at {url} gave no sandbox to test in: "
                f"{_json(made).get('detail', made.status_code)} "
                "A server with a --control-token wants it in MOCKSERVER_CONTROL_TOKEN here, too."
            )
        sandbox = made.json()
        own = f"/sandboxes/{quote(sandbox['name'])}"
        try:
            app = SimpleNamespace(sandbox=_mirrored(call("GET", f"{own}/export").json()), operations=_operations())
            yield {
                "document": call("GET", "/openapi.json").json(),
                "key": sandbox["api_keys"][0]["key"],
                "reset": lambda: call("POST", f"{own}/reset"),
                **_references(app),
            }
        finally:
            call("DELETE", own)


def deployment(url: str, document: Mapping, headers: Mapping[str, str]) -> dict[str, t.Any]:
    """What `testing.run` needs to know of a real API: ids that its lists show. Only reads, slowly."""
    import requests

    with requests.Session() as session:
        session.headers.update(headers)

        def get(path):
            time.sleep(PAUSE)
            try:
                return session.get(url + path, timeout=PATIENCE)
            except requests.RequestException as error:
                raise Unreachable(f"{url} does not answer: {_reason(error)}.") from None

        paths = gathered(document, get)
    parameters = {place.name: re.findall(r"{([^{}]+)}", place.path) for place in documents.places(document)}
    by_kind = {names[-1].removesuffix("_id"): [path[names[-1]] for path in found] for names, found in paths.items()}
    return {
        "reference_ids": lambda kind, path: by_kind.get(kind, []),
        "reference_paths": lambda operation: paths.get(tuple(parameters[operation]), []),
    }


def gathered(document: Mapping, get: Callable) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """Path parameters of records, by their names, as the lists of an API show them: {("bom_id",): [{"bom_id":
    …}, …]}.

    `get` takes a path and gives a response as requests does.
    """
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    gets = [place for place in documents.places(document) if place.method == "GET"]
    for place in sorted(gets, key=lambda place: place.path.count("{")):
        above = tuple(re.findall(r"{([^{}]+)}", place.path))
        names = next(
            (
                tuple(re.findall(r"{([^{}]+)}", other.path))
                for other in documents.places(document)
                if re.fullmatch(re.escape(place.path) + r"{[^{}]+}/?", other.path)
            ),
            None,
        )
        if names is None or names in found:
            continue
        for parent in found.get(above, [])[:PARENTS] if above else [{}]:
            answer = get(place.path.format_map({name: quote(value, safe="") for name, value in parent.items()}))
            if answer.status_code in (401, 403) and not found:
                raise Unreachable(
                    f"{place.method} {place.path} answered {answer.status_code}: "
                    "is COFACTR_API_KEY a key of this deployment?"
                )
            listed = _json(answer)
            records = listed.get("results", []) if isinstance(listed, dict) else listed
            found.setdefault(names, []).extend(
                {**parent, names[-1]: record["id"]}
                for record in records
                if isinstance(record, dict) and isinstance(record.get("id"), str)
            )
    return found


def _references(app):
    from mockserver.conformance import selftest

    return {
        "reference_ids": lambda kind, path: selftest.reference_ids(app.sandbox, kind, path),
        "reference_paths": lambda operation: selftest.reference_paths(app, operation),
    }


def _mirrored(exported):
    """The sandbox as it is after a reset, here."""
    from mockserver import worlds
    from mockserver.admin import state
    from mockserver.sandbox import Sandbox

    sandbox = Sandbox(worlds.load("default"))
    state.load(sandbox, exported)
    return sandbox


def _operations():
    from mockserver import resources

    return resources.operations()


def _json(answer):
    try:
        value = answer.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict | list) else {}


def _reason(error):
    name = type(error).__name__.removesuffix("Error")
    return "no connection" if name == "Connection" else name
