"""Which role may call which operation: every served operation against a table that is kept here by hand."""

import re

import pytest

from mockserver import resources
from mockserver.resources import by_kind
from tests.conftest import VIEWER_KEY

# For each group: what an Editor, a View & Comment key and a Restricted key may do. R reads, W writes.
# An Admin may do it all.
GROUPS = {
    "BOMs": ("RW", "R", ""),
    "Programs": ("RW", "R", ""),
    "Account": ("R", "R", "R"),
    "Reporting": ("R", "R", ""),
    "Email": ("RW", "R", ""),
    "Auth": ("", "", ""),
    "Async Jobs": ("RW", "R", ""),
    "Stock Documents": ("RW", "R", ""),
    "Suppliers": ("RW", "R", ""),
    "Parts": ("RW", "R", ""),
    "Purchases": ("RW", "R", ""),
    "Teams": ("R", "R", "R"),
    "Custom Properties": ("RW", "R", ""),
    "Stock Lots": ("RW", "R", ""),
    "Tags": ("R", "R", "R"),
    "Rfqs": ("RW", "R", ""),
    "RfqLines": ("RW", "R", ""),
    "SupplierQuote": ("RW", "R", ""),
    "SupplierQuoteLines": ("RW", "R", ""),
}
COLUMNS = ("Editor", "View & Comment", "Restricted")
READS_BY_POST = {"run_sql_query"}
APPROVERS_MAY = {"create_purchase_event"}  # approving an order is one of its events

OPERATIONS = {operation.id: operation for operation in resources.operations() if operation.served}


def expected(roles, operation) -> bool:
    if "Admin" in roles or ("Procurement Approver" in roles and operation.id in APPROVERS_MAY):
        return True
    need = "R" if operation.method == "GET" or operation.id in READS_BY_POST else "W"
    return any(need in GROUPS[operation.tag][COLUMNS.index(role)] for role in roles if role in COLUMNS)


@pytest.fixture
def as_roles(api):
    """A client whose key has these roles and no user."""

    def client(roles):
        key = next(key for key in api.sandbox.store["api_key"] if key["key"] == VIEWER_KEY)
        api.sandbox.store.replace("api_key", {**key, "roles": list(roles), "user_id": None})
        return api.as_key(VIEWER_KEY)

    return client


def allowed(client, operation) -> bool:
    """Whether the key passes. The records named are not there and no body is sent, so no more is done."""
    path = operation.path.replace("{part_id}", "000000000000")
    path = re.sub(r"{(\w+)}", "00000000-0000-4000-8000-000000000000", path)
    response = client.client.open(path, method=operation.method, headers=client.headers)
    assert response.status_code < 500, response.text
    return response.status_code != 403


@pytest.mark.parametrize(
    "roles",
    [
        ("Admin",),
        ("Editor",),
        ("View & Comment",),
        ("Restricted",),
        ("Procurement Approver",),
        (),
        ("Restricted", "Procurement Approver"),
        ("Editor", "Restricted"),
        ("View & Comment", "Procurement Approver"),
        ("Restricted", "Admin"),
    ],
    ids=lambda roles: "+".join(roles) or "none",
)
def test_a_key_may_call_what_its_roles_say_and_no_more(as_roles, roles):
    client = as_roles(roles)
    found = {id for id, operation in OPERATIONS.items() if allowed(client, operation)}
    assert found == {id for id, operation in OPERATIONS.items() if expected(roles, operation)}


def test_the_table_has_every_group_that_is_served():
    assert {operation.tag for operation in OPERATIONS.values()} <= GROUPS.keys()


def test_a_refusal_says_so_and_changes_nothing(as_roles):
    viewer = as_roles(["View & Comment"])
    refused = viewer.post("/v1/boms/", {"name": "Lamp"}, expect=403)
    assert refused == {"detail": "You do not have permission to perform this action."}
    assert viewer.get("/v1/boms/?name=lamp")["count"] == 0


def test_a_right_is_asked_for_before_a_record_is_looked_up(as_roles):
    """A key that may not write learns nothing about which records exist."""
    restricted = as_roles(["Restricted"])
    bom = next(iter(restricted.sandbox.store["bom"]))
    for id in (bom["id"], "00000000-0000-4000-8000-000000000000"):
        restricted.get(f"/v1/boms/{id}/", expect=403)


def test_a_key_takes_the_roles_of_its_user(api):
    """As long as a fixture does not give it others."""
    key = next(key for key in api.sandbox.store["api_key"] if key["key"] == VIEWER_KEY)
    assert key["roles"] == api.get(f"/v1/users/{key['user_id']}/")["roles"] == ["View & Comment"]


def test_every_kind_a_path_names_has_records():
    named = {kind for operation in OPERATIONS.values() for kind in operation.kinds}
    assert named <= by_kind().keys()
