"""Bills of materials and their lines, from Cofactr data or from raw data that is matched to parts."""

from mockserver.api import fields
from mockserver.api.filters import After, Contains, Equals
from mockserver.api.problems import Conflict, Invalid
from mockserver.api.resource import Record, Reply, Resource, same
from mockserver.resources import async_jobs
from mockserver.resources._blocks import LABEL_FILTERS, CustomProperties, Integration, Labels, metadata
from mockserver.resources._designators import (
    MOST,
    MOST_IN_ALL,
    DesignatorList,
    DesignatorString,
    count,
    read,
    read_all,
    remark,
)
from mockserver.resources.parts import find_by_custom_id, find_by_mpn, from_catalogue
from mockserver.resources.stock_lots import on_hand

NO_MATCH, DO_NOT_PLACE, ON_HAND, BUYABLE, NEEDS_RFQ, IGNORE = STATUSES = (
    "no_match",
    "do_not_place",
    "on_hand",
    "buyable",
    "needs_rfq",
    "ignore",
)
MAX_LINES = 10_000  # of a request
MAX_ALTERNATIVES = 100  # of a line


# -- schemas ---------------------------------------------------------------------------------------------------


class BomHead(Integration):
    name = fields.Text(
        required=True, evidence="documented", description="What the assembly is called.", example="Motor Controller"
    )
    version = fields.Text(null=True, evidence="documented", description="The assembly's revision.", example="B")
    part_number = fields.Text(
        null=True, evidence="documented", description="The assembly's own number.", example="PCA-1042"
    )
    data_source = fields.Text(
        null=True, evidence="documented", description="Where the data comes from.", example="ERP export"
    )
    metadata = metadata()


class Bom(Record, BomHead, Labels):
    """A bill of materials."""

    custom_properties = CustomProperties("bom")
    approved = fields.Boolean(
        dump_only=True, dump_default=False, evidence="documented", description="Whether it is approved."
    )
    approved_at = fields.Timestamp(dump_only=True, null=True, description="When it was approved.")
    archived = fields.Boolean(
        dump_only=True,
        dump_default=False,
        evidence="documented",
        description="Whether it is archived: deleted when approved.",
    )
    archived_at = fields.Timestamp(dump_only=True, null=True, description="When it was archived.")
    line_count = fields.Integer(dump_only=True, dump_default=0, description="How many lines it has.")


class PartSummary(fields.Schema):
    id = fields.Cpid()
    mpn = fields.Text()
    manufacturer_name = fields.Text(null=True)
    description = fields.Text(null=True)


class Designators(fields.Schema):
    reference_designators_string = DesignatorString(
        evidence="documented",
        description=(
            "Where it is placed, ranges allowed: `C1, C3-C5 C9`. Used when `reference_designators` is absent or empty. "
            f"At most {MOST} designators."
        ),
        example="C1, C3-C5",
    )
    reference_designators = DesignatorList(
        evidence="documented",
        description=f"Where it is placed on the board, ranges allowed. At most {MOST} designators.",
    )


class LineFields(Designators):
    quantity = fields.Integer(
        load_default=0,
        evidence="documented",
        description="Pieces on one assembly; 0 for as many as there are designators.",
        example=4,
    )
    custom_id = fields.Text(null=True, evidence="documented", description="The organisation's own number for the part.")
    line_number = fields.Text(null=True, evidence="documented", description="The line's number in its source.")
    description = fields.Text(null=True, evidence="documented")
    link = fields.Text(null=True, evidence="documented")
    comments = fields.Text(null=True, evidence="documented")
    value = fields.Text(null=True, evidence="documented", description="Such as `100nF`.")
    package = fields.Text(null=True, evidence="documented", description="Such as `0402`.")
    mount_type = fields.Text(null=True, evidence="documented", description="Such as `SMT`.")
    do_not_place = fields.Boolean(
        load_default=False, evidence="documented", description="Whether it is left off the board."
    )
    is_custom_part = fields.Boolean(
        load_default=False, evidence="documented", description="Whether the part is made to order."
    )
    metadata = metadata()


