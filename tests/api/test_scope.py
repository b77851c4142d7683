"""A key finds what it may see, and nothing else: no finder goes past the scope."""

import ast
import pathlib

import pytest

import mockserver.resources
from mockserver import resources, worlds
from mockserver.api.scope import Scope
from mockserver.sandbox import Sandbox

from ..conftest import Api

ADA, ERIN, REX = (f"{prefix}.{'0' * 32}" for prefix in ("adminkey", "editorex", "rivalkey"))
WORLD = f"""
records:
  org:
    acme: {{name: Acme, slug: acme, settings: {{use_team_permissions: true, order_approval_threshold: "10"}}}}
    rival: {{name: Rival, slug: rival}}
  team: {{ours: {{name: Ours}}, theirs: {{name: Theirs}}}}
  user:
    ada: {{email: ada@acme.example.com, first_name: Ada, last_name: O, roles: [Admin]}}
    erin: {{email: erin@acme.example.com, first_name: Erin, last_name: E, roles: [Editor], team_ids: [ours]}}
    rex: {{email: rex@rival.example.com, first_name: Rex, last_name: R, roles: [Admin], org_id: rival}}
  api_key:
    ada: {{name: Ada, user_id: ada, key: {ADA}}}
    erin: {{name: Erin, user_id: erin, key: {ERIN}}}
    rex: {{name: Rex, user_id: rex, key: {REX}, org_id: rival}}
  supplier:
    hidden: {{name: Hidden, team_ids: [theirs]}}
    shown: {{name: Shown}}
  part:
    hidden: {{mpn: HIDDEN-1, manufacturer_name: M, custom_id: H-1, org_id: acme, team_ids: [theirs]}}
    shown: {{mpn: SHOWN-1, manufacturer_name: M, org_id: acme}}
  bom:
    hidden: {{name: Hidden, integration_source_name: plm, integration_record_id: "1", team_ids: [theirs]}}
    shown: {{name: Shown, integration_source_name: plm, integration_record_id: "2"}}
  bom_line:
    hidden: {{bom_id: hidden, part_id: hidden, quantity: 7}}
  program:
    hidden: {{name: Hidden, team_ids: [theirs]}}
    shown: {{name: Shown}}
  program_line: {{hidden: {{program_id: hidden, part_id: hidden, quantity: 7}}}}
  part_override: {{hidden: {{program_id: hidden, part_id: hidden}}}}
  purchase_order:
    hidden: {{supplier_id: shown, visibility: shared, team_ids: [theirs], status: in_progress}}
    private: {{supplier_id: shown, visibility: private, buyer_user_id: ada, status: in_progress}}
    shown: {{supplier_id: shown, visibility: shared, status: in_progress}}
  purchase_line:
    hidden: {{purchase_order_id: hidden, part_id: shown, quantity: 7, unit_price: "1"}}
    private: {{purchase_order_id: private, part_id: shown, quantity: 7, unit_price: "1"}}
    shown: {{purchase_order_id: shown, part_id: shown, quantity: 7, unit_price: "1"}}
  no_part_line:
    hidden: {{purchase_order_id: hidden, description: Fee, unit_price: "1"}}
    private: {{purchase_order_id: private, description: Fee, unit_price: "1"}}
  supplier_bill:
    hidden: {{purchase_order_id: hidden, number: B-1}}
    private: {{purchase_order_id: private, number: B-2}}
  supplier_bill_line:
    hidden: {{supplier_bill_id: hidden, purchase_line_id: hidden, unit_price: "1"}}
    private: {{supplier_bill_id: private, purchase_line_id: private, unit_price: "1"}}
"""
HIDDEN = {"hidden", "private"}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("worlds") / "teams.yaml"
    path.write_text(WORLD, encoding="utf-8")
    return path


@pytest.fixture
def sandbox(recipe):
    return Sandbox(worlds.load(recipe))


@pytest.fixture
def ada(sandbox):
    return Api(sandbox, ADA)


@pytest.fixture
def erin(sandbox):
    """An Editor outside the team whose records are hidden."""
    return Api(sandbox, ERIN)


@pytest.fixture
def names(sandbox):
    """`{kind: {name in the recipe: record}}`."""
    import yaml

    given = yaml.safe_load(WORLD)["records"]
    return {kind: dict(zip(records, sandbox.store[kind], strict=False)) for kind, records in given.items() if records}


def scope_of(sandbox, key):
    record = next(each for each in sandbox.store["api_key"] if each["key"] == key)
    return Scope(sandbox, record, resources.by_kind())


def everything(sandbox, but=("api_key", "async_job")):
    return {kind: list(table) for kind, table in sandbox.store.tables.items() if kind not in but}


