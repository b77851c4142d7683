"""Regular expressions matched in time that grows with the text alone.

PostgreSQL's `~` asks only whether a match exists, so the pattern becomes an automaton whose states are found
as the text is read: no pattern, however made, backtracks. Back-references, look-around and word boundaries
are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .values import QueryError

try:
    from re import _constants as sre
    from re import _parser as parser
except ImportError:  # private to Python, which may move it: all but regular expressions then goes on working
    sre = parser = None

MAX_STATES = 2000
MAX_CACHED = 2000

Test = Callable[[str], bool]
# Escapes that Python and PostgreSQL read differently, or that only one of them knows.
FOREIGN = re.compile(r"(?<!\\)(?:\\\\)*(\\[AZmMyYBbk<>`cxuU0-9])|\(\?(?!:)|\[[.=]|^\*\*\*|[*+?}]\+|\[:[^\]]*$")
CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r"\s", "punct": r"!-/:-@\[-`{-~", "xdigit": "0-9a-fA-F",
}  # fmt: skip


class Regex:
    """`search(text)` says whether the pattern matches somewhere in the text."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > 1000:
            raise QueryError("a regular expression of more than 1,000 characters is not supported")
        if parser is None:
            raise QueryError("regular expressions are not supported under this version of Python")
        foreign = FOREIGN.search(pattern)
        if foreign:
            raise QueryError(f'"{foreign[0]}" in a regular expression is not supported')
        translated = re.sub(r"\[:(\w+):\]", _class, pattern)
        try:
            parsed = parser.parse(translated, sre.SRE_FLAG_DOTALL)
        except (re.error, OverflowError, RecursionError):
            raise QueryError(f'invalid regular expression: "{pattern[:100]}"') from None
        # One state: None or a test of one character, then the states after it.
        self.states: list[tuple[Test | str | None, list[int]]] = []
        self.end = self._state(None)
        self.start = self._sequence(parsed, self.end)
        self.cache: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def search(self, text: str) -> bool:
        current = self._closure({self.start}, at_start=True, at_end=not text)
        for place, character in enumerate(text):
            if self.end in current:
                return True
            last = place == len(text) - 1
            key = (current, character)
            found = None if last else self.cache.get(key)
            if found is None:
                found = self._step(current, character, last)
                if not last:
                    if len(self.cache) >= MAX_CACHED:
                        self.cache.clear()
                    self.cache[key] = found
            current = found
        return self.end in current

    def _step(self, current: frozenset[int], character: str, last: bool) -> frozenset[int]:
        reached = {self.start}
        for state in current:
            test, after = self.states[state]
            if callable(test) and test(character):
                reached.update(after)
        return self._closure(reached, at_start=False, at_end=last)

    def _closure(self, states: set[int], at_start: bool, at_end: bool) -> frozenset[int]:
        found, waiting = set(states), list(states)
        while waiting:
            test, after = self.states[waiting.pop()]
            if test is None or (test == "^" and at_start) or (test == "$" and at_end):
                new = [state for state in after if state not in found]
                found.update(new)
                waiting += new
        return frozenset(found)

    def _state(self, test: Test | str | None, *after: int) -> int:
        if len(self.states) >= MAX_STATES:
            raise QueryError("this regular expression is too large")
        self.states.append((test, list(after)))
        return len(self.states) - 1

    def _sequence(self, parsed: Any, after: int) -> int:
        for operation, argument in reversed(list(parsed)):
            after = self._piece(operation, argument, after)
        return after

    def _piece(self, operation: Any, argument: Any, after: int) -> int:
        if operation in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return self._state(_test(operation, argument), after)
        if operation is sre.SUBPATTERN:
            return self._sequence(argument[-1], after)
        if operation is sre.BRANCH:
            return self._state(None, *(self._sequence(branch, after) for branch in argument[1]))
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(*argument, after)
        if operation is sre.AT and argument in (sre.AT_BEGINNING, sre.AT_END):
            return self._state("^" if argument is sre.AT_BEGINNING else "$", after)
        raise QueryError("this regular expression is not supported")

    def _repeat(self, least: int, most: Any, parsed: Any, after: int) -> int:
        if most is sre.MAXREPEAT:
            loop = self._state(None, after)
            self.states[loop][1].append(self._sequence(parsed, loop))
            after = loop
        else:
            if most > 255:
                raise QueryError("invalid regular expression: a repetition is at most 255")
            end = after
            for _ in range(most - least):
                after = self._state(None, end, self._sequence(parsed, after))
        for _ in range(least):
            after = self._sequence(parsed, after)
        return after


def _class(match: re.Match[str]) -> str:
    if match[1] not in CLASSES:
        raise QueryError(f'"{match[0]}" in a regular expression is not supported')
    return CLASSES[match[1]]


def _test(operation: Any, argument: Any) -> Test:
    if operation is sre.ANY:
        return lambda character: True
    if operation is sre.LITERAL:
        return lambda character: ord(character) == argument
    if operation is sre.NOT_LITERAL:
        return lambda character: ord(character) != argument
    negated = argument[0][0] is sre.NEGATE
    tests = [_member(kind, value) for kind, value in argument[negated:]]
    return lambda character: any(test(character) for test in tests) != negated


def _member(kind: Any, value: Any) -> Test:
    if kind is sre.LITERAL:
        return lambda character: ord(character) == value
    if kind is sre.RANGE:
        return lambda character: value[0] <= ord(character) <= value[1]
    tests: dict[Any, Test] = {
        sre.CATEGORY_DIGIT: str.isdigit,
        sre.CATEGORY_SPACE: str.isspace,
        sre.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
        sre.CATEGORY_NOT_DIGIT: lambda character: not character.isdigit(),
        sre.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
        sre.CATEGORY_NOT_WORD: lambda character: not (character.isalnum() or character == "_"),
    }
    return tests[value]


@lru_cache(128)
def compile_regex(pattern: str) -> Regex:
    return Regex(pattern)
