"""marshmallow fields that accept exactly what they document, and load into wire shape.

What a field loads is what the store keeps and a response carries: a timestamp is a string in UTC,
money is a decimal string. Nothing is dumped again on the way out.
"""

import dataclasses as dc
import datetime as dt
import functools
import re
import typing as t
from contextvars import ContextVar

import marshmallow as ma
from marshmallow import fields, validate

PROTECT, CASCADE, SET_NULL = "protect", "cascade", "set_null"
INT32 = 2**31 - 1
# As JSON Schema says it of texts. Python trims the separators 1C to 1F as well, which are no white space elsewhere.
NOT_BLANK, WITHOUT_NUL = r"^[^\x00]*[^\s\x00\x1c-\x1f][^\x00]*$", r"^[^\x00]*$"

# The key on whose behalf a request is being loaded: references are looked up in what it can see.
current_scope: ContextVar = ContextVar("current_scope", default=None)


_FIRST = ("id", "org_id", "name", "number")
_LAST = ("created_at", "updated_at")


class _InReadingOrder(type(ma.Schema)):
    """What a record is comes first, when it was changed last, whatever it inherits in between."""

    @classmethod
    def get_declared_fields(mcs, *args, **kwargs):
        declared = super().get_declared_fields(*args, **kwargs)
        names = [*_FIRST, *(name for name in declared if name not in _FIRST + _LAST), *_LAST]
        return {name: declared[name] for name in names if name in declared}


class Schema(ma.Schema, metaclass=_InReadingOrder):
    """Unknown keys are ignored, as Django REST framework ignores them.

    `read_only` names keys that answers have and requests need not: sent back, they are ignored and not called unknown.
    """

    read_only: t.ClassVar[frozenset[str]] = frozenset()

    class Meta:
        unknown = ma.EXCLUDE

    error_messages = {"type": "Invalid data. Expected a dictionary, but got {input_type}."}

    def handle_error(self, error, data, **kwargs):
        if isinstance(error.messages, dict) and "_schema" in error.messages:
            error.messages["non_field_errors"] = [
                message.replace("{input_type}", type(data).__name__) for message in error.messages.pop("_schema")
            ]


def read_back(answer: type[Schema], *requests: type[Schema]) -> None:
    """Let the request schemas know the fields of an answer, so that what was read can be sent back."""
    for request in requests:
        request.read_only = request.read_only | (answer._declared_fields.keys() - request._declared_fields.keys())


class _Documented:
    """What all fields share: `null`, `description`, `evidence`, `example`, and Django REST framework's wording."""

    default_error_messages = {"required": "This field is required.", "null": "This field may not be null."}

    def __init__(self, *args, null=False, description=None, evidence=None, example=None, metadata=None, **kwargs):
        metadata = dict(metadata or {})
        if description:
            metadata["description"] = description
        if evidence:
            metadata["x-evidence"] = evidence
        if example is not None:
            metadata["examples"] = [example]
        if null:
            kwargs["allow_none"] = True
            if not kwargs.get("required") and not kwargs.get("dump_only"):
                kwargs.setdefault("load_default", None)
        super().__init__(*args, metadata=metadata, **kwargs)


@functools.cache
def _format_validator(format: str):
    """Return the JSON Schema validator of a string format.

    It is the one that holds answers and traffic to the contract, so that a field and its schema cannot disagree.
    """
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"format": format}, validate_formats=True)


