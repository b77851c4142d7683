"""Parts: the organisation's own, and a catalogue that knows nearly every part there is."""

import re

from mockserver.api import fields
from mockserver.api.loading import load
from mockserver.api.openapi import patch
from mockserver.api.problems import Invalid, Problem
from mockserver.api.resource import Resource, changed
from mockserver.resources import async_jobs
from mockserver.resources._blocks import CustomProperties, Integration, Labels, metadata
from mockserver.sandbox import electronics, ids
from mockserver.sandbox.clock import stamp


class PricePoint(fields.Schema):
    """The price of one piece when at least `quantity` are bought."""

    quantity = fields.Integer(min=1, required=True, description="Pieces.")
    price = fields.Money(required=True, description="For one piece, in `currency`.")
    currency = fields.Text(min=3, max=3, pattern="[A-Z]{3}", required=True, description="ISO 4217.")


class Offer(fields.Schema):
    """What one seller offers of a part."""

    seller = fields.Text(required=True)
    sku = fields.Text(required=True, description="The seller's own number.")
    packaging = fields.Text(required=True, description="Such as `Tape & Reel`.")
    moq = fields.Integer(min=1, required=True, description="The least that is sold, in pieces.")
    order_multiple = fields.Integer(min=1, required=True, description="Sold in multiples of this many pieces.")
    status = fields.Choice(*electronics.OFFER_STATUSES, required=True)
    is_authorized = fields.Boolean(required=True, description="Whether the maker has authorised the seller.")
    inventory_level = fields.Integer(required=True, description="Pieces in stock.")
    factory_lead_days = fields.Integer(
        null=True, description="Days until the factory delivers; null when it no longer does."
    )
    prices = fields.Array(fields.Nested(PricePoint), required=True, description="Price breaks, by rising quantity.")


class Spec(fields.Schema):
    id = fields.Text(required=True)
    label = fields.Text(required=True)
    value = fields.Text(required=True)


class PartDocument(fields.Schema):
    label = fields.Text(required=True, description="Such as `Datasheet`.")
    url = fields.Url(required=True)
    filename = fields.Text(required=True)


class PartFields(Integration, Labels):
    """What a caller can say of a part."""

    mpn = fields.Text(required=True, description="The manufacturer's part number.", example="GRM155R61A104KA01D")
    alt_mpns = fields.Array(fields.Text(), load_default=list, description="Other numbers of the same part.")
    manufacturer_name = fields.Text(null=True, description="The maker.", example="Murata")
    custom_id = fields.Text(null=True, evidence="documented", description="The organisation's own number for the part.")
    description = fields.Text(null=True)
    classification = fields.Text(null=True, description="Such as `ceramic capacitors`.")
    package = fields.Text(null=True, description="Such as `0805`.")
    msl = fields.Text(null=True, description="Moisture sensitivity level.")
    terminations = fields.Integer(null=True, description="How many leads or pads it has.")
    termination_type = fields.Choice(*electronics.TERMINATION_TYPES, null=True)
    lifecycle_status = fields.Choice(*electronics.LIFECYCLES, null=True)
    rohs_status = fields.Choice(*electronics.ROHS_STATUSES, null=True)
    reach_status = fields.Choice(*electronics.REACH_STATUSES, null=True)
    aecq_status = fields.Choice(*electronics.AECQ_STATUSES, null=True)
    specs = fields.Array(fields.Nested(Spec), load_default=list)
    documents = fields.Array(fields.Nested(PartDocument), load_default=list)
    is_custom_part = fields.Boolean(
        load_default=False, evidence="documented", description="Whether it is made to order."
    )
    metadata = metadata()
    custom_properties = CustomProperties("part")


class Part(PartFields):
    """A part. Those of the catalogue belong to no organisation."""

    id = fields.Cpid(dump_only=True, evidence="product", description="The Cofactr part id (CPID).")
    org_id = fields.Ref(
        "org", dump_only=True, null=True, description="The organisation whose own part it is; null in the catalogue."
    )
    deprecated_ids = fields.Array(fields.Cpid(), dump_only=True, description="Retired ids, which still find this part.")
    inventory_level = fields.Integer(dump_only=True, dump_default=0, description="Pieces in stock at all sellers.")
    buyable = fields.Integer(
        dump_only=True, dump_default=0, description="Pieces that can be bought at a listed price now."
    )
    quotable = fields.Integer(dump_only=True, dump_default=0, description="Pieces sold on quotation only.")
    maybe = fields.Integer(dump_only=True, dump_default=0, description="Pieces whose availability is uncertain.")
    reference_prices = fields.Array(
        fields.Nested(PricePoint), dump_only=True, description="The best listed price at each quantity."
    )
    offers = fields.Array(fields.Nested(Offer), dump_only=True)
    created_at = fields.Timestamp(dump_only=True)
    updated_at = fields.Timestamp(dump_only=True)


