"""The operators, functions, casts and aggregates a query may call, each with PostgreSQL's result.

A function is declared with its signature; its arguments arrive as Python values and its answer is returned
as one
(int, Decimal, float, str, bool, date, datetime, Interval, JSON). It is NULL when an argument is,
unless `strict` is off. What is not declared here cannot be called.
"""

from __future__ import annotations

import calendar
import json
import math
import operator
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cmp_to_key, lru_cache
from itertools import count
from typing import Any, NamedTuple

from . import values
from .values import DAY_US, EPOCH, EXACT, MAX_DIGITS, ROUNDING, Interval, QueryError

MAX_TEXT = 100_000
MAX_ITEMS = 100_000


class Function(NamedTuple):
    name: str
    arguments: tuple[str, ...]
    result: str
    call: Callable[..., Any]
    strict: bool
    udf: str


FUNCTIONS: dict[str, list[Function]] = {}
SETS: dict[str, list[Function]] = {}
CASTS: dict[tuple[str, str], Function] = {}
_NUMBERS = count()


def _function(name: str, *signatures: str, strict: bool = True, into: dict[str, list[Function]] = FUNCTIONS) -> Any:
    def declare(call: Callable[..., Any]) -> Callable[..., Any]:
        for signature in signatures:
            left, _, result = signature.partition("->")
            arguments = tuple(part.strip() for part in left.split(",") if part.strip())
            known = into.setdefault(name, [])
            udf = f"pg_{next(_NUMBERS)}"
            known.append(Function(name, arguments, result.strip(), call, strict, udf))
        return call

    return declare


def _cast(source: str, target: str) -> Any:
    def declare(call: Callable[..., Any]) -> Callable[..., Any]:
        udf = f"pg_cast_{source}_{target}"
        CASTS[source, target] = Function(target, (source,), target, call, True, udf)
        return call

    return declare


