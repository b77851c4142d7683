"""PostgreSQL values: how each type is read, printed, kept in SQLite, compared and answered as JSON.

In SQLite an integer is INTEGER, a boolean 0 or 1, a double REAL and all else TEXT: a numeric its decimal
digits, a timestamp ``YYYY-MM-DDTHH:MM:SS.ffffff`` in UTC (so that text order is time order), an interval
``months days microseconds``, json and arrays their JSON.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any, NamedTuple

MAX_DIGITS = 1000
EXACT = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation, Overflow])
ROUNDING = Context(prec=MAX_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation, Overflow])
EPOCH = datetime(1970, 1, 1)
DAY_US = 86_400_000_000

PG_NAMES = {
    "float": "double precision",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "json": "jsonb",
    "array": "text[]",
}


class QueryError(Exception):
    """A query that cannot be answered: the message is for the user, `field` names the input at fault."""

    def __init__(self, message: str, field: str = "sql") -> None:
        super().__init__(message)
        self.field = field


class Interval(NamedTuple):
    months: int
    days: int
    us: int

    @property
    def span(self) -> int:
        """Microseconds, a month counting 30 days: the order PostgreSQL gives intervals."""
        return self.us + (self.days + self.months * 30) * DAY_US

    def times(self, factor: Decimal) -> Interval:
        months = self.months * factor
        days = self.days * factor + (months - int(months)) * 30
        return Interval(int(months), int(days), _round(self.us * factor + (days - int(days)) * DAY_US))


def pg_name(type_: str) -> str:
    return f"{pg_name(type_[:-2])}[]" if type_.endswith("[]") else PG_NAMES.get(type_, type_)


def is_array(type_: str) -> bool:
    return type_ == "array" or type_.endswith("[]")


def element_type(type_: str) -> str:
    return "text" if type_ == "array" else type_[:-2]


# ------------------------------------------------------------------------------------------------ from text


def parse(type_: str, text: str) -> Any:
    """The Python value PostgreSQL's input function for `type_` reads in `text`."""
    if type_.endswith("[]"):
        return _parse_array(text, type_)
    try:
        return PARSERS[type_](text)
    except QueryError:
        raise
    except (ValueError, ArithmeticError, RecursionError):
        raise QueryError(f'invalid input syntax for type {pg_name(type_)}: "{text[:200]}"') from None


def _parse_integer(text: str) -> int:
    text = text.strip(" \t\n\r\f\v")
    if not re.fullmatch(r"[+-]?[0-9]{1,100}", text):
        raise ValueError(text)
    return check_integer(int(text))


def check_integer(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise QueryError("bigint out of range")
    return value


def _parse_numeric(text: str) -> Decimal:
    text = text.strip(" \t\n\r\f\v")
    if text.lower().lstrip("+-") in ("nan", "infinity", "inf"):
        raise QueryError(f"numeric {text} is not supported")
    if len(text) > MAX_DIGITS or not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?", text):
        raise ValueError(text)
    value = Decimal(text)
    if value.adjusted() > MAX_DIGITS // 2 or value.as_tuple().exponent < -MAX_DIGITS // 2:
        raise QueryError("value overflows numeric format")
    return Decimal(format(value, "f"))


def _parse_float(text: str) -> float:
    text = text.strip(" \t\n\r\f\v")
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise ValueError(text)
    return check_float(float(text))


def check_float(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        raise QueryError("value out of range: overflow")
    return value


def _parse_boolean(text: str) -> bool:
    word = text.strip(" \t\n\r\f\v").lower()
    if word and (word == "1" or "true".startswith(word) or "yes".startswith(word) or word == "on"):
        return True
    if word and (word == "0" or "false".startswith(word) or "no".startswith(word) or word in ("of", "off")):
        return False
    raise ValueError(text)


def _parse_uuid(text: str) -> str:
    body = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not re.fullmatch(r"[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}", body):
        raise ValueError(text)
    return str(uuid.UUID(body))


_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?"
    r" ?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


def _parse_timestamp(text: str, zoned: bool) -> datetime:
    match = _TIMESTAMP.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    value = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0))
    value += timedelta(seconds=int(second or 0), microseconds=round(float(f"0.{fraction or 0}") * 1e6))
    if zoned and zone and zone[0] in "+-":
        offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))
        value = value - offset if zone[0] == "+" else value + offset
    return value