class Text(_Documented, fields.Field):
    """A string of `min` to `max` characters without NUL, trimmed first as Django REST framework trims texts.

    With `pattern` it is one that matches this whole, with `format` one that is valid in this format of JSON Schema;
    it is then not trimmed unless `trim` says so.
    """

    trim: bool | None = None
    is_text = True  # not a value of another kind that is written as a text
    default_error_messages = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
        "max": "Ensure this field has no more than {max} characters.",
        "min": "Ensure this field has at least {min} characters.",
        "null_characters": "Null characters are not allowed.",
        "pattern": "This value does not match the required pattern.",
    }

    def __init__(self, max=255, min=1, pattern=None, format=None, trim=None, **kwargs):
        self.max, self.min, self.format = max, min, format
        self.pattern = pattern and re.compile(pattern)
        self.trim = next((said for said in (trim, self.trim) if said is not None), pattern is None)
        self.is_text = self.is_text and (self.trim or pattern is not None)
        super().__init__(**kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, str):
            raise self.not_text(value)
        if self.trim:
            value = value.strip()
        if self.min and not value:
            raise self.make_error("blank")
        if reasons := self.reasons(value):
            raise ma.ValidationError([reason for error in reasons for reason in error.messages])
        return self.clean(value)

    def not_text(self, value) -> ma.ValidationError:
        """Return what is wrong with a value that is no text."""
        return self.make_error("pattern" if self.pattern else "invalid")

    def reasons(self, value: str) -> list[ma.ValidationError]:
        """Return all that is wrong with a trimmed text that is not blank."""
        found = []
        if self.max is not None and len(value) > self.max:
            found.append(self.make_error("max", max=self.max))
        if len(value) < self.min:
            found.append(self.make_error("min", min=self.min))
        if "\0" in value and self.is_text:
            found.append(self.make_error("null_characters"))
        if (self.pattern and not self.pattern.fullmatch(value)) or (
            self.format and not _format_validator(self.format).is_valid(value)
        ):
            found.append(self.make_error("pattern"))
        return found

    def clean(self, value: str) -> str:
        return value

    def document(self) -> dict:
        return {
            key: value
            for key, value in {
                "type": "string",
                "format": self.format,
                "minLength": self.min or None,
                "maxLength": self.max,
                "pattern": f"^{self.pattern.pattern}$" if self.pattern else NOT_BLANK if self.min else WITHOUT_NUL,
            }.items()
            if value is not None
        }


class Id(Text):
    """A UUID in its canonical form."""

    is_text = False

    default_error_messages = {"pattern": "Must be a valid UUID."}

    def __init__(self, **kwargs):
        super().__init__(
            max=None,
            min=0,
            format="uuid",
            pattern="[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            **kwargs,
        )

    def clean(self, value):
        return value.lower()

    def document(self):
        return {"type": "string", "format": "uuid"}


class Cpid(Text):
    """A Cofactr part id: 12 upper-case letters and digits."""

    is_text = False

    default_error_messages = {"pattern": "Must be a valid Cofactr part id: 12 upper-case letters and digits."}

    def __init__(self, **kwargs):
        super().__init__(max=None, min=0, pattern="[0-9A-Z]{12}", **kwargs)


class _Reference:
    """An id of a record of `kind` that the key can see. `on_delete` says what becomes of this record with that one."""

    default_error_messages = {
        "missing": 'Invalid pk "{value}" - object does not exist.',
        "type": "Incorrect type. Expected pk value, received {type}.",
    }

    def __init__(self, kind, *, on_delete=PROTECT, metadata=None, **kwargs):
        self.kind, self.on_delete = kind, on_delete
        super().__init__(metadata={**(metadata or {}), "x-references": kind}, **kwargs)

    def not_text(self, value):
        return self.make_error("type", type=type(value).__name__)

    def clean(self, value):
        value = super().clean(value)
        scope = current_scope.get()
        if scope is not None and (found := scope.find(self.kind, value)) is None:
            raise self.make_error("missing", value=value)
        return value if scope is None else found["id"]


class IdRef(_Reference, Id):
    pass


class PartRef(_Reference, Cpid):
    pass


def Ref(kind: str, **kwargs) -> Text:
    """A reference to one record of another kind."""
    return (PartRef if kind == "part" else IdRef)(kind, **kwargs)


class Email(Text):
    """An e-mail address: an RFC 5321 mailbox with a dotted host name."""

    trim = True

    default_error_messages = {"pattern": "Enter a valid email address."}
    _ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    _LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

    def __init__(self, **kwargs):
        # The format allows quoted local parts, address literals and host names without a dot as well.
        pattern = rf"{self._ATOM}(?:\.{self._ATOM})*@(?:{self._LABEL}\.)+{self._LABEL}"
        super().__init__(max=254, min=0, format="email", pattern=pattern, **kwargs)


class Url(Text):
    """An absolute http or https URL."""

    trim = True

    default_error_messages = {"pattern": "Enter a valid URL."}

    def __init__(self, **kwargs):
        super().__init__(max=2000, pattern=r"https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[!-~]*)?", **kwargs)


# RFC 3339 has a year 0, Python's calendar begins with the year 1.
_FROM_YEAR_1 = r"0{0,3}[1-9].*"


