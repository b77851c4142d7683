"""Whatever is asked for in whatever order, the records stay sound.

A random walk over the operations that write, each with references to records there are. After every step
no record refers to a missing one, and every total and count is what the records say it is.
"""

import collections
import functools
import io
from decimal import ROUND_HALF_UP, Decimal

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from mockserver import resources, worlds
from mockserver.api.scope import Scope
from mockserver.sandbox import Sandbox

from .conftest import Api

KINDS = resources.by_kind()
PRICES = ("0", "0.0112", "1.005", "9.20", "12.345", "731.999999")
CENT = Decimal("0.01")
answered = collections.Counter()  # operations that did what they were asked


class Nothing(Exception):
    """There is no record such as the request needs."""


class Draw:
    """What a request is made of: values, and references to records there are."""

    def __init__(self, data, store):
        self.draw, self.store = data.draw, store

    def int(self, least, most):
        return self.draw(st.integers(least, most))

    def of(self, *options):
        return self.draw(st.sampled_from(options))

    def record(self, kind):
        records = list(self.store[kind])[-12:]  # the latest, so that the walk comes back to what it made
        if not records:
            raise Nothing
        return records[self.int(0, len(records) - 1)]

    def ref(self, kind):
        return self.record(kind)["id"]

    def maybe(self, kind):
        return self.ref(kind) if len(self.store[kind]) and self.int(0, 1) else None

    def refs(self, kind):
        return [self.ref(kind)] if len(self.store[kind]) and self.int(0, 1) else []

    def price(self):
        return self.of(*PRICES)

    def name(self):
        return f"Thing {self.int(1, 30)}"

    def labels(self):
        return {"team_ids": self.refs("team"), "tag_ids": self.refs("tag")}

    def some(self, **values):
        """A part of the values, for a PATCH."""
        return {name: value for name, value in values.items() if self.int(0, 1)}


# -- requests: (verb, path template, what to send). The last record of a path is drawn, and says its parents.

PURCHASE_LINES = "/v1/purchase_orders/{purchase_order_id}/lines/"
NO_PART_LINES = "/v1/purchase_orders/{purchase_order_id}/no_part_lines/"
EVENTS = ("approved", "ordered", "shipped", "received", "cancelled", "note")


def raw_line(d):
    part = d.record("part")
    return {"mpn": d.of(part["mpn"], "NEVER-SEEN-1"),
            "manufacturer_name": d.of(part["manufacturer_name"], None),
            "reference_designators_string": d.of("R1", "R1-R3", "R7"), "do_not_place": d.of(True, False),
            "custom_id": part["custom_id"]}  # fmt: skip


def bom_line(d):
    return {"part_id": d.ref("part"), "quantity": d.int(0, 9), "ignore": d.of(True, False)}


def program_line(d):
    target = d.of("bom", "part")
    return {f"{target}_id": d.ref(target), "quantity": d.int(1, 400), "attrition_percent": d.of("0", "2.5")}


def part_override(d):
    return {"part_id": d.ref("part"), "include": d.of("include", "exclude"),
            "substitute_part_id": d.maybe("part"),
            "quantity_override": d.of(None, 7), "attrition_percent": d.of(None, "10")}  # fmt: skip


def order_line(d):
    return {"part_id": d.ref("part"), "quantity": d.int(1, 60), "unit_price": d.price(),
            "supplier_quote_line_id": d.maybe("supplier_quote_line")}  # fmt: skip


def no_part_line(d):
    return {"description": "Reeling", "quantity": d.int(1, 3), "unit_price": d.price()}


def order(d):
    return {"supplier_id": d.ref("supplier"), "program_id": d.maybe("program"), "shipping_amount": d.price(),
            "visibility": "shared", "lines": [order_line(d) for _ in range(d.int(0, 2))],
            "no_part_lines": [no_part_line(d) for _ in range(d.int(0, 1))], **d.labels()}  # fmt: skip


def lines_of(d, kind, order_id):
    return d.store[kind].where("purchase_order_id", order_id)


def at_least_one(items):
    if not items:
        raise Nothing
    return items


def event(d, order_id):
    lines = [{"purchase_line_id": line["id"], "quantity": d.int(1, line["quantity"])}
             for line in lines_of(d, "purchase_line", order_id) if d.int(0, 1)]  # fmt: skip
    return {"type": d.of(*EVENTS), **({"lines": lines} if lines else {})}


def patched_lines(d, order_id):
    return at_least_one([
        {"id": line["id"], **d.some(quantity=d.int(1, 90), unit_price=d.price(), part_id=d.ref("part"))}
        for line in lines_of(d, "purchase_line", order_id) if d.int(0, 2)])  # fmt: skip