_UNITS = {
    "microsecond": (0, 0, 1),
    "millisecond": (0, 0, 1000),
    "second": (0, 0, 1_000_000),
    "minute": (0, 0, 60_000_000),
    "hour": (0, 0, 3_600_000_000),
    "day": (0, 1, 0),
    "week": (0, 7, 0),
    "month": (1, 0, 0),
    "year": (12, 0, 0),
    "decade": (120, 0, 0),
    "century": (1200, 0, 0),
}
_UNIT_NAMES = {name: unit for unit in _UNITS for name in (unit, f"{unit}s")} | {
    **dict.fromkeys(["s", "sec", "secs"], "second"),
    **dict.fromkeys(["min", "mins", "m"], "minute"),
    **dict.fromkeys(["h", "hr", "hrs"], "hour"),
    **dict.fromkeys(["d"], "day"),
    **dict.fromkeys(["w"], "week"),
    **dict.fromkeys(["mon", "mons"], "month"),
    **dict.fromkeys(["y", "yr", "yrs"], "year"),
    **dict.fromkeys(["ms", "msec", "msecs"], "millisecond"),
    **dict.fromkeys(["us", "usec", "usecs"], "microsecond"),
    "centuries": "century",
}


def _parse_interval(text: str) -> Interval:
    words = re.sub(r"([0-9])([a-z])", r"\1 \2", text.strip().lower()).split()
    ago = words[-1:] == ["ago"]
    if ago:
        words.pop()
    total = Interval(0, 0, 0)
    while words:
        word = words.pop(0)
        clock = re.fullmatch(r"([+-]?)([0-9]{1,6}):([0-5][0-9])(?::([0-5][0-9](?:\.[0-9]{1,6})?))?", word)
        if clock:
            sign, hours, minutes, seconds = clock.groups()
            us = (int(hours) * 3600 + int(minutes) * 60) * 1_000_000 + int(Decimal(seconds or 0) * 1_000_000)
            part = Interval(0, 0, -us if sign == "-" else us)
        else:
            if not words or not re.fullmatch(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?", word):
                raise ValueError(text)
            name = _UNIT_NAMES.get(words.pop(0))
            if name is None:
                raise ValueError(text)
            unit = _UNITS[name]
            amount = Decimal(word)
            # A fraction of a year stays in whole months, as PostgreSQL has it.
            part = Interval(_round(unit[0] * amount), 0, 0) if unit[0] > 1 else Interval(*unit).times(amount)
        total = Interval(total.months + part.months, total.days + part.days, total.us + part.us)
    if text.strip() == "":
        raise ValueError(text)
    return Interval(-total.months, -total.days, -total.us) if ago else total


def _parse_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _parse_array(text: str, type_: str) -> list[Any]:
    body = text.strip()
    if not (body.startswith("{") and body.endswith("}")):
        raise QueryError(f'malformed array literal: "{text[:200]}"')
    if "{" in body[1:-1]:
        raise QueryError("multidimensional arrays are not supported")
    items = re.findall(r'\s*("(?:[^"\\]|\\.)*"|[^,"\\]*)\s*(?:,|$)', body[1:-1])
    if body[1:-1].strip() == "":
        return []
    # findall ends with one empty match at the end of the text.
    items = items[: _count_items(body[1:-1])]
    return [_array_item(item.strip(), type_[:-2], text) for item in items]


def _count_items(body: str) -> int:
    return len(re.sub(r'"(?:[^"\\]|\\.)*"', "", body).split(","))


def _array_item(item: str, type_: str, text: str) -> Any:
    if item.startswith('"'):
        return parse(type_, re.sub(r"\\(.)", r"\1", item[1:-1]))
    if not item:
        raise QueryError(f'malformed array literal: "{text[:200]}"')
    return None if item.upper() == "NULL" else parse(type_, item)


PARSERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "integer": _parse_integer,
    "numeric": _parse_numeric,
    "float": _parse_float,
    "boolean": _parse_boolean,
    "uuid": _parse_uuid,
    "date": lambda text: _parse_timestamp(text, zoned=False).date(),
    "timestamp": lambda text: _parse_timestamp(text, zoned=False),
    "timestamptz": lambda text: _parse_timestamp(text, zoned=True),
    "interval": _parse_interval,
    "json": _parse_json,
}