def limited(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise QueryError(f"a text of more than {MAX_TEXT:,} characters is not built")
    return text


def _room(length: int) -> None:
    if length > MAX_TEXT:
        raise QueryError(f"a text of more than {MAX_TEXT:,} characters is not built")


# ------------------------------------------------------------------------------------------------ arithmetic

NUMBERS = ("integer", "numeric", "float")


def _exact(operation: str) -> Callable[[Decimal, Decimal], Decimal]:
    def run(left: Decimal, right: Decimal) -> Decimal:
        try:
            return getattr(EXACT, operation)(left, right)
        except ArithmeticError:
            raise QueryError("value overflows numeric format") from None

    return run


numeric_add = _exact("add")
_function("+", "numeric, numeric -> numeric")(numeric_add)
_function("-", "numeric, numeric -> numeric")(_exact("subtract"))
_function("*", "numeric, numeric -> numeric")(_exact("multiply"))
_function("+", "integer, integer -> integer", "float, float -> float")(lambda a, b: a + b)
_function("-", "integer, integer -> integer", "float, float -> float")(lambda a, b: a - b)
_function("*", "integer, integer -> integer", "float, float -> float")(lambda a, b: a * b)
_function("-", "integer -> integer", "float -> float", "numeric -> numeric")(lambda a: -a)
_function("abs", "integer -> integer", "numeric -> numeric", "float -> float")(abs)
_function("sign", "numeric -> numeric", "float -> float")(lambda a: type(a)((a > 0) - (a < 0)))


@_function("/", "integer, integer -> integer")
def _divide_integers(a: int, b: int) -> int:
    if b == 0:
        raise QueryError("division by zero")
    return values._divide(a, b)[0] if b > 0 else -values._divide(a, -b)[0]


@_function("%", "integer, integer -> integer")
@_function("mod", "integer, integer -> integer")
def _mod_integers(a: int, b: int) -> int:
    return a - _divide_integers(a, b) * b


@_function("%", "numeric, numeric -> numeric")
@_function("mod", "numeric, numeric -> numeric")
def _mod_numerics(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        raise QueryError("division by zero")
    return ROUNDING.remainder(a, b)


@_function("/", "float, float -> float")
def _divide_floats(a: float, b: float) -> float:
    if b == 0:
        raise QueryError("division by zero")
    return a / b


def _weight(value: Decimal) -> tuple[int, int]:
    """The power and value of the leading base-10000 digit: what PostgreSQL chooses a quotient's scale by."""
    if not value:
        return 0, 0
    weight = value.adjusted() // 4
    return weight, int(abs(value).scaleb(-4 * weight, ROUNDING))


@_function("/", "numeric, numeric -> numeric")
def divide(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        raise QueryError("division by zero")
    (weight_a, first_a), (weight_b, first_b) = _weight(a), _weight(b)
    weight = weight_a - weight_b - (first_a <= first_b)
    scale_a, scale_b = -a.as_tuple().exponent, -b.as_tuple().exponent
    scale = min(max(16 - weight * 4, scale_a, scale_b, 0), MAX_DIGITS)
    numerator = abs(int(a.scaleb(scale_a, ROUNDING))) * 10 ** (scale + scale_b)
    denominator = abs(int(b.scaleb(scale_b, ROUNDING))) * 10**scale_a
    quotient = (2 * numerator + denominator) // (2 * denominator)
    return Decimal(-quotient if (a < 0) != (b < 0) else quotient).scaleb(-scale, ROUNDING)


def round_to(value: Decimal, places: int) -> Decimal:
    if abs(places) > MAX_DIGITS // 2:
        raise QueryError("rounding to so many digits is not supported")
    rounded = value.quantize(Decimal(1).scaleb(-places), context=ROUNDING)
    return rounded if places >= 0 else Decimal(format(rounded, "f"))


_function("round", "numeric, integer -> numeric")(round_to)
_function("round", "numeric -> numeric")(lambda a: round_to(a, 0))
_function("round", "float -> float")(lambda a: float(round(a)))
_function("ceil", "numeric -> numeric")(lambda a: Decimal(math.ceil(a)))
_function("ceiling", "numeric -> numeric")(lambda a: Decimal(math.ceil(a)))
_function("floor", "numeric -> numeric")(lambda a: Decimal(math.floor(a)))
_function("ceil", "float -> float")(lambda a: float(math.ceil(a)))
_function("floor", "float -> float")(lambda a: float(math.floor(a)))


@_function("trunc", "numeric -> numeric")
@_function("trunc", "numeric, integer -> numeric")
def _trunc(value: Decimal, places: int = 0) -> Decimal:
    if abs(places) > MAX_DIGITS // 2:
        raise QueryError("truncating to so many digits is not supported")
    cut = value.quantize(Decimal(1).scaleb(-places), rounding="ROUND_DOWN", context=ROUNDING)
    return cut if places >= 0 else Decimal(format(cut, "f"))


@_function("power", "float, float -> float")
@_function("pow", "float, float -> float")
@_function("^", "float, float -> float")
def _power(a: float, b: float) -> float:
    if a == 0 and b < 0:
        raise QueryError("zero raised to a negative power is undefined")
    if a < 0 and b != int(b):
        raise QueryError("a negative number raised to a non-integer power yields a complex result")
    return math.pow(a, b)


@_function("sqrt", "float -> float")
def _sqrt(a: float) -> float:
    if a < 0:
        raise QueryError("cannot take square root of a negative number")
    return math.sqrt(a)


# ----------------------------------------------------------------------------------------------------- text


@_function("||", "text, text -> text")
def _join(a: str, b: str) -> str:
    return limited(a + b)


_function("length", "text -> integer")(len)
_function("char_length", "text -> integer")(len)
_function("lower", "text -> text")(str.lower)
_function("upper", "text -> text")(str.upper)
_function("initcap", "text -> text")(
    lambda text: re.sub(r"[^\W_]+", lambda word: word[0][:1].upper() + word[0][1:].lower(), text)
)
_function("reverse", "text -> text")(lambda text: text[::-1])
_function("strpos", "text, text -> integer")(lambda text, part: text.find(part) + 1)
_function("starts_with", "text, text -> boolean")(str.startswith)
_function("ascii", "text -> integer")(lambda text: ord(text[0]) if text else 0)
_function("left", "text, integer -> text")(lambda text, n: text[:n] if n >= 0 else text[: max(len(text) + n, 0)])
_function("right", "text, integer -> text")(lambda text, n: text[max(len(text) - n, 0) :] if n >= 0 else text[-n:])
for _name, _strip in (("btrim", str.strip), ("ltrim", str.lstrip), ("rtrim", str.rstrip)):
    _function(_name, "text -> text")(lambda text, strip=_strip: strip(text, " "))
    # An empty set of characters trims nothing, as in PostgreSQL.
    _function(_name, "text, text -> text")(lambda text, chars, strip=_strip: strip(text, chars) if chars else text)


@_function("substring", "text, integer -> text", "text, integer, integer -> text")
@_function("substr", "text, integer -> text", "text, integer, integer -> text")
def _substring(text: str, start: int, length: int | None = None) -> str:
    if length is None:
        return text[max(start - 1, 0) :]
    if length < 0:
        raise QueryError("negative substring length not allowed")
    return text[max(start - 1, 0) : max(start - 1 + length, 0)]


@_function("replace", "text, text, text -> text")
def _replace(text: str, old: str, new: str) -> str:
    if not old:
        return text
    _room(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


@_function("split_part", "text, text, integer -> text")
def _split_part(text: str, delimiter: str, n: int) -> str:
    if n == 0:
        raise QueryError("field position must not be zero")
    parts = text.split(delimiter) if delimiter else [text]
    index = n - 1 if n > 0 else len(parts) + n
    return parts[index] if 0 <= index < len(parts) else ""


@_function("repeat", "text, integer -> text")
def _repeat(text: str, n: int) -> str:
    _room(len(text) * max(n, 0))
    return text * max(n, 0)


def _padding(text: str, width: int, fill: str) -> str:
    _room(width)
    missing = max(width - len(text), 0)
    return (fill * (missing // len(fill) + 1))[:missing] if fill else ""


@_function("lpad", "text, integer -> text", "text, integer, text -> text")
def _lpad(text: str, width: int, fill: str = " ") -> str:
    return (_padding(text, width, fill) + text[: max(width, 0)])[: max(width, 0)]


@_function("rpad", "text, integer -> text", "text, integer, text -> text")
def _rpad(text: str, width: int, fill: str = " ") -> str:
    return (text[: max(width, 0)] + _padding(text, width, fill))[: max(width, 0)]


@_function("like", "text, text, text -> boolean")
def _like(text: str, pattern: str, escape: str) -> bool:
    return _like_pattern(pattern, escape).fullmatch(text) is not None


@_function("ilike", "text, text, text -> boolean")
def _ilike(text: str, pattern: str, escape: str) -> bool:
    return _like_pattern(pattern.lower(), escape).fullmatch(text.lower()) is not None


@lru_cache(256)
def _like_pattern(pattern: str, escape: str) -> re.Pattern[str]:
    """Each run between two `%` is found at its first place and never tried again, so time stays linear."""
    if len(escape) > 1:
        raise QueryError("invalid escape string")
    if len(pattern) > 1000:
        raise QueryError("a LIKE pattern of more than 1,000 characters is not supported")
    runs, characters = [""], iter(pattern)
    for character in characters:
        if character == escape:
            character = next(characters, None)
            if character is None:
                raise QueryError("LIKE pattern must not end with escape character")
            runs[-1] += re.escape(character)
        elif character == "%":
            runs.append("")
        else:
            runs[-1] += "." if character == "_" else re.escape(character)
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    first, *middle, last = runs
    inner = "".join(f"(?>.*?{run})" for run in middle if run)
    return re.compile(f"{first}{inner}.*{last}", re.DOTALL)


# ----------------------------------------------------------------------------------------------------- time


def _moment(value: date | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _shift(value: date | datetime, step: Interval) -> datetime:
    moment = _moment(value)
    try:
        months = moment.year * 12 + moment.month - 1 + step.months
        year, month = months // 12, months % 12 + 1
        day = min(moment.day, calendar.monthrange(year, month)[1])
        return moment.replace(year=year, month=month, day=day) + timedelta(days=step.days, microseconds=step.us)
    except (ValueError, OverflowError, calendar.IllegalMonthError):
        raise QueryError("timestamp out of range (years 1 to 9999 are supported)") from None


def _negated(step: Interval) -> Interval:
    return Interval(-step.months, -step.days, -step.us)


def add_intervals(a: Interval, b: Interval) -> Interval:
    return Interval(a.months + b.months, a.days + b.days, a.us + b.us)


def _between(later: date | datetime, earlier: date | datetime) -> Interval:
    us = (_moment(later) - _moment(earlier)) // timedelta(microseconds=1)
    days, rest = values._divide(us, DAY_US)
    return Interval(0, days, rest)


def _shift_days(value: date, days: int) -> date:
    try:
        return value + timedelta(days=days)
    except OverflowError:
        raise QueryError("date out of range (years 1 to 9999 are supported)") from None


_STAMPS = ("timestamp", "timestamptz")
for _type in _STAMPS:
    _function("+", f"{_type}, interval -> {_type}")(_shift)
    _function("+", f"interval, {_type} -> {_type}")(lambda step, value: _shift(value, step))
    _function("-", f"{_type}, interval -> {_type}")(lambda value, step: _shift(value, _negated(step)))
    _function("-", f"{_type}, {_type} -> interval")(_between)
_function("+", "date, interval -> timestamp")(_shift)
_function("+", "interval, date -> timestamp")(lambda step, value: _shift(value, step))
_function("-", "date, interval -> timestamp")(lambda value, step: _shift(value, _negated(step)))
_function("+", "date, integer -> date")(_shift_days)
_function("+", "integer, date -> date")(lambda days, value: _shift_days(value, days))
_function("-", "date, integer -> date")(lambda value, days: _shift_days(value, -days))
_function("-", "date, date -> integer")(lambda a, b: (a - b).days)
_function("+", "interval, interval -> interval")(add_intervals)
_function("-", "interval, interval -> interval")(lambda a, b: add_intervals(a, _negated(b)))
_function("-", "interval -> interval")(_negated)
_function("*", "interval, float -> interval")(lambda step, factor: step.times(_parse_factor(factor)))
_function("*", "float, interval -> interval")(lambda factor, step: step.times(_parse_factor(factor)))


@_function("/", "interval, float -> interval")
def _divide_interval(step: Interval, by: float) -> Interval:
    if by == 0:
        raise QueryError("division by zero")
    return step.times(ROUNDING.divide(Decimal(1), _parse_factor(by)))


def _parse_factor(factor: float) -> Decimal:
    if abs(factor) > 1e9:
        raise QueryError("interval out of range")
    return Decimal(repr(factor))


_FIRST_OF = {
    "second": lambda t: t.replace(microsecond=0),
    "minute": lambda t: t.replace(second=0, microsecond=0),
    "hour": lambda t: t.replace(minute=0, second=0, microsecond=0),
    "day": lambda t: _midnight(t),
    "week": lambda t: _midnight(t) - timedelta(days=t.weekday()),
    "month": lambda t: _midnight(t).replace(day=1),
    "quarter": lambda t: _midnight(t).replace(month=(t.month - 1) // 3 * 3 + 1, day=1),
    "year": lambda t: _midnight(t).replace(month=1, day=1),
}


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@_function("date_trunc", "text, timestamptz -> timestamptz", "text, timestamp -> timestamp")
def _date_trunc(unit: str, moment: datetime) -> datetime:
    try:
        return _FIRST_OF[unit.lower().removesuffix("s")](moment)
    except KeyError:
        raise QueryError(f'date_trunc unit "{unit}" is not supported: use one of {", ".join(_FIRST_OF)}') from None


def _scaled(us: int, places: int) -> Decimal:
    return Decimal(us).scaleb(-places, EXACT)


_FIELDS: dict[str, Callable[[datetime], Decimal | int]] = {
    "year": lambda t: t.year,
    "isoyear": lambda t: t.isocalendar()[0],
    "quarter": lambda t: (t.month + 2) // 3,
    "month": lambda t: t.month,
    "week": lambda t: t.isocalendar()[1],
    "day": lambda t: t.day,
    "dow": lambda t: t.isoweekday() % 7,
    "isodow": lambda t: t.isoweekday(),
    "doy": lambda t: t.timetuple().tm_yday,
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "second": lambda t: _scaled(t.second * 1_000_000 + t.microsecond, 6),
    "milliseconds": lambda t: _scaled(t.second * 1_000_000 + t.microsecond, 3),
    "microseconds": lambda t: t.second * 1_000_000 + t.microsecond,
    "epoch": lambda t: _scaled((t - EPOCH) // timedelta(microseconds=1), 6),
}
_DATE_FIELDS = {name for name in _FIELDS if name not in ("hour", "minute", "second", "milliseconds", "microseconds")}
_INTERVAL_FIELDS: dict[str, Callable[[Interval], Decimal | int]] = {
    "year": lambda i: values._divide(i.months, 12)[0],
    "month": lambda i: values._divide(i.months, 12)[1],
    "day": lambda i: i.days,
    "hour": lambda i: values._divide(i.us, 3_600_000_000)[0],
    "minute": lambda i: values._divide(values._divide(i.us, 60_000_000)[0], 60)[1],
    "second": lambda i: _scaled(values._divide(i.us, 60_000_000)[1], 6),
    # A year counts 365.25 days here, and what is left of it months of 30.
    "epoch": lambda i: _scaled(
        i.us
        + i.days * DAY_US
        + values._divide(i.months, 12)[0] * DAY_US * 1461 // 4
        + values._divide(i.months, 12)[1] * 30 * DAY_US,
        6,
    ),
}


@_function("extract", *(f"text, {t} -> numeric" for t in ("date", "timestamp", "timestamptz", "interval")))
def _extract(field: str, value: Any) -> Decimal:
    field = field.lower()
    if isinstance(value, Interval):
        fields: Any = _INTERVAL_FIELDS
    elif isinstance(value, datetime):
        fields = _FIELDS
    else:
        fields, value, day = _DATE_FIELDS, _moment(value), True
        if field in fields:
            answer = _FIELDS[field](value)
            return Decimal(int(answer)) if day else Decimal(answer)
    if field not in fields or fields is _DATE_FIELDS:
        raise QueryError(f'extract field "{field}" is not supported for this type')
    return Decimal(fields[field](value))


_function("date_part", *(f"text, {t} -> float" for t in ("date", "timestamp", "timestamptz", "interval")))(
    lambda field, value: float(_extract(field, value))
)
_function("make_date", "integer, integer, integer -> date")(lambda y, m, d: _make_date(y, m, d))


def _make_date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except (ValueError, OverflowError):
        raise QueryError(f"date field value out of range: {year}-{month:02d}-{day:02d}") from None


_TIME_PATTERNS: dict[str, Callable[[datetime], str]] = {
    "YYYY": lambda t: f"{t.year:04d}",
    "YY": lambda t: f"{t.year % 100:02d}",
    "IYYY": lambda t: f"{t.isocalendar()[0]:04d}",
    "IW": lambda t: f"{t.isocalendar()[1]:02d}",
    "Q": lambda t: f"{(t.month + 2) // 3}",
    "MM": lambda t: f"{t.month:02d}",
    "DDD": lambda t: f"{t.timetuple().tm_yday:03d}",
    "DD": lambda t: f"{t.day:02d}",
    "ID": lambda t: f"{t.isoweekday()}",
    "D": lambda t: f"{t.isoweekday() % 7 + 1}",
    "HH24": lambda t: f"{t.hour:02d}",
    "HH12": lambda t: f"{(t.hour - 1) % 12 + 1:02d}",
    "HH": lambda t: f"{(t.hour - 1) % 12 + 1:02d}",
    "MI": lambda t: f"{t.minute:02d}",
    "SS": lambda t: f"{t.second:02d}",
    "MS": lambda t: f"{t.microsecond // 1000:03d}",
    "US": lambda t: f"{t.microsecond:06d}",
    "AM": lambda t: "AM" if t.hour < 12 else "PM",
    "PM": lambda t: "AM" if t.hour < 12 else "PM",
    "am": lambda t: "am" if t.hour < 12 else "pm",
    "pm": lambda t: "am" if t.hour < 12 else "pm",
}
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
for _fold in (str.upper, str.capitalize, str.lower):
    _TIME_PATTERNS[_fold("month")] = lambda t, fold=_fold: fold(_MONTHS[t.month - 1]).ljust(9)
    _TIME_PATTERNS[_fold("mon")] = lambda t, fold=_fold: fold(_MONTHS[t.month - 1][:3])
    _TIME_PATTERNS[_fold("day")] = lambda t, fold=_fold: fold(_DAYS[t.weekday()]).ljust(9)
    _TIME_PATTERNS[_fold("dy")] = lambda t, fold=_fold: fold(_DAYS[t.weekday()][:3])
_TIME_TOKEN = re.compile(
    '"[^"]*"|(FM)?(' + "|".join(sorted(_TIME_PATTERNS, key=len, reverse=True)) + r")(?!TH|th)|[^A-Za-z\"\\]"
)


@_function("to_char", "timestamptz, text -> text", "timestamp, text -> text")
def _to_char_time(moment: datetime, pattern: str) -> str:
    parts, position = [], 0
    while position < len(pattern):
        token = _TIME_TOKEN.match(pattern, position)
        if token is None:
            raise QueryError(f'to_char pattern "{pattern[position : position + 20]}" is not supported')
        fill_mode, name = token.groups()
        if name is None:
            parts.append(token[0].strip('"'))
        else:
            text = _TIME_PATTERNS[name](moment)
            parts.append(
                (text.rstrip().lstrip("0") or "0" if text[0].isdigit() else text.rstrip()) if fill_mode else text
            )
        position = token.end()
    return limited("".join(parts))


@_function("to_char", "numeric, text -> text")
def _to_char_number(value: Decimal, pattern: str) -> str:
    fill_mode = pattern.startswith("FM")
    whole, _, fraction = pattern.removeprefix("FM").partition(".")
    if not re.fullmatch(r"[09][09,]*", whole) or not re.fullmatch(r"[09]*", fraction) or len(pattern) > 60:
        raise QueryError(f'to_char number pattern "{pattern[:60]}" is not supported: use 9 0 , . and FM')
    rounded = round_to(abs(value), len(fraction))
    digits, _, decimals = format(rounded, "f").partition(".")
    places = whole.replace(",", "")
    digits = "" if digits == "0" else digits
    if len(digits) > len(places):
        raise QueryError("to_char: the number does not fit its pattern (PostgreSQL prints #)")
    least = len(places) - places.find("0") if "0" in places else 0
    if not fraction and not digits:
        least = max(least, 1)
    digits = digits.rjust(max(least, len(digits)), "0").rjust(len(places))
    shown, remaining = [], iter(digits)
    for mark in whole:
        if mark == ",":
            shown.append("," if any(part.isdigit() for part in shown) else " ")
        else:
            shown.append(next(remaining))
    number = "".join(shown)
    # A minus stands before the first digit.
    body = number.lstrip(" ")
    signed = f"{'-' if value < 0 and rounded else ' '}{body}".rjust(len(number) + 1)
    if "." in pattern:
        if fill_mode:
            kept = fraction.rfind("0") + 1
            decimals = decimals[:kept] + decimals[kept:].rstrip("0")
        signed += f".{decimals}"
    return signed.replace(" ", "") if fill_mode else signed


# ----------------------------------------------------------------------------------------------------- json


@_function("->", "json, text -> json")
def _json_key(value: Any, key: str) -> Any:
    return _found(value[key]) if isinstance(value, dict) and key in value else None


@_function("->", "json, integer -> json")
def _json_index(value: Any, index: int) -> Any:
    return _found(value[index]) if isinstance(value, list) and -len(value) <= index < len(value) else None


@_function("#>", "json, text[] -> json")
def _json_path(value: Any, path: list[str | None]) -> Any:
    for step in path:
        if step is None:
            return None
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and re.fullmatch("-?[0-9]{1,9}", step) and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return _found(value)


class _Null:
    """JSON's null, which is a value where SQL's NULL is none."""


JSON_NULL = _Null()


def _found(value: Any) -> Any:
    return JSON_NULL if value is None else value


def json_text(value: Any) -> str | None:
    if value is None or value is JSON_NULL:
        return None
    return value if isinstance(value, str) else values.show_json(value)


_function("->>", "json, text -> text")(lambda value, key: json_text(_json_key(value, key)))
_function("->>", "json, integer -> text")(lambda value, index: json_text(_json_index(value, index)))
_function("#>>", "json, text[] -> text")(lambda value, path: json_text(_json_path(value, path)))


@_function("@>", "json, json -> boolean")
def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, list) and not isinstance(part, dict | list):
        return any(_same(item, part) for item in whole)
    return _contains_deep(whole, part)


def _contains_deep(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _contains_deep(whole[key], item) for key, item in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(_contains_deep(candidate, item) for candidate in whole) for item in part)
    return _same(whole, part)


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and not isinstance(a, dict | list) and a == b


_function("<@", "json, json -> boolean")(lambda part, whole: _contains(whole, part))
_function("?", "json, text -> boolean")(
    lambda value, key: (isinstance(value, dict | list) and key in value) or value == key
)


def _json_type(value: Any) -> str:
    kinds = {bool: "boolean", dict: "object", list: "array", str: "string", type(None): "null"}
    return kinds.get(type(value), "number")


_function("jsonb_typeof", "json -> text")(_json_type)
_function("json_typeof", "json -> text")(_json_type)


@_function("jsonb_array_length", "json -> integer")
@_function("json_array_length", "json -> integer")
def _json_length(value: Any) -> int:
    if not isinstance(value, list):
        raise QueryError("cannot get array length of a non-array")
    return len(value)


# --------------------------------------------------------------------------------------------------- arrays

_function("cardinality", "anyarray -> integer")(len)
_function("array_to_string", "text[], text -> text")(
    lambda items, delimiter: limited(delimiter.join(item for item in items if item is not None))
)
_function("string_to_array", "text, text -> text[]")(
    lambda text, delimiter: (text.split(delimiter) if delimiter else [text]) if text else []
)


@_function("array_length", "anyarray, integer -> integer")
def _array_length(items: list[Any], dimension: int) -> int | None:
    return len(items) if items and dimension == 1 else None


# -------------------------------------------------------------------------------------------------- regular
# expressions


def _matches(text: str, pattern: str, fold: bool) -> bool:
    from .regex import compile_regex

    return compile_regex(pattern.lower() if fold else pattern).search(text.lower() if fold else text)


_function("~", "text, text -> boolean")(lambda text, pattern: _matches(text, pattern, fold=False))
_function("~*", "text, text -> boolean")(lambda text, pattern: _matches(text, pattern, fold=True))


# ----------------------------------------------------------------------------------------- functions of
# many rows


@_function("generate_series", "integer, integer -> integer", "integer, integer, integer -> integer", into=SETS)
def _series(first: int, last: int, step: int = 1) -> list[int]:
    if step == 0:
        raise QueryError("step size cannot equal zero")
    numbers = range(first, last + (1 if step > 0 else -1), step)
    _count(len(numbers))
    return list(numbers)


@_function("generate_series", *(f"{t}, {t}, interval -> {t}" for t in _STAMPS), into=SETS)
def _series_of_times(first: datetime, last: datetime, step: Interval) -> list[datetime]:
    if step.span == 0:
        raise QueryError("step size cannot equal zero")
    moments: list[datetime] = []
    while (first <= last) if step.span > 0 else (first >= last):
        _count(len(moments))
        moments.append(first)
        first = _shift(first, step)
    return moments


def _count(length: int) -> None:
    if length > MAX_ITEMS:
        raise QueryError(f"more than {MAX_ITEMS:,} generated rows are not supported")


@_function("jsonb_array_elements", "json -> json", into=SETS)
@_function("json_array_elements", "json -> json", into=SETS)
def _elements(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise QueryError(f"cannot extract elements from {'an object' if isinstance(value, dict) else 'a scalar'}")
    return [_found(item) for item in value]


_function("jsonb_array_elements_text", "json -> text", into=SETS)(
    lambda value: [json_text(i) for i in _elements(value)]
)
_function("json_array_elements_text", "json -> text", into=SETS)(lambda value: [json_text(i) for i in _elements(value)])


@_function("jsonb_object_keys", "json -> text", into=SETS)
def _keys(value: Any) -> list[str]:
    if not isinstance(value, dict):
        raise QueryError(f"cannot call jsonb_object_keys on {'an array' if isinstance(value, list) else 'a scalar'}")
    return sorted(value, key=lambda key: (len(key.encode()), key))


# ---------------------------------------------------------------------------------------------------- casts

_cast("numeric", "integer")(lambda value: int(round_to(value, 0)))
_cast("numeric", "float")(float)
_cast("float", "integer")(round)
_cast("float", "numeric")(lambda value: Decimal(format(Decimal(f"{value:.15g}"), "f")))
_cast("integer", "boolean")(bool)
_cast("text", "text")(str)


def _ranged(bits: int, name: str) -> Callable[[int], int]:
    def check(value: int) -> int:
        if not -(2**bits) <= value < 2**bits:
            raise QueryError(f"{name} out of range")
        return value

    return check


_function("pg_int4", "integer -> integer")(_ranged(31, "integer"))
_function("pg_int2", "integer -> integer")(_ranged(15, "smallint"))


def _json_scalar(kind: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def cast(value: Any) -> Any:
        if _json_type(value) != kind:
            raise QueryError(f"cannot cast jsonb {_json_type(value)} to a {kind}")
        return read(value)

    return cast


_cast("json", "integer")(_json_scalar("number", lambda value: int(round_to(Decimal(value), 0))))
_cast("json", "numeric")(_json_scalar("number", Decimal))
_cast("json", "float")(_json_scalar("number", float))
_cast("json", "boolean")(_json_scalar("boolean", bool))
for _type in values.PARSERS:
    if _type != "text":
        _cast(_type, "text")(lambda value, type_=_type: limited(values.show(type_, value)))
        _cast("text", _type)(lambda text, type_=_type: values.parse(type_, text))


# ----------------------------------------------------------------------------------------------- aggregates


class Sum:
    """sum() and avg(), exact."""

    def __init__(self, type_: str, average: bool = False) -> None:
        self.type, self.average = type_, average
        self.count = 0
        self.total: Any = {"integer": 0, "numeric": Decimal(0), "interval": Interval(0, 0, 0)}[type_]

    def step(self, stored: Any) -> None:
        if stored is None:
            return
        self.count += 1
        add = {"integer": operator.add, "numeric": numeric_add, "interval": add_intervals}[self.type]
        self.total = add(self.total, values.decode(self.type, stored))

    def finalize(self) -> Any:
        if not self.count:
            return None
        if not self.average:
            return values.encode(self.type, self.total)
        if self.type == "interval":
            return values.encode("interval", self.total.times(ROUNDING.divide(Decimal(1), Decimal(self.count))))
        return values.encode("numeric", divide(Decimal(self.total), Decimal(self.count)))


class Single:
    """A subquery used as a value: its one row, none being NULL and two an error."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    def step(self, stored: Any) -> None:
        if self.rows:
            raise QueryError("more than one row returned by a subquery used as an expression")
        self.rows.append(stored)

    def finalize(self) -> Any:
        return self.rows[0] if self.rows else None


class Collect:
    """Aggregates that need their rows together, in order: string_agg, array_agg, jsonb_agg, percentile_*,
    mode.

    Each step takes a JSON `plan` {kind, type, distinct, keys: [[type, desc, nulls_first]]}, the value, an
    extra
    argument (the delimiter, the fraction) and a value for each key.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.plan: dict[str, Any] = {}
        self.size = 0

    def step(self, plan: str, *row: Any) -> None:
        self.plan = self.plan or json.loads(plan)
        self.size += len(row[0]) if isinstance(row[0], str) else 8
        if self.size > 10 * MAX_TEXT or len(self.rows) > MAX_ITEMS:
            raise QueryError(f"{self.plan['kind']} of so many rows is not supported")
        self.rows.append(row)

    def finalize(self) -> Any:
        if not self.rows:
            return None
        kind, type_ = self.plan["kind"], self.plan["type"]
        rows = self.rows
        if kind in ("string_agg", "percentile_cont", "percentile_disc", "mode"):
            rows = [row for row in rows if row[0] is not None]
        if self.plan["distinct"]:
            rows = list({_distinct_key(type_, row[0]): row for row in reversed(rows)}.values())
        if self.plan["keys"]:
            rows.sort(key=cmp_to_key(self._compare))
        return getattr(self, kind)(rows, type_) if rows else None

    def _compare(self, a: tuple[Any, ...], b: tuple[Any, ...]) -> int:
        for (type_, descending, nulls_first), left, right in zip(self.plan["keys"], a[2:], b[2:], strict=True):
            if left is None or right is None:
                if (left is None) != (right is None):
                    return -1 if (left is None) == nulls_first else 1
                continue
            left, right = values.sort_key(type_, left), values.sort_key(type_, right)
            if left != right:
                return -1 if (left < right) != descending else 1
        return 0

    def string_agg(self, rows: list[tuple[Any, ...]], type_: str) -> str:
        return limited("".join((row[1] or "") * (n > 0) + row[0] for n, row in enumerate(rows)))

    def array_agg(self, rows: list[tuple[Any, ...]], type_: str) -> str:
        return json.dumps([row[0] for row in rows], ensure_ascii=False)

    def jsonb_agg(self, rows: list[tuple[Any, ...]], type_: str) -> str:
        return values.show_json([values.as_json(type_, values.decode(type_, row[0])) for row in rows])

    def percentile_disc(self, rows: list[tuple[Any, ...]], type_: str) -> Any:
        fraction = _fraction(rows[0][1])
        return rows[max(math.ceil(fraction * len(rows)), 1) - 1][0]

    def percentile_cont(self, rows: list[tuple[Any, ...]], type_: str) -> float:
        place = _fraction(rows[0][1]) * (len(rows) - 1)
        low, high = rows[math.floor(place)][0], rows[math.ceil(place)][0]
        return low + (place - math.floor(place)) * (high - low)

    def mode(self, rows: list[tuple[Any, ...]], type_: str) -> Any:
        counts: dict[Any, int] = {}
        for row in rows:
            counts[values.sort_key(type_, row[0])] = counts.get(values.sort_key(type_, row[0]), 0) + 1
        best = max(counts.values())
        return next(row[0] for row in rows if counts[values.sort_key(type_, row[0])] == best)


# A window's sums are SQLite's own, over whole millionths: exact, and a row leaves the frame at no cost.
MILLIONTHS = 6


def millionths(stored: str | None) -> int | None:
    if stored is None:
        return None
    value = Decimal(stored)
    if -value.as_tuple().exponent > MILLIONTHS or value.adjusted() > 12:
        raise QueryError("a window's sum of numerics takes at most 6 decimal places and 12 whole digits: round them")
    return int(value.scaleb(MILLIONTHS, EXACT))


def decimal_places(stored: str | None) -> int | None:
    return None if stored is None else -Decimal(stored).as_tuple().exponent


def from_millionths(total: int | None, places: int | None) -> str | None:
    return None if total is None else values.encode("numeric", round_to(_scaled(total, MILLIONTHS), places))


def quotient(total: str | int | None, count: int) -> str | None:
    return None if total is None else values.encode("numeric", divide(Decimal(total), Decimal(count)))


def collected(plan: str, items: str, extra: Any) -> Any:
    """What Collect answers for the JSON array of a window's frame."""
    collect = Collect()
    for item in json.loads(items):
        collect.step(plan, item, extra)
    return collect.finalize()


def _distinct_key(type_: str, stored: Any) -> Any:
    return None if stored is None else (values.sort_key(type_, stored),)


def _fraction(value: float | None) -> float:
    if value is None:
        raise QueryError("percentile value must not be null")
    if not 0 <= value <= 1:
        raise QueryError(f"percentile value {value:g} is not between 0 and 1")
    return value


# -------------------------------------------------------------------------------- what the compiler calls
# itself


def greatest(sign: int) -> Callable[..., Any]:
    """greatest (1) or least (-1): (type, values…), NULLs being ignored."""

    def pick(type_: str, *stored: Any) -> Any:
        known = [value for value in stored if value is not None]
        choose = max if sign > 0 else min
        return choose(known, key=lambda value: values.sort_key(type_, value), default=None)

    return pick


def in_array(type_: str, operator: str, stored: Any, items: str | None) -> int | None:
    """`stored operator ANY|ALL (items)`: operator is `=any`, `<>all`, `<any`, …; NULL when not known."""
    if items is None:
        return None
    compare, every = operator[:-3], operator.endswith("all")
    unknown = False
    for item in json.loads(items):
        if item is None or stored is None:
            unknown = True
            continue
        left, right = values.sort_key(type_, stored), values.sort_key(type_, item)
        holds = {
            "=": left == right,
            "<>": left != right,
            "<": left < right,
            "<=": left <= right,
            ">": left > right,
            ">=": left >= right,
        }[compare]
        if holds != every:
            return int(not every)
    return None if unknown else int(every)


def make_array(*stored: Any) -> str:
    return json.dumps(stored, ensure_ascii=False)


def array_item(items: str | None, index: int | None) -> Any:
    """Element `index` (from 1) of a kept array, NULL outside it."""
    if items is None or index is None:
        return None
    known = json.loads(items)
    return known[index - 1] if 1 <= index <= len(known) else None


def array_overlap(type_: str, kind: str, left: str | None, right: str | None) -> int | None:
    """`left @> right` or `left && right`; a NULL element equals nothing."""
    if left is None or right is None:
        return None
    first = {_distinct_key(type_, item) for item in json.loads(left)} - {None}
    second = [_distinct_key(type_, item) for item in json.loads(right)]
    return int(all(item in first for item in second) if kind == "@>" else any(item in first for item in second))


def array_cast(source: str, target: str, stored: str | None) -> str | None:
    """A kept array of one type as one of another."""
    if stored is None:
        return None
    to = values.element_type(target)
    items = values.array_items(source, stored)
    shown = [
        None
        if item is None
        else values.show(values.element_type(source), values.decode(values.element_type(source), item))
        for item in items
    ]
    return values.encode(target, [None if item is None else values.parse(to, item) for item in shown])


def scale(stored: str | None, precision: int, places: int) -> str | None:
    """numeric(precision, places)."""
    if stored is None:
        return None
    value = round_to(Decimal(stored), places)
    if value and value.adjusted() >= precision - places:
        raise QueryError(
            f"numeric field overflow: a numeric({precision},{places}) must be below 10^{precision - places}"
        )
    return values.encode("numeric", value)


def to_jsonb(type_: str, stored: Any) -> str | None:
    return None if stored is None else values.show_json(values.as_json(type_, values.decode(type_, stored)))


def build_object(*stored: Any) -> str:
    """jsonb_build_object(key, json, …)."""
    if any(key is None for key in stored[::2]):
        raise QueryError("argument of jsonb_build_object: key must not be null")
    return values.show_json(
        {key: values.decode("json", item) for key, item in zip(stored[::2], stored[1::2], strict=True)}
    )


def build_array(*stored: Any) -> str:
    return values.show_json([values.decode("json", item) for item in stored])


def concat(*texts: str | None) -> str:
    return limited("".join(text for text in texts if text is not None))


def concat_ws(delimiter: str | None, *texts: str | None) -> str | None:
    return None if delimiter is None else limited(delimiter.join(text for text in texts if text is not None))


def show_array(type_: str, stored: str | None) -> str | None:
    return None if stored is None else limited(values.show(type_, values.decode(type_, stored)))


def parse_array(type_: str, text: str | None) -> str | None:
    return None if text is None else values.encode(type_, values.parse(type_, text))


INTERNAL: dict[str, Callable[..., Any]] = {
    "pg_greatest": greatest(1),
    "pg_least": greatest(-1),
    "pg_in_array": in_array,
    "pg_make_array": make_array,
    "pg_array_item": array_item,
    "pg_array_overlap": array_overlap,
    "pg_array_cast": array_cast,
    "pg_show_array": show_array,
    "pg_parse_array": parse_array,
    "pg_scale": scale,
    "pg_to_jsonb": to_jsonb,
    "pg_build_object": build_object,
    "pg_build_array": build_array,
    "pg_millionths": millionths,
    "pg_decimal_places": decimal_places,
    "pg_from_millionths": from_millionths,
    "pg_quotient": quotient,
    "pg_collected": collected,
    "pg_concat": concat,
    "pg_concat_ws": concat_ws,
}
AGGREGATES: dict[str, Callable[[], Any]] = {
    "pg_collect": Collect,
    "pg_single": Single,
    **{f"pg_sum_{type_}": lambda type_=type_: Sum(type_) for type_ in ("numeric", "interval")},
    **{f"pg_avg_{type_}": lambda type_=type_: Sum(type_, True) for type_ in ("integer", "numeric", "interval")},
}


def adapt(function: Function) -> Callable[..., Any]:
    """The function as SQLite calls it: on kept values, to a kept value (a set as a JSON array of them)."""
    decoders = [_argument_decoder(type_) for type_ in function.arguments]
    kept = f"{function.result}[]" if function in SETS.get(function.name, ()) else function.result

    def call(*stored: Any) -> Any:
        if function.strict and None in stored:
            return None
        answer = function.call(*(read(value) for read, value in zip(decoders, stored, strict=True)))
        if answer is JSON_NULL:
            return "null"
        if kept.endswith("[]") and kept == "json[]":
            answer = [None if item is JSON_NULL else item for item in answer]
            return json.dumps([values.show_json(item) for item in answer], ensure_ascii=False)
        return values.encode(kept, answer)

    return call


def _argument_decoder(type_: str) -> Callable[[Any], Any]:
    if type_ == "anyarray":
        return json.loads
    return values.DECODERS[type_] if type_ in values.DECODERS else lambda stored: values.decode(type_, stored)