class Identity(fields.Schema):
    mpn = fields.Text(
        null=True, evidence="documented", description="The manufacturer's part number.", example="GRM155R61A104KA01D"
    )
    manufacturer_name = fields.Text(null=True, evidence="documented", description="The maker.", example="Murata")
    alternative_mpns = fields.Array(
        fields.Text(min=0, max=None),
        max=MAX_ALTERNATIVES,
        load_default=list,
        evidence="documented",
        description="Numbers that will do as well.",
    )


class CreateRawBomLine(Identity, LineFields):
    """A line as a bill of materials has it, to be matched to a part."""


class BomLineRequest(Identity, LineFields):
    """A line of a known part."""

    part_id = fields.Ref("part", required=True, description="The part.")
    ignore = fields.Boolean(
        load_default=False,
        evidence="product",
        description="Left out like `do_not_place`, for the organisation's own reasons.",
    )


class PatchBomLine(BomLineRequest):
    part_id = fields.Ref("part", null=True, description="The part; null for one not recognised.")


class BomLine(Record, Identity, LineFields):
    """One part of a bill of materials and where it goes."""

    bom_id = fields.Ref("bom", on_delete=fields.CASCADE, dump_only=True)
    part_id = fields.Ref("part", dump_only=True, null=True, description="The part; null when none was recognised.")
    part = fields.Nested(PartSummary, dump_only=True, null=True)
    ignore = fields.Boolean(
        dump_only=True, dump_default=False, evidence="product", description="Left out like `do_not_place`."
    )
    reference_designators_string = DesignatorString(
        dump_only=True,
        dump_default="",
        evidence="documented",
        description="The designators, joined by a comma and a space.",
    )
    merged_lines = fields.Array(
        fields.Object(),
        dump_only=True,
        description="What lines that were added to this one said otherwise: for each its fields that differ.",
    )
    status = fields.Choice(*STATUSES, dump_only=True, evidence="product", description="Where its supply stands.")


def few_enough(name: str):
    """A check that the lines in the field `name` do not have too many designators in all."""

    @fields.ma.validates_schema
    def check(self, data, **kwargs):
        number = sum(
            sum(map(count, line.get("reference_designators") or [line.get("reference_designators_string", "")]))
            for line in data.get(name, ())
        )
        if number > MOST_IN_ALL:
            reason = f"Ensure these lines have no more than {MOST_IN_ALL} designators in all, not {number}."
            raise fields.ma.ValidationError([reason], name)

    return check


class CreateBomRequest(BomHead, Labels):
    """A bill of materials of known parts."""

    approved = fields.Boolean(
        load_default=False, evidence="documented", description="Whether it is approved from the start."
    )
    custom_properties = CustomProperties("bom")
    lines = fields.Array(
        fields.Nested(BomLineRequest),
        max=MAX_LINES,
        load_default=list,
        description=f"Its lines; repeated parts are summed. At most {MOST_IN_ALL} designators in all.",
    )
    keep_designators_few = few_enough("lines")


class ParseRawBomRequest(BomHead):
    """A bill of materials of raw lines."""

    approved = fields.Boolean(
        load_default=False, evidence="documented", description="Whether it is approved from the start."
    )
    raw_lines = fields.Array(
        fields.Nested(CreateRawBomLine),
        max=MAX_LINES,
        load_default=list,
        evidence="documented",
        description=f"Its lines as they are. At most {MOST_IN_ALL} designators in all.",
    )
    keep_designators_few = few_enough("raw_lines")


class UpsertBomRequest(ParseRawBomRequest):
    """A bill of materials that an integration keeps in step."""

    integration_source_name = fields.Text(
        max=None, required=True, description="The system it comes from.", example="altium365"
    )
    integration_record_id = fields.Text(max=None, required=True, description="Its id in that system.", example="PRJ-7")