# -------------------------------------------------------------------------------------------------- to text


def show(type_: str, value: Any) -> str:
    """`value` as PostgreSQL prints it, the time zone being UTC."""
    if is_array(type_):
        return "{" + ",".join(_show_item(element_type(type_), item) for item in value) + "}"
    return SHOWERS[type_](value)


def _show_item(type_: str, value: Any) -> str:
    if value is None:
        return "NULL"
    text = show(type_, value)
    if text == "" or text.upper() == "NULL" or re.search(r'[{},"\\\s]', text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _show_float(value: float) -> str:
    text = repr(value)
    if "e" not in text and abs(value) >= 1e15:
        digits, _, _ = text.partition(".")
        sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
        mantissa = f"{digits[0]}.{digits[1:]}".rstrip("0").rstrip(".")
        return f"{sign}{mantissa}e+{len(digits) - 1}"
    return text.removesuffix(".0")


def _show_timestamp(value: datetime) -> str:
    return value.isoformat(" ").rstrip("0") if value.microsecond else value.isoformat(" ")


def show_interval(value: Interval) -> str:
    years, months = _divide(value.months, 12)
    parts = []
    negative_before = False
    for amount, name in ((years, "year"), (months, "mon"), (value.days, "day")):
        if amount:
            plus = "+" if negative_before and amount > 0 else ""
            parts.append(f"{plus}{amount} {name}{'' if amount == 1 else 's'}")
            negative_before = amount < 0
    if value.us or not parts:
        seconds, us = divmod(abs(value.us), 1_000_000)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        fraction = f".{us:06d}".rstrip("0") if us else ""
        sign = "-" if value.us < 0 else "+" if negative_before else ""
        parts.append(f"{sign}{clock}{fraction}")
    return " ".join(parts)


def show_json(value: Any) -> str:
    """JSON as jsonb prints it: keys by length, then by bytes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode("utf-8", "replace")), key))
        return "{" + ", ".join(f"{show_json(key)}: {show_json(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(show_json, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)


SHOWERS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "uuid": str,
    "integer": str,
    "numeric": lambda value: format(value, "f"),
    "float": _show_float,
    "boolean": lambda value: "true" if value else "false",
    "date": date.isoformat,
    "timestamp": _show_timestamp,
    "timestamptz": lambda value: f"{_show_timestamp(value)}+00",
    "interval": show_interval,
    "json": show_json,
}


# ------------------------------------------------------------------------------------------------ in SQLite


def encode(type_: str, value: Any) -> Any:
    """`value` as SQLite keeps it."""
    if value is None:
        return None
    if is_array(type_):
        return json.dumps([encode(element_type(type_), item) for item in value], ensure_ascii=False)
    return ENCODERS[type_](value)


def decode(type_: str, stored: Any) -> Any:
    """The Python value behind what SQLite keeps: the inverse of `encode`."""
    if stored is None:
        return None
    if is_array(type_):
        return [decode(element_type(type_), item) for item in array_items(type_, stored)]
    return DECODERS[type_](stored)


def array_items(type_: str, stored: str) -> list[Any]:
    """The elements of a kept array, as SQLite would keep each. A column's own array holds any JSON:
    read as text.
    """
    items = json.loads(stored)
    if type_ == "array":
        return [item if item is None or isinstance(item, str) else show_json(item) for item in items]
    return items


def _encode_numeric(value: Decimal) -> str:
    if value.is_zero():
        value = abs(value)
    return format(value, "f")


def _encode_timestamp(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


ENCODERS: dict[str, Callable[[Any], Any]] = {
    "text": str,
    "uuid": str,
    "integer": check_integer,
    "numeric": _encode_numeric,
    "float": check_float,
    "boolean": int,
    "date": date.isoformat,
    "timestamp": _encode_timestamp,
    "timestamptz": _encode_timestamp,
    "interval": lambda value: f"{value.months} {value.days} {value.us}",
    "json": show_json,
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "text": str,
    "uuid": str,
    "integer": int,
    "numeric": Decimal,
    "float": float,
    "boolean": bool,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
    "interval": lambda stored: Interval(*map(int, stored.split())),
    "json": _parse_json,
}


# ----------------------------------------------------------------------------------------------- comparison


@lru_cache(65536)
def _numeric_key(stored: str) -> Decimal:
    return Decimal(stored)


@lru_cache(4096)
def _interval_key(stored: str) -> int:
    return decode("interval", stored).span


@lru_cache(4096)
def _json_key(stored: str) -> str:
    return show_json(_plain_numbers(_parse_json(stored)))


def _plain_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    return value.normalize() if isinstance(value, Decimal) else value


# Types whose text is not in their order: SQLite compares them with these keys, as collations.
COLLATIONS: dict[str, Callable[[str], Any]] = {
    "numeric": _numeric_key,
    "interval": _interval_key,
    "json": _json_key,
}


def collation(type_: str) -> str | None:
    """The collation that compares what SQLite keeps for `type_`, or None where its own order is right."""
    return "json" if is_array(type_) else type_ if type_ in COLLATIONS else None


def sort_key(type_: str, stored: Any) -> Any:
    name = collation(type_)
    return COLLATIONS[name](stored) if name else stored


# -------------------------------------------------------------------------------------------- records, JSON


def to_stored(type_: str) -> Callable[[Any], Any]:
    """What makes of a record's JSON value what SQLite keeps in a column of the type."""
    return STORERS.get(type_, str)


def _store_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _store_timestamp(value: str) -> str:
    if len(value) == 20 and value[19] == "Z":
        return f"{value[:19]}.000000"
    moment = datetime.fromisoformat(value)
    if moment.tzinfo:
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:  # outside the calendar in UTC: the nearest moment within stands for it
            moment = datetime.max if moment.year > 1 else datetime.min
    return _encode_timestamp(moment.replace(tzinfo=None))


STORERS: dict[str, Callable[[Any], Any]] = {
    "json": _store_json,
    "array": _store_json,
    "timestamp": _store_timestamp,
    "numeric": lambda value: _encode_numeric(Decimal(str(value))),
    "boolean": int,
    "integer": lambda value: check_integer(int(value)),
}


def to_json(type_: str, stored: Any) -> Any:
    """What SQLite keeps as the JSON value a response carries."""
    if stored is None:
        return None
    if type_ == "boolean":
        return bool(stored)
    if type_ in ("json", "array"):
        return json.loads(stored)
    if type_.endswith("[]"):
        return [to_json(type_[:-2], item) for item in json.loads(stored)]
    if type_ in ("timestamp", "timestamptz"):
        return f"{stored.removesuffix('.000000')}Z"
    if type_ == "interval":
        return show_interval(decode(type_, stored))
    return stored


def as_json(type_: str, value: Any) -> Any:
    """What to_jsonb makes of a Python value: numbers stay numbers, times become ISO text."""
    if value is None or type_ in ("json", "integer", "numeric", "float", "boolean", "text", "uuid"):
        return value
    if is_array(type_):
        return [as_json(element_type(type_), item) for item in value]
    if type_ in ("timestamp", "timestamptz"):
        return show(type_, value).replace(" ", "T") + (":00" if type_ == "timestamptz" else "")
    return show(type_, value)


def _divide(value: int, by: int) -> tuple[int, int]:
    quotient = abs(value) // by * (1 if value >= 0 else -1)
    return quotient, value - quotient * by


def _round(value: Decimal | int) -> int:
    return int(Decimal(value).to_integral_value(rounding=ROUND_HALF_UP))
