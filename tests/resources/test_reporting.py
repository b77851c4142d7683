import gc
import threading
import weakref

import pytest

from mockserver import resources, worlds
from mockserver.api.scope import Scope
from mockserver.resources import reporting
from mockserver.sandbox import Sandbox

from ..conftest import Api

PATH = "/v1/reporting/sql_query/"
VIEWER_KEY = "mockkey2.00000000000000000000000000000000"
COLLECTIONS = {
    "boms",
    "bom_lines",
    "programs",
    "program_lines",
    "part_overrides",
    "orgs",
    "users",
    "outbound_emails",
    "async_jobs",
    "stock_documents",
    "suppliers",
    "parts",
    "purchase_orders",
    "purchase_lines",
    "no_part_lines",
    "supplier_bills",
    "supplier_bill_lines",
    "teams",
    "team_types",
    "custom_properties",
    "stock_lots",
    "tags",
    "rfqs",
    "rfq_lines",
    "supplier_quotes",
    "supplier_quote_lines",
}


def ask(api, sql, *parameters, **options):
    return api.post(PATH, {"sql": sql, "parameters": list(parameters), **options})


def test_rows_and_columns(api):
    answer = ask(api, "SELECT name, approved, created_at FROM boms WHERE name = $1", "Motor Controller")
    assert [column["name"] for column in answer["columns"]] == ["name", "approved", "created_at"]
    assert [column["type"] for column in answer["columns"]] == ["text", "boolean", "timestamp"]
    assert [row[:2] for row in answer["rows"]] == [["Motor Controller", True]]
    assert answer["rows"][0][2].endswith("Z")
    assert (answer["row_count"], answer["truncated"]) == (1, False)


def test_totals_are_numbers_to_reckon_with(api):
    answer = ask(api, "SELECT sum(total) FROM purchase_orders WHERE number = 'PO-000001'")
    assert answer["columns"] == [{"name": "sum", "type": "numeric"}]
    for column in ("purchase_lines.line_total", "no_part_lines.line_total", "supplier_bills.total"):
        table, _, name = column.partition(".")
        assert ask(api, f"SELECT {name} FROM {table}")["columns"] == [{"name": name, "type": "numeric"}]


def test_every_collection_is_a_table(api, sandbox):
    for table in COLLECTIONS:
        answer = ask(api, f"SELECT * FROM {table}")
        assert "id" in {column["name"] for column in answer["columns"]}, table


def test_what_is_written_is_seen_by_the_next_query(api):
    bom = api.post("/v1/boms/", {"name": "Fresh", "metadata": {"rev": 2}})
    count = "SELECT name, line_count FROM boms WHERE id = $1"
    assert ask(api, count, bom["id"])["rows"] == [["Fresh", 0]]
    part_id = ask(api, "SELECT id FROM parts LIMIT 1")["rows"][0][0]
    api.post(f"/v1/boms/{bom['id']}/lines/", {"part_id": part_id, "quantity": 3})
    assert ask(api, count, bom["id"])["rows"] == [["Fresh", 1]]
    api.patch(f"/v1/boms/{bom['id']}/", {"name": "Renamed"})
    assert ask(api, count, bom["id"])["rows"] == [["Renamed", 1]]
    api.delete(f"/v1/boms/{bom['id']}/")
    assert ask(api, count, bom["id"])["rows"] == []


def test_a_reset_sandbox_forgets(api, sandbox):
    api.post("/v1/tags/", {"name": "Passing"})
    assert ask(api, "SELECT count(*) FROM tags WHERE name = 'Passing'")["rows"] == [[1]]
    sandbox.reset()
    assert ask(api, "SELECT count(*) FROM tags WHERE name = 'Passing'")["rows"] == [[0]]