class Resolution(fields.Schema):
    """What became of one raw line."""

    index = fields.Integer(description="Its place in `raw_lines`, from 0.")
    bom_line_id = fields.Id(description="The line it is, or was added to.")
    part_id = fields.Cpid(null=True, description="The part it was matched to.")
    matched_by = fields.Choice(
        "mpn", "custom_id", "alternative_mpns", null=True, description="What the part was recognised by."
    )
    merged = fields.Boolean(description="Whether it was added to an earlier line of the same part and designators.")
    differences = fields.Object(
        null=True,
        description=(
            "What it says otherwise than the line it was added to, which keeps it in `merged_lines`; null when nothing."
        ),
    )
    notes = fields.Array(fields.Text(max=None), description="What was taken otherwise than it was written.")


class ParsedBom(Bom):
    """A bill of materials with its lines and what each raw line resolved to."""

    lines = fields.Array(fields.Nested(BomLine), dump_only=True)
    resolutions = fields.Array(fields.Nested(Resolution), dump_only=True)


# -- resources -------------------------------------------------------------------------------------------------

boms = Resource(
    "bom",
    Bom,
    record_type="BOM",
    list="list_boms",
    retrieve="get_bom",
    update="update_bom",
    filters={
        "approved": Equals("approved"),
        "archived": Equals("archived", default=False),
        "name": Contains("name"),
        "part_number": Equals("part_number"),
        "updated_after": After("updated_at"),
        **LABEL_FILTERS,
    },
    indexes={
        "integration": lambda bom: ((bom["org_id"], bom["integration_source_name"], bom["integration_record_id"]),)
    },
)

bom_lines = Resource(
    "bom_line",
    BomLine,
    parent="bom_id",
    tells=(),
    list="list_bom_lines",
    retrieve="get_bom_line",
    destroy="delete_bom_line",
    filters={"part_id": Equals("part_id"), "do_not_place": Equals("do_not_place")},
    indexes={"merge": lambda line: ((line["bom_id"], line["part_id"]),) if line["part_id"] else ()},
)


fields.read_back(ParsedBom, UpsertBomRequest)


@boms.represent("line_count")
def represent_bom(scope, bom):
    return {**bom, "line_count": bom_lines.count(scope, "bom_id", bom["id"])}


@bom_lines.represent("part", "status")
def represent_line(scope, line):
    part = bom_lines.target(scope, line, "part_id")
    summary = part and {name: part[name] for name in ("id", "mpn", "manufacturer_name", "description")}
    return {**line, "part": summary, "status": supply_status(scope, line, part)}


@bom_lines.check
def keep_designators(scope, after, before):
    """The text lists the designators, and there are not too many of them."""
    names = after["reference_designators"]
    if len(names) > MOST:
        reason = f"Ensure this field has no more than {MOST} designators, not {len(names)}."
        raise Invalid({"reference_designators": [reason]})
    after["reference_designators_string"] = ", ".join(names)


def supply_status(scope, line: dict, part: dict | None) -> str:
    """What stands between a line and its parts, worst news first."""
    if line["ignore"]:
        return IGNORE
    if line["do_not_place"]:
        return DO_NOT_PLACE
    if part is None:
        return NO_MATCH
    if on_hand(scope, part["id"], line["org_id"]) >= max(1, line["quantity"]):
        return ON_HAND
    return BUYABLE if part["buyable"] >= max(1, line["quantity"]) else NEEDS_RFQ


# -- boms ------------------------------------------------------------------------------------------------------


@boms.action("create_bom", body=CreateBomRequest, status=201)
def create_bom(scope, data):
    """A BOM of known parts, with its lines if they are given. A repeated part is summed, as on an existing BOM."""
    lines = data.pop("lines")
    bom = boms.add(scope, born(scope, data))
    for index, line in enumerate(lines):
        with Invalid.under("lines", index, len(lines)):
            add_line(scope, bom, line)
    return bom