class Timestamp(Text):
    """An RFC 3339 date-time with an offset, kept in UTC."""

    is_text = False

    default_error_messages = {
        "pattern": "Datetime has wrong format. Use one of these formats instead: "
        "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        "overflow": "Datetime value out of range.",
    }

    def __init__(self, **kwargs):
        super().__init__(max=None, min=0, format="date-time", pattern=_FROM_YEAR_1, **kwargs)

    def clean(self, value):
        text = re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", value.upper())
        if text[17:19] == "60":  # a leap second, which Python does not know, is kept as the second before it
            text = f"{text[:17]}59{text[19:]}"
        try:
            moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
        except OverflowError:  # the first and last hours of the calendar, in some zones
            raise self.make_error("overflow") from None
        except ValueError:
            raise self.make_error("pattern") from None
        return moment.isoformat().replace("+00:00", "Z")


class Date(Text):
    """An ISO 8601 calendar date."""

    is_text = False

    default_error_messages = {"pattern": "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."}

    def __init__(self, **kwargs):
        super().__init__(max=None, min=0, format="date", pattern=_FROM_YEAR_1, **kwargs)


class Decimal(Text):
    """A number from 0 on as a decimal string, of at most so many digits before the point and after it."""

    is_text = False

    default_error_messages = {
        "pattern": "A valid number is required.",
        "digits": "Ensure that there are no more than {count} digits in total.",
        "places": "Ensure that there are no more than {count} decimal places.",
        "whole": "Ensure that there are no more than {count} digits before the decimal point.",
        "least": "Ensure this value is greater than or equal to 0.",
        "most": "Ensure this value is less than or equal to {most}.",
    }
    _number = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")

    def __init__(self, whole: int, places: int, most: int | None = None, pattern: str | None = None, **kwargs):
        self.whole, self.places, self.most = whole, places, most
        super().__init__(max=None, min=0, pattern=pattern or rf"[0-9]{{1,{whole}}}(\.[0-9]{{1,{places}}})?", **kwargs)

    def not_text(self, value):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return self.make_error("invalid" if number else "pattern")  # a number it may be, but a decimal string is wanted

    def reasons(self, value):
        match = self._number.fullmatch(value)
        if match is None:
            return [self.make_error("pattern")]
        whole, places = match[2].lstrip("0"), match[3] or ""
        if len(whole) + len(places) > self.whole + self.places:
            return [self.make_error("digits", count=self.whole + self.places)]
        if len(places) > self.places:
            return [self.make_error("places", count=self.places)]
        if len(match[2]) > self.whole:
            return [self.make_error("whole", count=self.whole)]
        if match[1] and (whole or places.strip("0")):
            return [self.make_error("least")]
        if self.most is not None and int(whole or 0) + bool(places.strip("0")) > self.most:
            return [self.make_error("most", most=self.most)]
        return [] if self.pattern.fullmatch(value) else [self.make_error("pattern")]


class Money(Decimal):
    """An amount that is not negative, as a decimal string: at most 12 digits before the point and 6 after it."""

    def __init__(self, **kwargs):
        super().__init__(12, 6, **kwargs)


class Percent(Decimal):
    """A percentage from 0 to 100, as a decimal string with at most 3 decimals."""

    def __init__(self, **kwargs):
        super().__init__(3, 3, 100, r"(100(\.0{1,3})?|[0-9]{1,2}(\.[0-9]{1,3})?)", **kwargs)


