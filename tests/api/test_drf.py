"""Refusals are those of Django REST framework, in words and shape: the same values are put to its serializers.

Where it takes more than we do, it is for one of two reasons: it reads other JSON types than the documented one
(`"5"` for 5), and other forms of dates, ids and decimals than the contract's.
"""

import json
import uuid

import django
import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.api import fields, loading
from mockserver.api.problems import Invalid

if not django_settings.configured:
    # Errors of a list are a list as long, as they are by default up to 3.19.
    django_settings.configure(USE_TZ=True, REST_FRAMEWORK={"LIST_SERIALIZER_ERRORS_AS_DICT": False})
    django.setup()

from django.core.exceptions import ObjectDoesNotExist
from rest_framework import serializers

pytestmark = pytest.mark.filterwarnings("ignore:The list-based error format")

KNOWN = "00000000-0000-4000-8000-000000000001"
STATUSES = ("draft", "approved")


class Scope:
    """A scope that sees one record."""

    reach = ()

    def find(self, kind, id):
        return {"id": KNOWN} if id == KNOWN else None


class Queryset:
    """What a related field asks of a queryset."""

    def all(self):
        return self

    def get(self, pk):
        if not isinstance(pk, str):
            raise TypeError
        if pk != KNOWN:
            raise ObjectDoesNotExist
        return pk


class Line(fields.Schema):
    name = fields.Text(max=3, required=True)
    quantity = fields.Integer(min=1, load_default=1)


class TheirLine(serializers.Serializer):
    name = serializers.CharField(max_length=3)
    quantity = serializers.IntegerField(min_value=1, max_value=fields.INT32, default=1)


PAIRS = {
    "text": (fields.Text(max=5), serializers.CharField(max_length=5)),
    "any text": (fields.Text(min=0, max=None), serializers.CharField(allow_blank=True)),
    "long text": (fields.Text(min=3, max=4), serializers.CharField(min_length=3, max_length=4)),
    "colour": (
        fields.Text(max=7, min=7, pattern="#[0-9a-fA-F]{6}"),
        serializers.RegexField(r"\A#[0-9a-fA-F]{6}\Z", min_length=7, max_length=7, trim_whitespace=False),
    ),
    "email": (fields.Email(), serializers.EmailField(max_length=254)),
    "url": (fields.Url(), serializers.URLField(max_length=2000)),
    "id": (fields.Id(), serializers.UUIDField()),
    "timestamp": (fields.Timestamp(), serializers.DateTimeField(default_timezone=None)),
    "date": (fields.Date(), serializers.DateField()),
    "money": (fields.Money(), serializers.DecimalField(18, 6, min_value=0)),
    "percent": (fields.Percent(), serializers.DecimalField(6, 3, min_value=0, max_value=100)),
    "choice": (fields.Choice(*STATUSES), serializers.ChoiceField(STATUSES)),
    "integer": (fields.Integer(), serializers.IntegerField(min_value=0, max_value=fields.INT32)),
    "boolean": (fields.Boolean(), serializers.BooleanField()),
    "object": (fields.Object(), serializers.DictField()),
    "array": (
        fields.Array(fields.Integer(), min=1, max=3),
        serializers.ListField(
            child=serializers.IntegerField(min_value=0, max_value=fields.INT32), min_length=1, max_length=3
        ),
    ),
    "texts": (fields.Array(fields.Text(max=3)), serializers.ListField(child=serializers.CharField(max_length=3))),
    "reference": (fields.Ref("tag"), serializers.PrimaryKeyRelatedField(queryset=Queryset())),
    "references": (fields.Refs("tag"), serializers.PrimaryKeyRelatedField(queryset=Queryset(), many=True)),
    "nested": (fields.Nested(Line), TheirLine()),
    "lines": (fields.Array(fields.Nested(Line)), TheirLine(many=True)),
}
# Which types of JSON a field is of; it reads a text of them in a form of its own.
TYPES = {
    **dict.fromkeys(("text", "any text", "long text", "colour", "choice"), (str,)),
    "integer": (int, float),
    "boolean": (bool,),
}
FORMS = ("email", "url", "id", "timestamp", "date", "money", "percent", "reference")
LOOSER = {"url": "a host name needs no dot"}


def ours(field, data):
    """(what is loaded, the errors)."""
    schema = type("Ours", (fields.Schema,), {"value": field})()
    schema.fields["value"].required = True
    token = fields.current_scope.set(Scope())
    try:
        return loading.load(schema, data), None
    except Invalid as problem:
        return None, json.loads(json.dumps(problem.body))
    finally:
        fields.current_scope.reset(token)