@boms.action(
    "parse_raw_bom",
    body=ParseRawBomRequest,
    returns=ParsedBom,
    status=201,
    evidence={"request": "documented", "response": "inferred"},
)
def parse_raw_bom(scope, data):
    """A BOM of raw lines, each matched to a part where one is recognised.

    By its number and maker, the organisation's own parts before the catalogue; then by `custom_id`;
    then by `alternative_mpns`. Lines of the same part and designators become one.
    """
    raw_lines = data.pop("raw_lines")
    bom = boms.add(scope, born(scope, data))
    resolutions = add_raw_lines(scope, bom, raw_lines)
    lines = [bom_lines.present(scope, line) for line in bom_lines.children(scope, bom)]
    return {**boms.present(scope, bom), "lines": lines, "resolutions": resolutions}


@boms.action("upsert_bom_async", body=UpsertBomRequest, returns=async_jobs.async_jobs, status=202)
def upsert_bom(scope, data):
    """Create or replace the BOM of an integration's record, found by source name and record id.

    The job's result is `{bom_id, created, unmatched_lines, resolutions}`: the places of the raw lines no part was
    recognised for, and what each line became. A BOM that the key may not see makes the job fail.
    """
    return async_jobs.start(scope, "upsert_bom_async", data, len(data["raw_lines"]))


@async_jobs.worker("upsert_bom_async")
def upsert_bom_now(scope, data):
    data = dict(data)
    raw_lines = data.pop("raw_lines")
    key = scope.org_id, data["integration_source_name"], data["integration_record_id"]
    found = next(iter(scope.where("bom", "integration", key)), None)
    if found is None and boms.count(scope, "integration", key):
        raise Conflict("The BOM of this integration record is another team's: this key can neither see nor change it.")
    if found:
        approved = data.pop("approved")
        bom = boms.change(scope, found, data | (approval(scope) if approved and not found["approved"] else {}))
        for line in bom_lines.children(scope, bom):
            bom_lines.remove(scope, line)
    else:
        bom = boms.add(scope, born(scope, data))
    resolutions = add_raw_lines(scope, bom, raw_lines)
    return {
        "bom_id": bom["id"],
        "created": found is None,
        "unmatched_lines": [resolution["index"] for resolution in resolutions if resolution["part_id"] is None],
        "resolutions": resolutions,
    }


@boms.action("approve_bom", conflict="The BOM is approved or archived already.")
def approve(scope, bom):
    """Approve a BOM. There is no way back."""
    if bom["archived"]:
        raise Conflict("An archived BOM cannot be approved.")
    if bom["approved"]:
        raise Conflict("This BOM is approved already.")
    return boms.change(scope, bom, approval(scope))


@boms.action("delete_bom", returns=None, status=204, conflict="Another record refers to the BOM.")
def delete_bom(scope, bom):
    """An unapproved BOM is gone with its lines.

    An approved one is archived: still readable, listed with `?archived=true` alone.
    """
    if not bom["approved"]:
        boms.remove(scope, bom)
    elif not bom["archived"]:
        boms.change(scope, bom, {"archived": True, "archived_at": scope.now})


def born(scope, data):
    return {**data, **approval(scope)} if data["approved"] else data


def approval(scope):
    return {"approved": True, "approved_at": scope.now}


# -- lines -----------------------------------------------------------------------------------------------------


@bom_lines.action(
    "create_bom_line", body=BomLineRequest, status=201, also={200: "The part is on the BOM already: its line, summed."}
)
def create_line(scope, bom, data):
    """Add a line. When the part is on the BOM already, quantities are summed and designators joined instead."""
    line, added = add_line(scope, bom, data)
    return line if added else Reply(line, 200)


