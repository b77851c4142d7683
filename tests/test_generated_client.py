"""A client that a public generator makes of the contract works with the mock, in each documented group."""

import importlib
import io
import json
import subprocess
import sys

import pytest

from mockserver._data import contracts_dir
from mockserver._yaml import load_yaml
from mockserver.mock import Mock

CONTRACT = contracts_dir() / "openapi.yaml"
PACKAGE = "generated_client"
# Enums as literals, as `A+`, `A` and `A-` would be one member of a class. A download has its file's type.
CONFIG = {
    "post_hooks": [],
    "literal_enums": True,
    "content_type_overrides": {"*/*": "application/octet-stream"},
}


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The folder of the generated package. A warning about anything in the contract is an error."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    contract = folder / "openapi.yaml"
    contract.write_text(as_the_generator_reads(CONTRACT.read_text(encoding="utf-8")), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--fail-on-warning",
        "--meta",
        "none",
    ]
    paths = ["--path", str(contract), "--config", str(config), "--output-path", str(folder / PACKAGE)]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))


def as_the_generator_reads(contract: str) -> str:
    """The generator knows files by OpenAPI 3.0's word alone, and would send their content as a text."""
    return contract.replace("contentMediaType: application/octet-stream", "format: binary")


class Client:
    """The generated package as a program uses it, with an Admin's key."""

    def __init__(self, package, mock):
        self.package = package
        self.models = importlib.import_module(f"{PACKAGE}.models")
        self.types = importlib.import_module(f"{PACKAGE}.types")
        self.client = importlib.import_module(PACKAGE).AuthenticatedClient(
            mock.url, mock.api_key, prefix="Api-Key", raise_on_unexpected_status=True
        )

    def __call__(self, operation: str, *ids, **arguments):
        """The parsed answer, which holds all that the answer held."""
        (module,) = self.package.glob(f"api/*/{operation}.py")
        module = importlib.import_module(f"{PACKAGE}.api.{module.parent.name}.{operation}")
        answer = module.sync_detailed(*ids, client=self.client, **arguments)
        assert answer.status_code < 300, answer.content
        if hasattr(answer.parsed, "to_dict"):
            assert utc(answer.parsed.to_dict()) == json.loads(answer.content)
        return answer.parsed


def utc(value):
    """The JSON value with its times as the API writes them."""
    return json.loads(json.dumps(value).replace('+00:00"', 'Z"'))


@pytest.fixture
def call(package):
    with Mock() as mock:
        call = Client(package, mock)
        with call.client:
            yield call


def boms(call, models):
    bom = call("create_bom", body=models.CreateBomRequest(name="Generated", approved=True))
    assert call("get_bom", bom.id).name == "Generated"
    assert call("update_bom", bom.id, body=models.PatchedBomRequest(version="B")).version == "B"
    assert call("list_boms", name="Generated").count == 1
    call("delete_bom", bom.id)


def programs(call, models):
    program = call("create_program", body=models.ProgramRequest(name="Rover"))
    assert call("get_program", program.id) == program


def account(call, models):
    users = call("list_users", limit=2)
    assert len(users.results) == 2
    assert call("get_user", users.results[0].id).email == users.results[0].email


def reporting(call, models):
    asked = models.SqlQueryRequest(sql="SELECT count(*), $1 AS word FROM boms WHERE NOT archived", parameters=["x"])
    ((count, word),) = call("run_sql_query", body=asked).rows
    assert (count, word) == (call("list_boms", limit=1).count, "x")


def email(call, models):
    asked = models.OutboundEmailRequest(to_emails=["ada@example.com"], subject="Hello", body="World")
    assert call("get_outbound_email", call("create_outbound_email", body=asked).id).subject == "Hello"


def auth(call, models):
    call("update_api_key", body=models.PatchedApiKeyRequest(name="Nightly"))


def async_jobs(call, models):
    asked = models.CreatePartsRequest(parts=[models.PartFieldsRequest(mpn="GEN-1", manufacturer_name="Acme")])
    job = call("create_parts_async", body=asked)
    assert call("get_async_job", job.id).id == job.id


