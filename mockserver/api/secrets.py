"""What in a call is a secret: told by names of headers, parameters and fields, and by the look of a text."""

import functools
import json
import re
from urllib.parse import quote, quote_plus, unquote_plus

REDACTED = "REDACTED"

_WORDS = frozenset(
    [
        "apikey",
        "apikeys",
        "assertion",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "csrf",
        "cvc",
        "cvv",
        "dsn",
        "hmac",
        "jwt",
        "key",
        "keys",
        "otp",
        "pass",
        "passcode",
        "passphrase",
        "passwd",
        "password",
        "passwords",
        "pwd",
        "secret",
        "secrets",
        "session",
        "sessionid",
        "sid",
        "sig",
        "signature",
        "token",
        "tokens",
        "totp",
        "xsrf",
    ]
)
# Words run together, as in `clientsecret`.
_PART = re.compile(
    r"apikey|secret|passw|passphrase|tokens?$|jwt|[cx]srf|(?:private|access|auth|account)key"
    r"|sess(?:ion)?id|signature|credential|connectionstring|databaseurl|(?:recovery|backup|verification|security)code"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
# Names that have such a word and tell nothing.
_HARMLESS = frozenset({"idempotency-key", "sec-websocket-key", "token_type", "key_type"})
# In a query or a form: what an authorization server hands out there.
_PARAMETERS = frozenset({"code", "sig", "ticket", "samlresponse", "samlrequest", "client_assertion", "code_verifier"})

_SHAPES = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"  # a JSON Web Token
    r"|\b[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b"  # a key of this API
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}\b|\bgh[pousr]_\w{36,}|\bgithub_pat_\w{22,}|\bglpat-[\w-]{20,}"
    r"|\bxox[abprs]-[\w-]{10,}|\b[srp]k_(?:live|test)_\w{10,}"
    r"|(?<=hooks\.slack\.com/services/)[\w/]+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# The text behind a scheme has a digit or the padding of base64: `Basic information` is none.
_CREDENTIALS = re.compile(r"(?i)\b(Bearer|Basic|Api-Key|Digest|Negotiate)(\s+)(?=\S*[\d=])([\w.~+/=-]{8,})")
_USER_INFO = re.compile(r"(?<=://)([^/\s@\"'<>?#]+)(?=@)")
_SAID = re.compile(r"(?i)\b((?:pass(?:word|wd|phrase)|pwd|secret|token|api[-_ ]?key)\"?\s*:\s*\"?)([^\s,;\"']{4,})")
_PARAMETER = re.compile(r"(^|[?&;#\s]|%3F|%26|%23)([\w.\-\[\]]+)=([^&;#\s\"'<>\\]+)")
_ESCAPED_PARAMETER = re.compile(
    r"(^|[?&;#\s]|%3F|%26|%23)([\w.\-\[\]]+)%3D((?:(?!%26|%23)[^&;#\s\"'<>\\])+)", re.IGNORECASE
)
# Words that may be the value of a `key` and are all over a document.
_COMMON = re.compile(r"[A-Za-z]?[a-z_ -]{0,14}")


@functools.lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether a header, parameter or field of this name holds a secret."""
    lower = name.lower()
    if lower in _HARMLESS:
        return False
    return any(word.lower() in _WORDS for word in _WORD.findall(name)) or bool(
        _PART.search(re.sub(r"[^a-z]", "", lower))
    )


@functools.lru_cache(4096)
def is_secret_parameter(name: str) -> bool:
    """The same for a parameter of a query or a form, where more names do."""
    return name.lower() in _PARAMETERS or is_secret(name)


def without_secrets(text: str, secrets: set[str] | None = None) -> str:
    """The text with `REDACTED` in the place of what looks like a secret in it: tokens and keys of a known form,
    credentials behind their scheme, the user in an address, and parameters of secret names, also where an address
    holds another. They are added to `secrets`."""
    secrets = set() if secrets is None else secrets

    def hidden(found: re.Match, group: int = 0) -> str:
        secrets.add(found[group])
        return REDACTED

    def parameter(found: re.Match) -> str:
        before, value = found[0][: len(found[0]) - len(found[3])], found[3]
        plain = unquote_plus(value)
        if value == REDACTED:
            return found[0]
        if is_secret_parameter(found[2]):
            secrets.update({value, plain})
            return before + REDACTED
        shown = plain if plain == value else without_secrets(plain, secrets)  # an address in an address
        return found[0] if shown == plain else before + quote(shown, safe="")

    text = _SHAPES.sub(hidden, text)
    text = _CREDENTIALS.sub(lambda found: found[1] + found[2] + hidden(found, 3), text)
    if ":" in text:
        text = _SAID.sub(lambda found: found[1] + hidden(found, 2), text)
        text = _USER_INFO.sub(hidden, text)
    if "%" in text:
        text = _ESCAPED_PARAMETER.sub(parameter, text)
    return _PARAMETER.sub(parameter, text) if "=" in text else text


def hider(secrets: set[str]):
    """A function that takes the secrets out of a text or bytes, however they are escaped. Short ones and common words
    stay: they would be found in too much."""
    found = {
        form
        for secret in secrets
        if len(secret) >= 8 and secret != REDACTED and not _COMMON.fullmatch(secret)
        for form in (secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
    }
    ordered = sorted(found, key=len, reverse=True)

    def hide(value):
        for secret in ordered:
            if isinstance(value, bytes):
                value = value.replace(secret.encode("utf-8", "replace"), REDACTED.encode())
            else:
                value = value.replace(secret, REDACTED)
        return value

    return hide