@bom_lines.action(
    "parse_raw_bom_line",
    body=CreateRawBomLine,
    status=201,
    also={200: "The same part and designators are on the BOM already: their line, summed."},
)
def parse_raw_line(scope, bom, data):
    """Match a raw line to a part and add it.

    When a line has the same part and designators, quantities are summed instead.
    """
    line, resolution = add_raw_line(scope, bom, data)
    return Reply(line, 200) if resolution["merged"] else line


@bom_lines.action("update_bom_line", body=PatchBomLine, partial=True)
def update_line(scope, bom, line, data):
    """Change a line. Quantity 0 stands for as many as there are designators.

    With another part come its number and maker, unless others are given. A quantity that was the number of
    designators remains so when only these are changed.
    """
    return bom_lines.change(scope, line, followed(scope, line, placed_anew(line, data)))


def placed_anew(line: dict, data: dict) -> dict:
    """The changes with the designators they name, and with the quantity that goes with these."""
    before = names = line["reference_designators"]
    listed, text = data.get("reference_designators"), data.get("reference_designators_string")
    if listed and not (text is not None and read_all(listed) == before):
        names = read_all(listed)
    elif text is not None:  # sent together with the list as it was answered, the text is what was changed
        names = read(text)
    elif listed is not None:
        names = []
    data = {**data, "reference_designators": names}
    if data.get("quantity") == 0 or ("quantity" not in data and names and line["quantity"] == len(before)):
        data["quantity"] = len(names)
    return data


def followed(scope, line: dict, data: dict) -> dict:
    """The changes with the number and maker of the part they name, where these were not changed on their own."""
    part = data.get("part_id") not in (None, line["part_id"]) and bom_lines.target(scope, data, "part_id")
    if not part:
        return data
    names = [name for name in ("mpn", "manufacturer_name") if data.get(name) in (None, line[name])]
    return data | {name: part[name] for name in names}


def add_line(scope, bom: dict, data: dict) -> tuple[dict, bool]:
    """(the line, whether it is a new one) for a part of Cofactr's."""
    data = counted(data)
    part = bom_lines.target(scope, data, "part_id")
    for line in scope.where("bom_line", "merge", (bom["id"], part["id"])):
        if mergeable(line, data, part):
            return merged(scope, line, data)[0], False
    named = {name: data.get(name) or part[name] for name in ("mpn", "manufacturer_name")}
    return bom_lines.add(scope, {**data, **named, "bom_id": bom["id"]}), True


def add_raw_lines(scope, bom, raw_lines) -> list[dict]:
    """What became of each raw line."""
    resolutions = []
    for index, raw in enumerate(raw_lines):
        with Invalid.under("raw_lines", index, len(raw_lines)):
            resolutions.append({"index": index, **add_raw_line(scope, bom, raw)[1]})
    return resolutions


def add_raw_line(scope, bom, raw) -> tuple[dict, dict]:
    """(the line, what became of the raw one)."""
    part, matched_by = match(scope, raw)
    data = counted(raw)
    line = differences = None
    for other in scope.where("bom_line", "merge", (bom["id"], part["id"])) if part else ():
        same_places = set(other["reference_designators"]) == set(data["reference_designators"])
        if same_places and mergeable(other, data, part):
            line, differences = merged(scope, other, data)
            break
    resolution = {"merged": line is not None, "differences": differences}
    line = line or bom_lines.add(scope, {**data, "part_id": part and part["id"], "bom_id": bom["id"]})
    resolution |= {"bom_line_id": line["id"], "part_id": line["part_id"], "matched_by": matched_by}
    said = remark(raw)
    return line, {**resolution, "notes": [said] if said else []}


def match(scope, raw: dict) -> tuple[dict | None, str | None]:
    """(the part a raw line means, which of its fields told)."""
    mpn, maker = raw["mpn"], raw["manufacturer_name"]
    if part := find_by_mpn(scope, mpn, maker) or (None if raw["is_custom_part"] else from_catalogue(scope, mpn, maker)):
        return part, "mpn"
    if part := find_by_custom_id(scope, raw["custom_id"]):
        return part, "custom_id"
    for alternative in raw["alternative_mpns"]:
        if part := find_by_mpn(scope, alternative, maker) or find_by_mpn(scope, alternative, None):
            return part, "alternative_mpns"
    return None, None