# -- the scope -------------------------------------------------------------------------------------------------


def test_no_way_of_the_scope_leads_to_a_hidden_record(sandbox, names):
    """By id, by reference, by every index there is: of every kind."""
    scope, admin = scope_of(sandbox, ERIN), scope_of(sandbox, ADA)
    looked = 0
    for kind, resource in resources.by_kind().items():
        hidden = {record["id"] for name, record in names.get(kind, {}).items() if name in HIDDEN}
        for record in sandbox.store[kind]:
            out_of_reach = record["org_id"] not in (None, scope.primary_org_id)
            shown = not out_of_reach and record["id"] not in hidden
            assert (scope.find(kind, record["id"]) is not None) == shown, (kind, record["id"])
            assert (admin.find(kind, record["id"]) is not None) == (not out_of_reach), (kind, record["id"])
            for index, values in resource.indexes.items():
                for value in values(record):
                    found = [each["id"] for each in scope.where(kind, index, value)]
                    assert (record["id"] in found) == shown, (kind, index)
                    assert hidden.isdisjoint(found)
                    looked += 1
    assert looked > 100


def test_no_module_of_resources_reads_the_store_past_the_scope():
    """A store's tables are for fixtures, which have no caller, and for the mock's own kinds."""
    folder = pathlib.Path(mockserver.resources.__file__).parent
    found = []
    for path in sorted(folder.glob("*.py")):
        if path.name == "reporting.py":
            continue  # tables of what the scope sees; see `RecordTable.rows`
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef) or any(
                isinstance(mark, ast.Attribute) and mark.attr in ("fake", "seed") for mark in function.decorator_list
            ):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
                    table = node.slice.value if isinstance(node.slice, ast.Constant) else None
                    own = isinstance(table, str) and table.startswith("mock_")
                    if node.value.attr in ("store", "_store") and not own:
                        found.append(f"{path.name}:{node.lineno} {function.name}")
    # What looks a key up for a job that starts late, and a part's id that must be free in every organisation.
    assert {line.split()[-1] for line in found} <= {"run_due", "_unfinished", "waiting", "_scope_of", "new_id"}, found


# -- what is hidden cannot be written --------------------------------------------------------------------------


def test_an_upsert_does_not_take_over_a_hidden_bom(ada, erin, sandbox, names):
    before = everything(sandbox)
    body = {"name": "Taken", "integration_source_name": "plm", "integration_record_id": "1", "raw_lines": []}
    job = erin.put("/v1/boms/async_upsert/", body)
    assert (job["status"], "another team's" in job["errors"][0]["detail"]) == ("failed", True)
    assert everything(sandbox) == before
    assert ada.put("/v1/boms/async_upsert/", body)["result"]["bom_id"] == names["bom"]["hidden"]["id"]


@pytest.mark.parametrize(
    "said",
    [
        {"custom_id": "H-1", "mpn": "OTHER-1"},
        {"mpn": "HIDDEN-1", "manufacturer_name": "M"},
        {"mpn": "hidden 1", "manufacturer_name": "m"},
    ],
)
@pytest.mark.parametrize("operation", ["async_create", "async_upsert"])
def test_a_hidden_part_is_neither_taken_over_nor_doubled(ada, erin, sandbox, operation, said):
    before = list(sandbox.store["part"])
    method = "POST" if operation == "async_create" else "PUT"
    method = next(each.method for each in ada.app.operations if each.path == f"/v1/parts/{operation}/")
    result = erin.call(method, f"/v1/parts/{operation}/", json={"parts": [{**said, "description": "mine"}]}).json[
        "result"
    ]
    assert (result["created"], result["updated"], len(result["errors"])) == ([], [], 1)
    assert [part for part in sandbox.store["part"] if part["org_id"]] == [part for part in before if part["org_id"]]


def test_a_hidden_part_is_not_found_by_its_id(erin, names):
    hidden = names["part"]["hidden"]["id"]
    method = next(each.method for each in erin.app.operations if each.id == "upsert_parts_async")
    body = {"parts": [{"id": hidden, "mpn": "MINE"}]}
    errors = erin.call(method, "/v1/parts/async_upsert/", json=body).json["result"]["errors"]
    assert list(errors[0]["errors"]) == ["id"]
    erin.put(f"/v1/parts/{hidden}/stock/", {"location": "X", "quantity": 1}, expect=404)