class UpsertPart(PartFields):
    """A part to create or update: found by `id`, else by `custom_id`, else by its number and maker.

    What is left out stays as it is, null clears it. A part that is new needs `mpn`.
    """

    id = fields.Cpid(null=True, description="The Cofactr part id, when it is known.")


class CreatePartsRequest(fields.Schema):
    parts = fields.Array(fields.Nested(PartFields), min=1, max=500, required=True)


class UpsertPartsRequest(fields.Schema):
    parts = fields.Array(fields.Nested(patch(UpsertPart)), min=1, max=500, required=True)


fields.read_back(Part, PartFields, UpsertPart)


class Parts(Resource):
    def new_id(self, scope, part):
        """A CPID: of a catalogue part from its maker and number, of the organisation's own from how many it has."""
        seed = scope.sandbox.seed
        if part["org_id"] is None:
            return catalogue_id(seed, part["manufacturer_name"], part["mpn"])
        ordinal = self.count(scope, "org_id", part["org_id"]) + 1
        while scope.sandbox.store["part"].get(id := ids.cpid(seed, "own", part["org_id"], ordinal)):
            ordinal += 1
        return id

    def successor(self, scope, id):
        return next(iter(self.referring(scope, "deprecated_id", id)), None)


parts = Parts(
    "part",
    Part,
    retrieve="get_part",
    indexes={
        "mpn_key": lambda part: (electronics.normalise(part["mpn"]),),
        "custom_id": lambda part: (part["custom_id"],) if part["custom_id"] else (),
        "deprecated_id": lambda part: part["deprecated_ids"],
    },
)


def catalogue_id(seed, manufacturer_name: str | None, mpn: str | None) -> str:
    """The CPID of the catalogue's part of this maker and number, however they are spelt."""
    return ids.cpid(seed, electronics.manufacturer_key(manufacturer_name), electronics.normalise(mpn))


# -- rules -----------------------------------------------------------------------------------------------------

SUPPLY = ("inventory_level", "buyable", "quotable", "maybe", "reference_prices", "offers")


@parts.check
def keep_unique(scope, after, before):
    """An organisation has one part of a number and maker, and one of a `custom_id`."""
    if after["org_id"] is None:
        return
    if before is None or identity(before) != identity(after):
        alike = others(scope, after, "mpn_key", electronics.normalise(after["mpn"]))
        if any(identity(other) == identity(after) for other in alike):
            raise Invalid({"mpn": ["A part with this number and manufacturer already exists."]})
    named_anew = after["custom_id"] and (before is None or before["custom_id"] != after["custom_id"])
    if named_anew and others(scope, after, "custom_id", after["custom_id"]):
        raise Invalid({"custom_id": ["A part with this custom_id already exists."]})


@parts.check
def follow_supply(scope, after, before):
    """What can be bought of an organisation's part follows from what part it is, unless that is said as well."""
    if before is None or after["org_id"] is None or changed(before, {name: after[name] for name in SUPPLY}):
        return
    if identity(before) != identity(after) or before["is_custom_part"] != after["is_custom_part"]:
        after.update(supply(scope, after))


def identity(part: dict) -> tuple:
    """What an organisation has one part of: a number and a maker, however they are spelt."""
    return electronics.normalise(part["mpn"]), electronics.manufacturer_key(part["manufacturer_name"])


def others(scope, part: dict, index: str, value) -> list[dict]:
    """The organisation's parts with this value in an index, but for the one in hand."""
    found = parts.referring(scope, index, value)
    return [other for other in found if other["org_id"] == part["org_id"] and other["id"] != part.get("id")]


def supply(scope, part: dict) -> dict:
    """What can be bought of a part of this number and maker: what the catalogue lists; nothing when made to order."""
    listed = None
    if not part["is_custom_part"]:
        listed = from_catalogue(scope, part["mpn"], part["manufacturer_name"])
    listed = listed or parts.blank()
    return {name: listed[name] for name in SUPPLY}


# -- finding parts ---------------------------------------------------------------------------------------------


def find_by_mpn(scope, mpn: str | None, manufacturer_name: str | None) -> dict | None:
    """The part with this number, case and punctuation aside, and this maker if one is named. The org's own first."""
    key = electronics.normalise(mpn)
    if not key:
        return None
    found = scope.where("part", "mpn_key", key)
    if maker := electronics.manufacturer_key(manufacturer_name):
        found = [part for part in found if electronics.manufacturer_key(part["manufacturer_name"]) == maker]
    return min(found, key=lambda part: _nearness(scope, part), default=None)


def find_by_custom_id(scope, custom_id: str | None, org_ids=None) -> dict | None:
    """The part that the organisation, or one of `org_ids`, calls by this id. The organisation's own first."""
    found = scope.where("part", "custom_id", custom_id, org_ids) if custom_id else ()
    return min(found, key=lambda part: _nearness(scope, part), default=None)