def patched_no_part_lines(d, order_id):
    return at_least_one([
        {"id": line["id"], "quantity": d.int(1, 4), **d.some(unit_price=d.price())}
        for line in lines_of(d, "no_part_line", order_id)])  # fmt: skip


def bill_line(d, order_id):
    lines = lines_of(d, "purchase_line", order_id)
    return {"purchase_line_id": lines[d.int(0, len(lines) - 1)]["id"] if lines else None,
            "description": "Handling", "quantity": d.int(1, 9), "unit_price": d.price()}  # fmt: skip


def bill(d):
    order_id = d.ref("purchase_order")
    return {"purchase_order_id": order_id, "lines": [bill_line(d, order_id) for _ in range(d.int(0, 2))]}


def rfq(d):
    target = d.of("bom", "program")
    return {"name": d.name(), "supplier_ids": d.refs("supplier"), f"{target}_id": d.ref(target)}


def quote(d):
    return {"supplier_id": d.ref("supplier"), "rfq_id": d.maybe("rfq")}


def quote_line(d):
    return {"supplier_quote_id": d.ref("supplier_quote"), "part_id": d.ref("part"),
            "rfq_line_id": d.maybe("rfq_line"),
            "quantity": d.int(1, 90), "unit_price": d.price(),
            "price_breaks": [{"quantity": d.int(1, 99), "unit_price": d.price()}]}  # fmt: skip


def stock(d):
    return {"location": d.of("Shelf", "Line"), "quantity": d.int(0, 900), "unit_cost": d.price()}


def lot(d):
    return d.some(quantity=d.int(0, 900), allocated_quantity=d.int(0, 900), program_id=d.maybe("program"),
                  status=d.of("available", "on_hold", "consumed"))  # fmt: skip


def document(d):
    return {
        "file": (io.BytesIO(b"text"), "text.txt"),
        "part_id": d.ref("part"),
        "stock_lot_id": d.ref("stock_lot"),
    }