def theirs(field, data):
    serializer = type("Theirs", (serializers.Serializer,), {"value": field})(data=data)
    if serializer.is_valid():
        return serializer.validated_data, None
    return None, json.loads(json.dumps(serializer.errors))


def plain(errors):
    """Errors without the list of choices that we add to them."""
    if isinstance(errors, dict):
        return {key: plain(item) for key, item in errors.items()}
    if isinstance(errors, list):
        return list(map(plain, errors))
    return errors.split(" There are ")[0]


def excused(name, value) -> bool:
    """Whether they may take a value that we do not: one of another JSON type, or of another form."""
    if name in FORMS:
        return True
    if name in TYPES:
        return type(value) not in TYPES[name]
    if isinstance(value, list):
        kind = {"array": "integer", "texts": "text", "references": "reference", "lines": "nested"}.get(name, name)
        return any(excused(kind, item) for item in value)
    if name == "nested" and isinstance(value, dict):
        return excused("text", value.get("name")) or excused("integer", value.get("quantity", 1))
    return name == "references" and isinstance(value, dict)  # whose keys they take for a list


def check(name, data):
    field, other = PAIRS[name]
    loaded, told = ours(field, data)
    expected, said = theirs(other, data)
    value = data.get("value") if isinstance(data, dict) else None
    if said is not None and told is not None:
        assert plain(told) == said or excused_words(name, value, said), (data, told, said)
    elif said is not None:
        assert name in LOOSER, f"{data!r} is taken, which they refuse: {said}"
    elif told is not None:
        assert excused(name, value), f"{data!r} is refused, which they take: {told}"
    elif name in ("text", "any text", "long text", "texts"):
        assert loaded["value"] == expected["value"]


def excused_words(name, value, said) -> bool:
    """Whether both refuse, and we for one more reason: a value in it is of another JSON type."""
    written_with_exponent = isinstance(value, float) and "e" in str(value)  # which they do not take for whole
    return name in FORMS or excused(name, value) or written_with_exponent


TEXTS = ["", " ", "\t\n", "abc", " abc ", "abcdef", " abcde ", "a\0b", "ab\0cdefgh", "ab", "draft", "Draft", "#12345g"]
TEXTS += [
    "#1f77b4",
    " #1f77b4",
    "2026-01-15T09:00:00Z",
    "2026-01-15",
    "2026-13-15",
    "yesterday",
    KNOWN,
    str(uuid.UUID(int=7)),
]
TEXTS += [
    "not-a-uuid",
    "12.50",
    "-1",
    "1e3",
    "NaN",
    "Infinity",
    "0.1234567",
    "1234567890123",
    "100.1",
    "5",
    "true",
    "null",
]
TEXTS += [
    "joe@example.com",
    " joe@example.com",
    "joe",
    "joe@",
    "http://example.com/",
    "ftp://x",
    "example.com",
    "é",
    "\x1c",
]
SCALARS = [None, True, False, 0, 1, -1, 3.0, 3.5, 2**31, 2**31 - 1, 1e300]
VALUES = [*TEXTS, *SCALARS, [], {}, [1], ["a"], [""], [None], [1, "x", -1], [1, 2, 3, 4], {"a": 1}, {"name": "abc"}]
VALUES += [
    {"name": ""},
    {"name": " ab "},
    {"name": "abcd", "quantity": 0},
    {"quantity": "x"},
    [{"name": "abc"}, {}, 7, {"name": 5}],
]
VALUES += [[KNOWN], [KNOWN, str(uuid.UUID(int=7))], [5], [[]], [{"name": "a"}, {"name": "abcd"}], [{}], "x" * 300]


@pytest.mark.parametrize("name", PAIRS)
def test_a_value_is_refused_in_the_same_words(name):
    for value in VALUES:
        check(name, {"value": value})


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_absent_or_no_object_is_refused_in_the_same_words(name):
    for data in ({}, {"other": 1}, {"value": None}, [], "x", 5, None):
        if data is None:
            continue  # what a serializer without data is, they say in words of their own
        check(name, data)


@pytest.mark.parametrize("name", ["text", "any text", "long text", "texts", "choice", "integer", "nested", "lines"])
def test_any_value_is_refused_in_the_same_words(name):
    scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 2**40), st.text(max_size=7), st.sampled_from(TEXTS))
    lines = st.fixed_dictionaries({}, optional={"name": scalars, "quantity": scalars})

    @settings(max_examples=200, deadline=None, database=None)
    @given(st.one_of(scalars, lines, st.lists(st.one_of(lines, scalars), max_size=3)))
    def compare(value):
        check(name, {"value": value})

    compare()


def test_the_choices_are_told():
    told = ours(PAIRS["choice"][0], {"value": "no"})[1]
    assert told == {"value": ['"no" is not a valid choice. There are draft, approved.']}