# What tells apart lines that are not to be merged: what is done with the part, and who makes it.
INSTRUCTIONS = ("do_not_place", "ignore", "is_custom_part")
SAID = ("line_number", "custom_id", "mpn", "manufacturer_name", "description", "link", "comments", "value", "package")
SAID += ("mount_type",)


def mergeable(line: dict, data: dict, part: dict) -> bool:
    """Whether what is said of a part can be added to a line of it without losing what is to be done.

    Custom parts without designators are not: what tells them apart is not known.
    """
    custom = data["is_custom_part"] or part["is_custom_part"]
    if custom and not (data["reference_designators"] and line["reference_designators"]):
        return False
    return all(line[name] == data.get(name, False) for name in INSTRUCTIONS)


def merged(scope, line: dict, data: dict) -> tuple[dict, dict | None]:
    """(the line with the pieces and places of another added, what the other says otherwise if anything)."""
    quantity = line["quantity"] + data["quantity"]
    if quantity > fields.INT32:
        raise Invalid({"quantity": [f"Ensure the sum, {quantity}, is less than or equal to {fields.INT32}."]})
    names = dict.fromkeys([*line["reference_designators"], *data["reference_designators"]])
    numbers = dict.fromkeys([*line["alternative_mpns"], *data["alternative_mpns"]])
    values = {
        "quantity": quantity,
        "reference_designators": list(names),
        "alternative_mpns": list(numbers)[:MAX_ALTERNATIVES],
        "metadata": {**data["metadata"], **line["metadata"]},
    }
    differences = {}
    for name in SAID:
        if data.get(name) is None or data[name] == line[name]:
            continue
        (values if line[name] is None else differences)[name] = data[name]
    if other := {key: item for key, item in data["metadata"].items() if not same(item, values["metadata"][key])}:
        differences["metadata"] = other
    if lost := list(numbers)[MAX_ALTERNATIVES:]:
        differences["alternative_mpns"] = lost
    if differences:
        values["merged_lines"] = [*line["merged_lines"], differences]
    return bom_lines.change(scope, line, values), differences or None


def counted(data: dict) -> dict:
    """The line's data with its designators as a list and its quantity as a number of pieces."""
    listed, text = data.get("reference_designators"), data.get("reference_designators_string")
    names = read_all(listed) if listed else read(text or "")
    return {**data, "reference_designators": names, "quantity": data["quantity"] or len(names)}


# -- fakes -----------------------------------------------------------------------------------------------------


@boms.fake
def fake_bom(f):
    return {
        "name": f.faker.board_name(),
        "version": f.choice("ABCDE"),
        "part_number": f"PCA-{f.int(1000, 9999)}",
        "data_source": "PLM",
    }


@bom_lines.fake
def fake_line(f):
    bom, part = f.one("bom"), f.one("part")
    names = [f"X{f.ordinal}_{number}" for number in range(1, f.int(1, 4) + 1)] if f.int(0, 1) else []
    return {
        "bom_id": bom["id"],
        "org_id": bom["org_id"],
        "part_id": part["id"],
        "mpn": part["mpn"],
        "manufacturer_name": part["manufacturer_name"],
        "description": part["description"],
        "quantity": len(names) or f.int(1, 40),
        "reference_designators": names,
    }


@boms.seed
def seed_bom(world, values):
    if values.get("approved"):
        values.setdefault("approved_at", world.now)
    if values.get("archived"):
        values.setdefault("archived_at", world.now)
    return values


@bom_lines.seed
def seed_line(world, values):
    part = world.sandbox.store["part"].get(values["part_id"]) if values.get("part_id") else None
    values = ({name: part[name] for name in ("mpn", "manufacturer_name", "description")} if part else {}) | values
    return counted({"quantity": 0, **values})