CREATE = [
    ("POST", "/v1/boms/", lambda d: {"name": d.name(), "approved": d.of(True, False), **d.labels(),
                                     "lines": [bom_line(d) for _ in range(d.int(0, 3))]}),
    ("POST", "/v1/parse_raw_bom/", lambda d: {
        "name": d.name(), "raw_lines": [raw_line(d) for _ in range(d.int(0, 3))]}),
    ("PUT", "/v1/boms/async_upsert/", lambda d: {
        "name": d.name(), "integration_source_name": "plm", "integration_record_id": d.of("A", "B"),
        "raw_lines": [raw_line(d) for _ in range(d.int(0, 3))]}),
    ("POST", "/v1/boms/{bom_id}/lines/", bom_line),
    ("POST", "/v1/boms/{bom_id}/parse_raw_bom_line/", raw_line),
    ("POST", "/v1/programs/", lambda d: {"name": d.name(), **d.labels()}),
    ("POST", "/v1/programs/{program_id}/lines/", lambda d: [program_line(d) for _ in range(d.int(1, 3))]),
    ("POST", "/v1/programs/{program_id}/part_overrides/", lambda d: [part_override(d)]),
    ("POST", "/v1/suppliers/", lambda d: {"name": d.name(), **d.labels()}),
    ("PUT", "/v1/parts/async_upsert/", lambda d: {"parts": [
        {"mpn": d.name(), "manufacturer_name": "Acme", "is_custom_part": True, **d.labels()}]}),
    ("PUT", "/v1/parts/{part_id}/stock/", stock),
    ("POST", "/v1/tags/", lambda d: {"name": d.name()}),
    ("POST", "/v1/team_types/", lambda d: {"name": d.name()}),
    ("POST", "/v1/teams/", lambda d: {
        "name": d.name(), "team_type_id": d.maybe("team_type"), "user_ids": d.refs("user")}),
    ("POST", "/v1/rfqs/", rfq),
    ("POST", "/v1/rfq_lines/", lambda d: {
        "rfq_id": d.ref("rfq"), "part_id": d.ref("part"), "quantity": d.int(1, 99)}),
    ("POST", "/v1/supplier_quotes/", quote),
    ("POST", "/v1/supplier_quote_lines/", quote_line),
    ("POST", "/v1/purchase_orders/", order),
    ("POST", PURCHASE_LINES, order_line),
    ("POST", NO_PART_LINES, no_part_line),
    ("POST", "/v1/supplier_bills/", bill),
    ("POST", "/v1/supplier_bills/{supplier_bill_id}/lines/", bill_line),
    ("POST", "/v1/stock_documents/", document),
    ("POST", "/v1/outbound_emails/", lambda d: {
        "to_emails": ["a@example.com"], "subject": "", "body": "", "attachments": d.refs("stock_document")}),
]  # fmt: skip
UPDATE = [
    ("PATCH", "/v1/boms/{bom_id}/", lambda d: d.some(name=d.name(), **d.labels())),
    ("PATCH", "/v1/boms/{bom_id}/lines/{bom_line_id}/", lambda d: d.some(
        part_id=d.maybe("part"), quantity=d.int(0, 9), do_not_place=d.of(True, False))),
    ("PATCH", "/v1/programs/{program_id}/", lambda d: d.some(
        status=d.of("draft", "approved", "approved", "complete"), **d.labels())),
    ("PATCH", "/v1/programs/{program_id}/lines/{program_line_id}/", program_line),
    ("PATCH", "/v1/programs/{program_id}/part_overrides/{part_override_id}/", part_override),
    ("PATCH", "/v1/suppliers/{supplier_id}/", lambda d: d.some(name=d.name(), **d.labels())),
    ("PATCH", "/v1/stock_lots/{stock_lot_id}/", lot),
    ("PATCH", "/v1/teams/{team_id}/", lambda d: d.some(
        name=d.name(), team_type_id=d.maybe("team_type"), user_ids=d.refs("user"))),
    ("PATCH", "/v1/rfqs/{rfq_id}/", lambda d: d.some(
        status=d.of("sent", "sent", "quoted", "closed", "cancelled"), bom_id=d.maybe("bom"))),
    ("PATCH", "/v1/rfq_lines/{rfq_line_id}/", lambda d: d.some(part_id=d.ref("part"), quantity=d.int(1, 99))),
    ("PATCH", "/v1/supplier_quotes/{supplier_quote_id}/", lambda d: d.some(
        status=d.of("accepted", "declined", "expired"))),
    ("PATCH", "/v1/supplier_quote_lines/{supplier_quote_line_id}/", lambda d: d.some(
        part_id=d.ref("part"), rfq_line_id=d.maybe("rfq_line"))),
    ("PATCH", "/v1/purchase_orders/{purchase_order_id}/", lambda d: d.some(
        supplier_id=d.ref("supplier"), program_id=d.maybe("program"), tax_amount=d.price(), **d.labels())),
    ("PATCH", PURCHASE_LINES, patched_lines),
    ("PATCH", NO_PART_LINES, patched_no_part_lines),
    ("PATCH", "/v1/supplier_bills/{supplier_bill_id}/", lambda d: d.some(
        status=d.of("approved", "paid", "void"), number=d.of("N-1", "N-2"))),
    ("PATCH", "/v1/supplier_bills/{supplier_bill_id}/lines/{supplier_bill_line_id}/", lambda d: d.some(
        quantity=d.int(1, 9), unit_price=d.price())),
]  # fmt: skip
DELETE = [
    ("DELETE", path, None)
    for path in (
        "/v1/boms/{bom_id}/",
        "/v1/boms/{bom_id}/lines/{bom_line_id}/",
        "/v1/programs/{program_id}/",
        "/v1/programs/{program_id}/lines/{program_line_id}/",
        "/v1/programs/{program_id}/part_overrides/{part_override_id}/",
        "/v1/purchase_orders/{purchase_order_id}/",
        "/v1/purchase_orders/{purchase_order_id}/lines/{purchase_line_id}/",
        "/v1/purchase_orders/{purchase_order_id}/no_part_lines/{no_part_line_id}/",
        "/v1/teams/{team_id}/",
        "/v1/team_types/{team_type_id}/",
    )
]
ACT = [
    ("POST", "/v1/boms/{bom_id}/approve/", None),
    ("POST", "/v1/teams/{team_id}/archive/", None),
    ("POST", "/v1/teams/{team_id}/unarchive/", None),
    ("POST", "/v1/outbound_emails/{outbound_email_id}/mark_as_sent/", None),
    ("GET", "/v1/programs/{program_id}/availabilities/", None),
    ("GET", "/v1/programs/{program_id}/reference_pricing/", None),
    ("POST", "/v1/purchase_orders/{purchase_order_id}/events/", event),
]
OF_AN_ORDER = {event, patched_lines, patched_no_part_lines, bill_line}


@functools.cache
def api():
    return Api(Sandbox(worlds.load("default")))


