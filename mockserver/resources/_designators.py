"""Reference designators: the names of places on a board, read from texts as engineers write them."""

import re
import typing as t

from mockserver.api import fields

MOST = 10_000  # designators of a line, and so in one range such as C1-C20; a longer range is taken for a name
MOST_IN_ALL = 100_000  # designators of all lines of a request

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_SIGNS = _DASHES | {ord("\uff1a"): ":", ord("\uff5e"): "~", ord("\u301c"): "~", ord("\uff0f"): "/"}
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"), "")  # characters without width

_SEPARATOR = re.compile(r"[,;|&\r\n\uff0c\uff1b\u3001\u060c]+|\s[/+]\s|(?<=\d)\s+and\s+(?=[A-Za-z_]+\d)", re.IGNORECASE)
_JOINED = re.compile(r"[A-Za-z_]+\d+[A-Za-z]?(?:[/+][A-Za-z_]+\d+[A-Za-z]?)+")  # C1/C2
_TO = r"\s*(?:[-:~\u2026]|\.{2,3})\s*|\s+(?:to|thru|through)\s+"
_RANGE = re.compile(rf"([A-Za-z_]+)(\d{{1,9}})({_TO})([A-Za-z_]*)(\d{{1,9}})(?=\s|$)", re.IGNORECASE)
_WORD = re.compile(r"\S+")

# Kinds of parts of which C1-3 is three. Of a connector or a chip, J1-2 is a pin or a half: one name.
_DISCRETE = {"C", "CR", "D", "F", "FB", "FL", "L", "LED", "Q", "R", "RN", "RV", "TP", "TVS", "VR", "Y", "Z", "ZD"}


class Span(t.NamedTuple):
    """Designators next to each other: one name, or a range of numbers behind the same letters."""

    name: str
    first: int = 0
    last: int = 0
    width: int = 0

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    def names(self) -> list[str]:
        if not self.width:
            return [self.name]
        return [f"{self.name}{number:0{self.width}}" for number in range(self.first, self.last + 1)]


def read(text: str) -> list[str]:
    """Return the designators that a text lists, each once: `"C1, C3-C5 C9"` → C1 C3 C4 C5 C9.

    Commas, semicolons, spaces and line ends stand between them; so do `/`, `+`, `&` and `and` between two of them.
    Ranges are written with any dash, `:`, `..` or `to`, from either end. What is no designator or range is a name as
    it stands.
    """
    return list(dict.fromkeys(name for span in spans(text) for name in span.names()))


def read_all(texts: t.Iterable[str]) -> list[str]:
    """Return the designators that several texts list, each once."""
    return list(dict.fromkeys(name for text in texts for name in read(text)))


def count(text: str) -> int:
    """Return how many designators a text lists, one that is repeated as often as it is, without making them."""
    return sum(span.count for span in spans(text))


def spans(text: str) -> t.Iterator[Span]:
    """Yield what a text lists, in its order."""
    for piece in _SEPARATOR.split(text.translate(_UNSEEN)):
        piece = piece.strip()
        if not piece:
            continue
        plain = piece.translate(_SIGNS)
        if not any(map(_is_name, plain.split())):
            yield Span(piece)  # "Front panel" is one name
            continue
        place = 0
        while place < len(plain):
            if found := _RANGE.match(plain, place):
                yield _range(found)
            else:
                found = _WORD.match(plain, place)
                if _JOINED.fullmatch(found[0]):
                    yield from map(Span, re.split("[/+]", found[0]))
                else:
                    yield Span(piece[found.start() : found.end()])
            place = found.end()
            while place < len(plain) and plain[place].isspace():
                place += 1


def _is_name(word: str) -> bool:
    """Whether a word looks like a designator: letters, then a number somewhere."""
    return not word[0].isdigit() and any(map(str.isdigit, word))


def _range(found: re.Match) -> Span:
    """The range that is written from one designator to another; one name when it is none."""
    letters, start, sign, others, end = found.groups()
    low, high = sorted((start, end), key=int)
    whole = others.casefold() == letters.casefold()
    short = not others and letters.upper() in _DISCRETE and sign.strip() == "-" and int(start) <= int(end)
    if (whole or short) and int(high) - int(low) < MOST:
        return Span(letters, int(low), int(high), len(low))
    return Span(re.sub(r"\s", "", found[0]))


def plainly(text: str) -> list[str]:
    """Return the designators of a text of commas, spaces and ranges such as C3-C5 alone, as they are written."""
    names = []
    for word in re.split(r"[,;\s]+", text.strip(",; \t\r\n")):
        ends = re.fullmatch(r"([A-Za-z_]+)(\d{1,9})-\1(\d{1,9})", word)
        if ends and 0 <= int(ends[3]) - int(ends[2]) < MOST:
            names += Span(ends[1], int(ends[2]), int(ends[3]), len(ends[2])).names()
        elif word:
            names.append(word)
    return names


def remark(data: dict) -> str | None:
    """Return in words how the designators of a line were read, when that is otherwise than they are written."""
    listed, text = data.get("reference_designators"), data.get("reference_designators_string")
    names = read_all(listed) if listed else read(text or "")
    if names == (listed if listed else plainly(text or "")):
        return None
    written = ", ".join(f'"{item}"' for item in listed) if listed else f'"{text}"'
    shown = ", ".join(names) if len(names) <= 20 else f"{', '.join(names[:10])}, … {names[-1]}"
    return f"The designators {_cut(written)} were read as {len(names)}: {_cut(shown)}."


def _cut(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:300]}…"


# -- fields ----------------------------------------------------------------------------------------------------

TOO_MANY = {"designators": "Ensure this field has no more than {most} designators, not {count}."}


class DesignatorString(fields.Text):
    """A text that lists designators."""

    default_error_messages = TOO_MANY

    def __init__(self, **kwargs):
        super().__init__(max=None, min=0, **kwargs)

    def clean(self, value):
        if (number := count(value)) > MOST:
            raise self.make_error("designators", most=MOST, count=number)
        return value


class DesignatorList(fields.Array):
    """Designators, each item read as a text that lists some."""

    default_error_messages = TOO_MANY

    def __init__(self, **kwargs):
        super().__init__(fields.Text(max=None), load_default=list, **kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        value = super()._deserialize(value, attr, data, **kwargs)
        if (number := sum(map(count, value))) > MOST:
            raise self.make_error("designators", most=MOST, count=number)
        return value
