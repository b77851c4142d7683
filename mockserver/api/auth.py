"""Who calls: the sandbox an API key opens, and the key's record in it."""

import datetime as dt
import hmac

from mockserver.api.problems import NotAuthenticated
from mockserver.sandbox.clock import moment

KEYWORD = "Api-Key "
LAST_USED_STEP = dt.timedelta(minutes=1)  # how exact `last_used_at` is: not every read should be a write


def secret_of(authorization: str | None) -> str:
    """Return the key in an `Authorization: Api-Key <key>` header; the word is case-sensitive. NotAuthenticated."""
    if not authorization:
        raise NotAuthenticated
    if not authorization.startswith(KEYWORD):
        raise NotAuthenticated(
            'The Authorization header should read "Api-Key <key>". The word Api-Key is case-sensitive.'
        )
    return authorization[len(KEYWORD) :].strip()


def prefix_of(secret: str) -> str:
    """Return the part of a key before its point, by which its sandbox is found."""
    return secret.partition(".")[0]


def authenticate(sandbox, secret: str, substitute=None) -> dict:
    """Return the record of a key in a sandbox. NotAuthenticated when there is none, or it has expired.

    A key of the sandbox `substitute` stands for the key in the same place here, whose id is another when the seed is.
    """
    key = known(sandbox, secret)
    if key is None and substitute is not None and (other := known(substitute, secret)):
        pairs = zip(substitute.store["api_key"], sandbox.store["api_key"], strict=False)
        key = next((here for there, here in pairs if there["id"] == other["id"]), None)
    if key is None:
        raise NotAuthenticated("Invalid API key.")
    if key["expires_at"] and moment(key["expires_at"]) <= sandbox.clock.now():
        raise NotAuthenticated("This API key has expired.")
    return key


def known(sandbox, secret: str) -> dict | None:
    for key in sandbox.store["api_key"].where("prefix", prefix_of(secret)):
        if hmac.compare_digest(key["key"].encode(), secret.encode("utf-8", "surrogatepass")):
            return key
    return None


def touch(sandbox, key: dict) -> dict:
    """Note that the key is in use."""
    now = sandbox.clock.now()
    if key["last_used_at"] is None or abs(now - moment(key["last_used_at"])) >= LAST_USED_STEP:
        key = sandbox.store.replace("api_key", {**key, "last_used_at": sandbox.clock.stamp()})
    return key