def test_raw_lines_are_not_matched_to_hidden_parts(ada, erin, names):
    raw = {"name": "x", "raw_lines": [{"mpn": "HIDDEN-1"}, {"custom_id": "H-1"}, {"alternative_mpns": ["HIDDEN-1"]}]}
    hidden = names["part"]["hidden"]["id"]
    assert [line["part_id"] for line in ada.post("/v1/parse_raw_bom/", raw)["lines"]] == [hidden] * len(
        ada.post("/v1/parse_raw_bom/", raw)["lines"]
    )
    assert hidden not in [line["part_id"] for line in erin.post("/v1/parse_raw_bom/", raw)["lines"]]


def paths_of(names, api):
    """`(method, path)` of every operation on a hidden record or on what belongs to one."""
    for operation in api.app.operations:
        if not operation.parameters:
            continue
        for name in HIDDEN:
            ids, found = {}, True
            for parameter, kind in zip(operation.parameters, operation.kinds, strict=True):
                record = names.get(kind, {}).get(name)
                found = found and record is not None
                ids[parameter] = record and record["id"]
            if found:
                yield operation, operation.path.format(**ids)


def test_every_operation_on_a_hidden_record_is_404_and_changes_nothing(erin, ada, sandbox, names):
    before, seen = everything(sandbox), set()
    for operation, path in paths_of(names, erin):
        seen.add(operation.id)
        body = {} if operation.method == "GET" or operation.handler.body is None else {"json": {}}
        erin.call(operation.method, path, expect=404, **body)
    assert everything(sandbox) == before
    assert len(seen) > 35


def test_every_reference_to_a_hidden_record_is_an_invalid_pk(erin, names):
    """In a body, what is hidden is not there: of each kind that a body can name."""
    part, order = names["part"]["shown"]["id"], names["purchase_order"]["shown"]["id"]
    hidden = {kind: [names[kind][name]["id"] for name in HIDDEN if name in names[kind]] for kind in names}
    bodies = {
        "supplier": [("POST", "/v1/purchase_orders/", {"supplier_id": None})],
        "program": [
            ("POST", "/v1/purchase_orders/", {"supplier_id": names["supplier"]["shown"]["id"], "program_id": None}),
            ("POST", "/v1/rfqs/", {"name": "x", "program_id": None}),
        ],
        "bom": [
            ("POST", "/v1/rfqs/", {"name": "x", "bom_id": None}),
            ("POST", f"/v1/programs/{names['program']['shown']['id']}/lines/", [{"bom_id": None, "quantity": 1}]),
        ],
        "part": [("POST", f"/v1/boms/{names['bom']['shown']['id']}/lines/", {"part_id": None})],
        "purchase_order": [("POST", "/v1/supplier_bills/", {"purchase_order_id": None})],
        "purchase_line": [
            (
                "POST",
                f"/v1/purchase_orders/{order}/events/",
                {"type": "note", "lines": [{"purchase_line_id": None, "quantity": 1}]},
            ),
            ("PATCH", f"/v1/purchase_orders/{order}/lines/", [{"id": None, "part_id": part}]),
        ],
        "no_part_line": [("PATCH", f"/v1/purchase_orders/{order}/no_part_lines/", [{"id": None, "quantity": 1}])],
    }

    def filled(value, id):
        if isinstance(value, dict):
            return {key: filled(item, id) for key, item in value.items()}
        return [filled(item, id) for item in value] if isinstance(value, list) else id if value is None else value

    for kind, requests in bodies.items():
        for method, path, body in requests:
            for id in hidden[kind]:
                answer = erin.call(method, path, json=filled(body, id), expect=400)
                assert f'Invalid pk \\"{id}\\" - object does not exist.' in answer.text, (kind, path)


# -- who approves ----------------------------------------------------------------------------------------------


def test_an_approver_sees_what_waits_for_approval_and_what_was_approved(sandbox, ada, erin, names):
    supplier, part = names["supplier"]["shown"]["id"], names["part"]["shown"]["id"]
    body = {"supplier_id": supplier, "lines": [{"part_id": part, "quantity": 20, "unit_price": "1"}]}
    waiting = ada.post("/v1/purchase_orders/", body)
    small = ada.post("/v1/purchase_orders/", {"supplier_id": supplier})
    assert (waiting["status"], small["status"]) == ("requested", "approved")
    path = f"/v1/purchase_orders/{waiting['id']}/"
    erin.get(path, expect=404)
    key = next(each for each in sandbox.store["api_key"] if each["key"] == ERIN)
    sandbox.store.replace("api_key", {**key, "roles": ["View & Comment", "Procurement Approver"]})
    assert erin.get(path)["id"] == waiting["id"]
    assert erin.get(f"{path}lines/")["count"] == 1
    assert erin.post(f"{path}events/", {"type": "approved"})["purchase_order_status"] == "approved"
    assert erin.get(path)["status"] == "approved"
    erin.get(f"/v1/purchase_orders/{small['id']}/", expect=404)