class Choice(Text):
    """One of a few strings."""

    default_error_messages = {"choice": '"{value}" is not a valid choice. There are {choices}.'}

    def __init__(self, *choices: str, **kwargs):
        self.choices = choices
        super().__init__(max=None, min=0, **kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if value not in self.choices or not isinstance(value, str):
            raise self.make_error("choice", value=value, choices=", ".join(self.choices))
        return value

    def document(self):
        return {"type": "string", "enum": list(self.choices)}


class Integer(_Documented, fields.Field):
    """3 and 3.0, as JSON Schema counts integers; never "3", true or 3.5. At most 32 bits unless told otherwise."""

    default_error_messages = {
        "invalid": "A valid integer is required.",
        "min": "Ensure this value is greater than or equal to {min}.",
        "max": "Ensure this value is less than or equal to {max}.",
    }

    def __init__(self, min=0, max=INT32, **kwargs):
        self.min, self.max = min, max
        super().__init__(**kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise self.make_error("invalid")
        if value < self.min:
            raise self.make_error("min", min=self.min)
        if value > self.max:
            raise self.make_error("max", max=self.max)
        return value

    def document(self):
        return {"type": "integer", "minimum": self.min, "maximum": self.max}


class Boolean(_Documented, fields.Field):
    """true or false, nothing that looks like it."""

    default_error_messages = {"invalid": "Must be a valid boolean."}

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value

    def document(self):
        return {"type": "boolean"}


class Object(_Documented, fields.Field):
    """Any JSON object, kept as it is."""

    default_error_messages = {"invalid": 'Expected a dictionary of items but got type "{type}".'}

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, dict):
            raise self.make_error("invalid", type=type(value).__name__)
        return value

    def document(self):
        return {"type": "object", "additionalProperties": True}


class Any(_Documented, fields.Field):
    """Any JSON value."""

    def document(self):
        return {}


class Array(_Documented, fields.List):
    """A list whose items are `of` one field; at most `max` of them, without repeats when `unique`."""

    default_error_messages = {
        "invalid": 'Expected a list of items but got type "{type}".',
        "max": "Ensure this field has no more than {max} elements.",
        "min": "Ensure this field has at least {min} elements.",
        "unique": "Items must be unique.",
    }

    def __init__(self, of, *, min=0, max=None, unique=False, **kwargs):
        self.min, self.max, self.unique = min, max, unique
        self.of_objects = isinstance(of, fields.Nested)
        super().__init__(of, **kwargs)

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, list):
            error = self.make_error("invalid", type=type(value).__name__)
            raise ma.ValidationError({"non_field_errors": error.messages}) if self.of_objects else error
        if len(value) < self.min:
            raise self.make_error("min", min=self.min)
        if self.max is not None and len(value) > self.max:
            raise self.make_error("max", max=self.max)
        try:
            loaded = super()._deserialize(value, attr, data, **kwargs)
        except ma.ValidationError as error:
            if self.of_objects:  # of objects the errors are a list as long, of other items they are by index
                raise ma.ValidationError([error.messages.get(index, {}) for index in range(len(value))]) from None
            raise
        if self.unique and len(set(map(str, loaded))) < len(loaded):
            raise self.make_error("unique")
        return loaded

    def document(self):
        return {
            key: value
            for key, value in {
                "minItems": self.min or None,
                "maxItems": self.max,
                "uniqueItems": self.unique or None,
            }.items()
            if value is not None
        }


class Nested(_Documented, fields.Nested):
    """An object with a schema of its own."""


@dc.dataclass(frozen=True)
class Upload:
    """A file out of a form: its name and type as the sender gave them, which may be anything, and its bytes."""

    filename: str
    content_type: str | None
    content: bytes


class File(_Documented, fields.Field):
    """A file, in a multipart form. Loads as an `Upload`."""

    default_error_messages = {
        "required": "No file was submitted.",
        "invalid": "The submitted data was not a file. Check the encoding type on the form.",
    }

    def _deserialize(self, value, attr, data, **kwargs):
        if not isinstance(value, Upload):
            raise self.make_error("invalid")
        return value

    def document(self):
        return {"type": "string", "contentMediaType": "application/octet-stream"}


class _References(Array):
    """References to any number of records. The first that is wrong is told, as Django REST framework tells it."""

    def _deserialize(self, value, attr, data, **kwargs):
        try:
            return super()._deserialize(value, attr, data, **kwargs)
        except ma.ValidationError as error:
            if isinstance(error.messages, dict):
                raise ma.ValidationError(error.messages[min(error.messages)]) from None
            raise


def Refs(kind: str, *, on_delete=PROTECT, **kwargs) -> Array:
    """References to any number of records of another kind, each at most once."""
    if not kwargs.get("dump_only"):
        kwargs.setdefault("load_default", list)
    return _References(Ref(kind, on_delete=on_delete), unique=True, **kwargs)


class QueryInteger(Integer):
    """An integer as a query string spells it."""

    def _deserialize(self, value, attr, data, **kwargs):
        if not re.fullmatch(r"-?[0-9]{1,10}", value):
            raise self.make_error("invalid")
        return super()._deserialize(int(value), attr, data, **kwargs)


class QueryBoolean(Boolean):
    """true or false as a query string spells them, in upper or lower case."""

    def _deserialize(self, value, attr, data, **kwargs):
        if value.lower() not in ("true", "false"):
            raise self.make_error("invalid")
        return value.lower() == "true"


__all__ = [name for name in dir() if name[0].isupper()] + ["current_scope", "validate"]