def test_answers_are_those_of_the_operations(api):
    boms = api.get("/v1/boms/?limit=1000")["results"]
    answer = ask(
        api,
        "SELECT id, org_id, name, line_count, tag_ids, metadata FROM boms WHERE NOT archived",
    )
    names = [column["name"] for column in answer["columns"]]
    found = {row[0]: dict(zip(names, row, strict=True)) for row in answer["rows"]}
    assert found == {bom["id"]: {name: bom[name] for name in names} for bom in boms}


def test_lists_are_arrays_and_structures_json(api):
    bom = api.post(
        "/v1/boms/",
        {
            "name": "Tagged",
            "metadata": {"site": {"city": "Oslo"}},
            "tag_ids": [ask(api, "SELECT id FROM tags LIMIT 1")["rows"][0][0]],
        },
    )
    assert ask(
        api,
        "SELECT metadata -> 'site' ->> 'city' FROM boms WHERE $1 = ANY(tag_ids) AND name = 'Tagged'",
        bom["tag_ids"][0],
    )["rows"] == [["Oslo"]]


def test_joins_groups_and_ctes(api):
    answer = ask(
        api,
        """
        WITH lines AS (SELECT bom_id, sum(quantity) AS pieces FROM bom_lines GROUP BY bom_id)
        SELECT b.name, l.pieces FROM boms b JOIN lines l ON l.bom_id = b.id WHERE b.name = 'Sensor Hub'""",
    )
    assert answer["rows"][0][0] == "Sensor Hub"
    assert answer["rows"][0][1] > 0


def test_other_organisations_are_out_of_sight(api, sandbox):
    orgs = {org["slug"]: org["id"] for org in sandbox.store["org"]}
    everything = ask(api, "SELECT DISTINCT org_id FROM boms")["rows"]
    assert [orgs["acme-medical"]] in everything
    narrowed = api.post(f"{PATH}?org_id={orgs['acme-medical']}", {"sql": "SELECT DISTINCT org_id FROM boms"})["rows"]
    assert narrowed == [[orgs["acme-medical"]]]
    assert ask(api, "SELECT count(*) FROM parts WHERE org_id IS NULL")["rows"][0][0] > 0

    foreign = {
        **next(iter(sandbox.store["org"])),
        "id": "00000000-0000-4000-8000-00000000000f",
        "slug": "foreign",
        "parent_org_id": None,
    }
    foreign["org_id"] = foreign["id"]
    sandbox.store.insert("org", foreign)
    bom = {
        **next(iter(sandbox.store["bom"])),
        "id": "00000000-0000-4000-8000-0000000000b0",
        "org_id": foreign["id"],
        "name": "Foreign",
    }
    sandbox.store.insert("bom", bom)
    assert ask(api, "SELECT count(*) FROM boms WHERE name = 'Foreign'")["rows"] == [[0]]
    assert ask(api, "SELECT count(*) FROM orgs WHERE slug = 'foreign'")["rows"] == [[0]]


def test_records_of_other_teams_are_out_of_sight_with_their_lines(api, sandbox):
    """A user's key sees what the user's teams see. Two keys take turns at the same tables."""
    viewer = api.as_key(VIEWER_KEY)
    team = api.post("/v1/teams/", {"name": "Secret Projects"})
    bom = api.get("/v1/boms/?name=Motor")["results"][0]
    lines = "SELECT count(*) FROM bom_lines WHERE bom_id = $1"
    count = ask(viewer, lines, bom["id"])["rows"][0][0]
    api.patch(f"/v1/boms/{bom['id']}/", {"team_ids": [team["id"]]})
    org = next(org for org in sandbox.store["org"] if org["slug"] == "acme-robotics")
    sandbox.store.replace("org", {**org, "settings": {**org["settings"], "use_team_permissions": True}})

    for key, boms, seen in ((api, 1, count), (viewer, 0, 0), (api, 1, count)):
        assert ask(key, "SELECT count(*) FROM boms WHERE id = $1", bom["id"])["rows"] == [[boms]]
        assert ask(key, lines, bom["id"])["rows"] == [[seen]]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM api_keys",
        "SELECT org_id FROM outbound_emails",
        "SELECT content FROM stock_documents",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM pg_catalog.pg_tables",
    ],
)
def test_secrets_and_hidden_fields_are_no_columns(api, sql):
    assert set(api.post(PATH, {"sql": sql}, expect=400)) == {"sql"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "DELETE FROM boms",
        "SELECT 1; SELECT 2",
        "UPDATE boms SET name = 'x'",
        "SELECT nothing FROM boms",
        "SELECT * FROM nowhere",
        "SELECT 1/0",
        "SELECT pg_sleep(10)",
        "\x00",
        "((((",
        "SELECT 'a'::integer",
    ],
)
def test_what_cannot_be_answered_says_why(api, sql):
    errors = api.post(PATH, {"sql": sql}, expect=400)
    assert list(errors) == ["sql"]
    assert len(errors["sql"][0]) > 5