def stock_documents(call, models):
    sheet = call.types.File(payload=io.BytesIO(b"%PDF-1.7"), file_name="sheet.pdf", mime_type="application/pdf")
    document = call("create_stock_document", body=models.StockDocumentRequest(file=sheet))
    assert call("get_stock_document", document.id) == document
    assert call("download_stock_document", document.id) == b"%PDF-1.7"


def suppliers(call, models):
    supplier = call("create_supplier", body=models.SupplierRequest(name="Bolts & Sons"))
    assert call("get_supplier", supplier.id) == supplier


def parts(call, models):
    assert call("get_part", a_part(call, models)).mpn


def purchases(call, models):
    order = models.CreatePurchaseOrderRequest(supplier_id=a_supplier(call))
    assert call("get_purchase_order", call("create_purchase_order", body=order).id).total == "0.00"


def teams(call, models):
    team = call("create_team", body=models.TeamRequest(name="Avionics"))
    assert call("get_team", team.id) == team


def custom_properties(call, models):
    asked = models.CustomPropertyRequest(name="Shelf", record_type="bom", value_type="text")
    made = call("create_custom_property", body=asked)
    assert call("get_custom_property", made.id) == made


def stock_lots(call, models):
    stock = models.UpsertStockRequest(location="Shelf 1", quantity=5)
    call("upsert_part_stock", a_part(call, models), body=stock)


def tags(call, models):
    tag = call("create_tag", body=models.TagRequest(name="Generated"))
    assert call("get_tag", tag.id) == tag


def rfqs(call, models):
    rfq = call("create_rfq", body=models.CreateRfqRequest(name="Pilot run"))
    assert call("update_rfq", rfq.id, body=models.PatchedRfqRequest(name="Series")).name == "Series"


def rfq_lines(call, models):
    rfq = call("create_rfq", body=models.CreateRfqRequest(name="Pilot run"))
    asked = models.CreateRfqLineRequest(part_id=a_part(call, models), quantity=5, rfq_id=rfq.id)
    line = call("create_rfq_line", body=asked)
    assert call("update_rfq_line", line.id, body=models.PatchedRfqLineRequest(quantity=7)).quantity == 7


def supplier_quotes(call, models):
    quote = call("create_supplier_quote", body=models.CreateSupplierQuoteRequest(supplier_id=a_supplier(call)))
    call("update_supplier_quote", quote.id, body=models.PatchedSupplierQuoteRequest(status="received"))


def supplier_quote_lines(call, models):
    quote = call("create_supplier_quote", body=models.CreateSupplierQuoteRequest(supplier_id=a_supplier(call)))
    asked = models.CreateSupplierQuoteLineRequest(part_id=a_part(call, models), supplier_quote_id=quote.id)
    line = call("create_supplier_quote_line", body=asked)
    changed = models.PatchedSupplierQuoteLineRequest(quantity=9)
    assert call("update_supplier_quote_line", line.id, body=changed).quantity == 9


def a_part(call, models) -> str:
    asked = models.SqlQueryRequest(sql="SELECT id FROM parts LIMIT 1")
    return call("run_sql_query", body=asked).rows[0][0]


def a_supplier(call):
    return call("list_suppliers", limit=1).results[0].id


ROUND_TRIPS = {
    "BOMs": boms,
    "Programs": programs,
    "Account": account,
    "Reporting": reporting,
    "Email": email,
    "Auth": auth,
    "Async Jobs": async_jobs,
    "Stock Documents": stock_documents,
    "Suppliers": suppliers,
    "Parts": parts,
    "Purchases": purchases,
    "Teams": teams,
    "Custom Properties": custom_properties,
    "Stock Lots": stock_lots,
    "Tags": tags,
    "Rfqs": rfqs,
    "RfqLines": rfq_lines,
    "SupplierQuote": supplier_quotes,
    "SupplierQuoteLines": supplier_quote_lines,
}


@pytest.mark.parametrize("group", [tag["name"] for tag in load_yaml(CONTRACT)["tags"]])
def test_a_round_trip_in_each_group(call, group):
    ROUND_TRIPS[group](call, call.models)


def test_every_operation_is_generated(package):
    paths = load_yaml(CONTRACT)["paths"].values()
    operations = {operation["operationId"] for path in paths for operation in path.values()}
    assert {file.stem for file in package.glob("api/*/*.py")} - {"__init__"} == operations