class Walk(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.api, self.sandbox = api(), api().sandbox
        self.sandbox.reset()
        self.scope = Scope(self.sandbox, next(iter(self.sandbox.store["api_key"])), KINDS)

    def ask(self, data, requests):
        verb, template, content = data.draw(st.sampled_from(requests))
        d = Draw(data, self.sandbox.store)
        try:
            path, order_id = self.address(d, template)
            body = content and (content(d, order_id) if content in OF_AN_ORDER else content(d))
        except Nothing:
            return
        multipart = isinstance(body, dict) and "file" in body
        sent = {"data": body} if multipart else {} if content is None else {"json": body}
        response = self.api.client.open(path, method=verb, headers=self.api.headers, **sent)
        assert response.status_code in (200, 201, 202, 204, 404, 409), f"{verb} {path} {body}: {response.text}"
        self.api.check(verb, path, response)
        if response.status_code < 300:
            answered[verb, template] += 1

    def address(self, d, template):
        """(a path to records there are, the id of the order it is about, if any)."""
        names = [part[1:-1] for part in template.split("/") if part.startswith("{")]
        if not names:
            return template, None
        record = d.record(names[-1].removesuffix("_id"))
        ids = {name: record[name] for name in names[:-1]} | {names[-1]: record["id"]}
        return template.format(**ids), record.get("purchase_order_id", record["id"])

    @rule(data=st.data())
    def create(self, data):
        self.ask(data, CREATE)

    @rule(data=st.data())
    def update(self, data):
        self.ask(data, UPDATE)

    @rule(data=st.data())
    def delete(self, data):
        self.ask(data, DELETE)

    @rule(data=st.data())
    def act(self, data):
        self.ask(data, ACT)

    @invariant()
    def every_reference_leads_somewhere(self):
        store = self.sandbox.store
        for kind, resource in KINDS.items():
            for name, field in resource.references.items():
                target = store[getattr(field, "inner", field).kind]
                for record in store[kind]:
                    value = record.get(name)
                    for id in value if isinstance(value, list) else [value] if value else ():
                        assert target.get(id), f"{kind} {record['id']}: there is no {name} {id}"
        for order in store["purchase_order"]:
            for line in (line for event in order["events"] for line in event["lines"]):
                found = store["purchase_line"].get(line["purchase_line_id"])
                assert found, f"an event of {order['number']} is about a line that is not there"
                assert found["purchase_order_id"] == order["id"]

    @invariant()
    def totals_are_right(self):
        orders, bills = self.shown("purchase_order"), self.shown("supplier_bill")
        for order in orders:
            parts, others = (
                self.total(self.children(kind, "purchase_order_id", order))
                for kind in ("purchase_line", "no_part_line")
            )
            assert (order["lines_total"], order["no_part_lines_total"]) == (f"{parts:.2f}", f"{others:.2f}")
            total = parts + others + Decimal(order["shipping_amount"]) + Decimal(order["tax_amount"])
            assert order["total"] == format(total.quantize(CENT, ROUND_HALF_UP), "f")
        for bill in bills:
            lines = self.children("supplier_bill_line", "supplier_bill_id", bill)
            assert bill["total"] == f"{self.total(lines):.2f}"
            assert [line["id"] for line in bill["lines"]] == [line["id"] for line in lines]

    @invariant()
    def counts_are_right(self):
        for bom in self.shown("bom"):
            assert bom["line_count"] == len(self.children("bom_line", "bom_id", bom))
        for lot in self.sandbox.store["stock_lot"]:
            assert 0 <= lot["allocated_quantity"] <= lot["quantity"]
        for line in self.sandbox.store["purchase_line"]:
            assert 0 <= line["quantity_received"] <= line["quantity"]

    def shown(self, kind):
        return [KINDS[kind].present(self.scope, record) for record in self.sandbox.store[kind]]

    def children(self, kind, parent, record):
        """Found by looking at all there are, not by the index."""
        return [child for child in self.sandbox.store[kind] if child[parent] == record["id"]]

    @staticmethod
    def total(lines):
        """The lines' totals, each rounded to cents as it is shown."""
        amounts = (line["quantity"] * Decimal(line["unit_price"]) for line in lines)
        return sum((amount.quantize(CENT, ROUND_HALF_UP) for amount in amounts), Decimal("0.00"))


OPERATIONS = [request[:2] for request in (*CREATE, *UPDATE, *DELETE, *ACT)]


@pytest.fixture(scope="module")
def walked():
    """Walks until every operation has been come by, four times at the most: the rare ones are missed by some walks."""
    answered.clear()
    for again in range(1, 5):
        run_state_machine_as_test(
            Walk,
            settings=settings(
                max_examples=50,
                stateful_step_count=50,
                phases=[Phase.generate],  # to make a finding smaller takes minutes
                suppress_health_check=list(HealthCheck),
            ),
        )
        if all(answered[operation] for operation in OPERATIONS):
            break
        hypothesis.seed(again)(Walk)


def test_the_records_stay_sound(walked):
    assert answered.total() > 500


@pytest.mark.parametrize(("verb", "path"), OPERATIONS)
def test_the_walk_comes_by_every_operation(walked, verb, path):
    assert answered[verb, path]