def test_parameters_are_scalars_and_as_many_as_the_query_names(api):
    assert ask(api, "SELECT $1::text, $2::integer, $3::boolean, $4::text", "a", 1, True, None)["rows"] == [
        ["a", 1, True, None]
    ]
    assert set(api.post(PATH, {"sql": "SELECT $2", "parameters": ["a"]}, expect=400)) <= {"sql", "parameters"}
    errors = api.post(PATH, {"sql": "SELECT $1", "parameters": [1, [2], {"a": 3}]}, expect=400)
    assert list(errors) == ["parameters"]


@pytest.mark.parametrize(
    "body",
    [{}, {"sql": ""}, {"sql": 5}, {"sql": "SELECT 1", "limit": 0}, {"sql": "SELECT 1", "limit": 10_001}],
)
def test_a_request_that_does_not_fit(api, body):
    api.post(PATH, body, expect=400)


def test_more_rows_than_the_limit(api):
    answer = ask(api, "SELECT id FROM parts", limit=3)
    assert (answer["row_count"], len(answer["rows"]), answer["truncated"]) == (3, 3, True)


def test_asking_needs_no_right_to_write(api):
    assert ask(api.as_key(VIEWER_KEY), "SELECT 1 AS one")["rows"] == [[1]]


def test_now_is_the_sandboxes(api, sandbox):
    assert ask(api, "SELECT now()")["rows"] == [[sandbox.clock.stamp()]]


def test_a_store_takes_its_database_with_it():
    sandbox = Sandbox(worlds.load("empty"))
    ask(Api(sandbox), "SELECT count(*) FROM boms")
    gone = weakref.ref(reporting.database(sandbox.store))
    del sandbox
    gc.collect()
    assert gone() is None


def test_a_query_holds_up_no_other_call(api, sandbox, monkeypatch):
    """The lock of the sandbox is not its own while it is at work."""
    query = reporting.Database.query

    def meanwhile(self, *args, **kwargs):
        monkeypatch.undo()
        result = query(self, *args, **kwargs)
        other = threading.Thread(target=lambda: type(api)(sandbox).post("/v1/tags/", {"name": "Meanwhile"}))
        other.start()
        other.join(10)
        assert not other.is_alive()
        return result

    monkeypatch.setattr(reporting.Database, "query", meanwhile)
    count = "SELECT count(*) FROM tags WHERE name = 'Meanwhile'"
    assert ask(api, count)["rows"] == [[0]]
    assert ask(api, count)["rows"] == [[1]]


@pytest.mark.parametrize("resource", resources.by_kind().values(), ids=lambda resource: resource.kind)
def test_what_a_representation_adds_is_named(sandbox, resource):
    """Columns that are not named as computed are read off the stored records."""
    scope = Scope(sandbox, next(iter(sandbox.store["api_key"])), resources.by_kind())
    changed = set()
    for record in resource.records(sandbox.store):
        shown = resource.present(scope, record)
        changed |= {name for name, value in shown.items() if name not in record or record[name] != value}
    assert changed <= resource.computed