def find_own(scope, mpn: str, manufacturer_name: str | None) -> dict | None:
    """The organisation's own part of exactly this number and maker, or of no maker when none is named."""
    maker = electronics.manufacturer_key(manufacturer_name)
    return next(
        (
            part
            for part in scope.where("part", "mpn_key", electronics.normalise(mpn), [scope.org_id])
            if part["org_id"] and electronics.manufacturer_key(part["manufacturer_name"]) == maker
        ),
        None,
    )


def _nearness(scope, part: dict) -> int:
    """The organisation's own parts come before those of others in reach, and the catalogue comes last."""
    return 0 if part["org_id"] == scope.org_id else 1 if part["org_id"] else 2


def from_catalogue(scope, mpn: str | None, manufacturer_name: str | None) -> dict | None:
    """The catalogue's part of this number and maker: made on first sight, the same one ever after."""
    catalogue, seed = scope.sandbox.world.catalogue, scope.sandbox.seed
    number, maker = electronics.normalise(mpn), electronics.manufacturer_key(manufacturer_name)
    if not number or not maker or catalogue.known_parts_only:
        return None
    if any(re.search(pattern, mpn, re.IGNORECASE) for pattern in catalogue.never_match):
        return None
    id = catalogue_id(seed, manufacturer_name, mpn)
    if known := scope.find("part", id):
        return known
    mpn, manufacturer_name = mpn.strip().upper()[:255], electronics.manufacturer(manufacturer_name)[:255]
    return parts.add(scope, catalogue_part(scope.sandbox.world, id, mpn, manufacturer_name), id=id, org_id=None)


def catalogue_part(world, id: str, mpn: str, manufacturer_name: str) -> dict:
    """A part as the catalogue lists it: a function of the seed, the maker and the number."""
    random = ids.Random(world.seed, "part", id)
    facts = electronics.part(random, mpn, manufacturer_name)
    return {
        **parts.blank(),
        **facts,
        "id": id,
        "org_id": None,
        "created_at": stamp(world.now),
        "updated_at": stamp(world.now),
    }


# -- asynchronous creation -------------------------------------------------------------------------------------


@parts.action("create_parts_async", body=CreatePartsRequest, returns=async_jobs.async_jobs, status=202)
def create_async(scope, data):
    """Create up to 500 parts. A part is its number and maker: one that is there already is an error of its own.

    The job's result is `{created, updated, errors: [{index, errors}]}`, ids in the first two.
    """
    return async_jobs.start(scope, "create_parts_async", data, len(data["parts"]))


@parts.action("upsert_parts_async", body=UpsertPartsRequest, returns=async_jobs.async_jobs, status=202)
def upsert_async(scope, data):
    """Create or update up to 500 parts, matched by `id`, then `custom_id`, then number and maker.

    What an item leaves out stays as it is, null clears it. An item that would make two parts of one number and maker,
    or of one `custom_id`, is an error of its own.
    """
    return async_jobs.start(scope, "upsert_parts_async", data, len(data["parts"]))


@async_jobs.worker("create_parts_async")
def create_parts(scope, data):
    return _each(data["parts"], PartFields(), lambda values: (add(scope, values), True))


@async_jobs.worker("upsert_parts_async")
def upsert_parts(scope, data):
    def upsert(values):
        id = values.pop("id", None)
        found = (
            own(scope, scope.find("part", id) if id else None)
            or find_by_custom_id(scope, values.get("custom_id"), [scope.org_id])
            or ("mpn" in values and find_own(scope, values["mpn"], values.get("manufacturer_name")))
        )
        if found:
            return parts.change(scope, found, values), False
        if id:
            raise Problem({"id": [f'Invalid pk "{id}" - object does not exist among the organisation\'s own parts.']})
        return add(scope, load(PartFields(), values)), True

    return _each(data["parts"], patch(UpsertPart), upsert)


def own(scope, part: dict | None) -> dict | None:
    return part if part and part["org_id"] == scope.org_id else None


def add(scope, values: dict) -> dict:
    """A part of the organisation's own. What is bought from distributors takes their offers over from the catalogue."""
    return parts.add(scope, values | supply(scope, values))


def _each(items, schema, function):
    """The result of a job on several parts. Each is loaded again: what it refers to may be gone by now."""
    result = {"created": [], "updated": [], "errors": []}
    for index, values in enumerate(items):
        try:
            part, created = function(load(schema, values))
            result["created" if created else "updated"].append(part["id"])
        except Problem as problem:
            result["errors"].append({"index": index, "errors": problem.body})
    return result


@parts.fake
def fake(f):
    part = electronics.part(f.random)
    return {**part, "mpn": f.unique(part["mpn"])}


@parts.seed
def seed(world, values):
    if values.get("is_custom_part") or "offers" in values:
        return values
    random = ids.Random(world.seed, "part", electronics.normalise(values["mpn"]))
    return {**electronics.part(random, values["mpn"], values.get("manufacturer_name")), **values}
