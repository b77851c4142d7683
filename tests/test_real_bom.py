"""A bill of materials from a spreadsheet to the archive, as an integration would drive it.

The 40 lines of `data/motor_controller_bom.csv` were counted by hand; so were the numbers below.
"""

import csv
from pathlib import Path

import pytest
import requests

CSV = Path(__file__).with_name("data") / "motor_controller_bom.csv"
COLUMNS = {
    "Item": "line_number",
    "Designators": "reference_designators_string",
    "Manufacturer": "manufacturer_name",
    "MPN": "mpn",
    "Internal PN": "custom_id",
    "Description": "description",
    "Value": "value",
    "Package": "package",
    "Mount": "mount_type",
    "Comments": "comments",
}

CAPACITOR, JUMPER, JUMPER_NOT_PLACED, MCU, BUCK = 0, 11, 12, 23, 24
TEST_POINTS, REPEATED_JUMPER, MAKER_UNKNOWN, ALTERNATIVE, BRACKET = 35, 36, 37, 38, 39
NOT_PLACED = [6, 12, 29, 35]


def raw_lines(path):
    """The rows as `raw_lines`: columns renamed, what is empty left out."""
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            line = {field: row[column] for column, field in COLUMNS.items() if row[column]}
            if row["Qty"]:
                line["quantity"] = int(row["Qty"])
            if row["Alternatives"]:
                line["alternative_mpns"] = row["Alternatives"].split(";")
            line["do_not_place"] = row["DNP"] == "DNP"
            line["is_custom_part"] = bool(
                row["Internal PN"] and not row["MPN"]
            )  # one's own number only: made to drawing
            yield line


@pytest.fixture
def call(cofactr_mock):
    """`call(verb, path, json)` answers (status, body)."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Api-Key {cofactr_mock.api_key}"

        def call(method, path, json=None):
            response = session.request(method, f"{cofactr_mock.url}{path}", json=json)
            return response.status_code, response.json() if response.content else None

        yield call


@pytest.fixture
def bom(call):
    """The parsed BOM, with its lines and what became of each row."""
    status, bom = call(
        "POST",
        "/v1/parse_raw_bom/",
        {
            "name": "Motor Controller",
            "version": "C",
            "part_number": "PCA-1042",
            "data_source": "spreadsheet",
            "raw_lines": list(raw_lines(CSV)),
        },
    )
    assert status == 201
    return bom


def line_of(bom, row):
    """The line that a row of the spreadsheet became."""
    id = bom["resolutions"][row]["bom_line_id"]
    return next(line for line in bom["lines"] if line["id"] == id)


def test_40_rows_become_39_lines_of_95_pieces(bom):
    assert [resolution["index"] for resolution in bom["resolutions"]] == list(range(40))
    assert len(bom["lines"]) == bom["line_count"] == 39
    assert sum(line["quantity"] for line in bom["lines"]) == 95
    assert (bom["name"], bom["approved"], bom["archived"]) == ("Motor Controller", False, False)


def test_ranges_and_lists_of_designators_are_spelled_out(bom):
    capacitor = line_of(bom, CAPACITOR)
    assert capacitor["reference_designators"] == [
        "C1",
        "C2",
        "C3",
        "C4",
        "C5",
        "C6",
        "C7",
        "C8",
        "C9",
        "C10",
        "C11",
        "C12",
        "C15",
    ]
    assert capacitor["reference_designators_string"] == "C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C15"
    assert line_of(bom, 3)["reference_designators"] == ["C20", "C21"]  # parted by a space
    assert line_of(bom, 14)["reference_designators"] == ["R23", "R24"]  # parted by a comma alone


def test_a_quantity_that_is_absent_is_the_number_of_designators(bom):
    assert [line_of(bom, row)["quantity"] for row in (CAPACITOR, 3, 7, 16, TEST_POINTS)] == [13, 2, 8, 3, 10]


def test_each_row_says_what_it_was_recognised_by(bom):
    matched = [resolution["matched_by"] for resolution in bom["resolutions"]]
    assert matched == ["mpn"] * 35 + [None, "mpn", None, "alternative_mpns", "custom_id"]
    assert [row for row in range(40) if bom["resolutions"][row]["part_id"] is None] == [
        TEST_POINTS,
        MAKER_UNKNOWN,
    ]


def test_a_part_that_is_not_recognised_leaves_a_line_to_be_matched(bom):
    line = line_of(bom, MAKER_UNKNOWN)
    assert (line["mpn"], line["part"], line["status"]) == ("UNOBTAINIUM-32K", None, "no_match")


def test_the_catalogue_knows_the_parts_of_the_shelf(bom, call):
    mcu = line_of(bom, MCU)
    assert (mcu["part"]["mpn"], mcu["part"]["manufacturer_name"]) == ("STM32F407VGT6", "STMicroelectronics")
    status, part = call("GET", f"/v1/parts/{mcu['part_id']}/")
    assert status == 200
    assert part["org_id"] is None
    assert part["offers"]


def test_a_part_made_to_drawing_is_found_by_ones_own_number(bom, call):
    _, part = call("GET", f"/v1/parts/{line_of(bom, BRACKET)['part_id']}/")
    assert (part["mpn"], part["custom_id"], part["is_custom_part"]) == ("ACME-BRK-01", "900-0001", True)


def test_an_alternative_number_finds_the_part_of_another_line(bom):
    first, second = line_of(bom, BUCK), line_of(bom, ALTERNATIVE)
    assert first["part_id"] == second["part_id"]
    assert [line["reference_designators"] for line in (first, second)] == [["U2"], ["U8"]]
    assert second["mpn"] == "OLD-BUCK-1"  # as the spreadsheet has it


def test_the_same_part_at_the_same_place_is_one_line_however_it_is_spelled(bom):
    assert [row for row in range(40) if bom["resolutions"][row]["merged"]] == [REPEATED_JUMPER]
    jumper = line_of(bom, REPEATED_JUMPER)
    assert jumper == line_of(bom, JUMPER)
    assert (jumper["reference_designators"], jumper["quantity"]) == (["R17"], 2)


def test_what_is_not_to_be_placed_is_kept_apart(bom):
    assert [row for row in range(40) if line_of(bom, row)["do_not_place"]] == NOT_PLACED
    assert sum(line["quantity"] for line in bom["lines"] if line["do_not_place"]) == 14
    assert {line_of(bom, row)["status"] for row in NOT_PLACED} == {"do_not_place"}
    placed, spare = line_of(bom, JUMPER), line_of(bom, JUMPER_NOT_PLACED)
    assert placed["part_id"] == spare["part_id"]
    assert spare["reference_designators"] == ["R18"]


def test_the_lines_are_read_back_as_they_were_answered(bom, call):
    _, page = call("GET", f"/v1/boms/{bom['id']}/lines/?limit=1000")
    assert page["results"] == bom["lines"]
    _, page = call("GET", f"/v1/boms/{bom['id']}/lines/?do_not_place=true")
    assert page["count"] == 4


def test_the_same_spreadsheet_gives_the_same_parts_again(bom, call):
    _, again = call("POST", "/v1/parse_raw_bom/", {"name": "Second time", "raw_lines": list(raw_lines(CSV))})
    assert again["id"] != bom["id"]
    assert [row["part_id"] for row in again["resolutions"]] == [row["part_id"] for row in bom["resolutions"]]


def test_from_one_more_piece_to_the_archive(bom, call):
    address = f"/v1/boms/{bom['id']}/"
    capacitor = line_of(bom, CAPACITOR)

    status, line = call(
        "POST",
        f"{address}lines/",
        {"part_id": capacitor["part_id"], "reference_designators_string": "C30-C33"},
    )
    assert (status, line["id"]) == (200, capacitor["id"]), "a part that is there is summed"
    assert line["quantity"] == 17
    assert line["reference_designators"] == [*capacitor["reference_designators"], "C30", "C31", "C32", "C33"]
    assert call("GET", address)[1]["line_count"] == 39

    status, approved = call("POST", f"{address}approve/")
    assert (status, approved["approved"], approved["approved_at"]) == (200, True, "2026-01-15T09:00:00Z")
    assert call("POST", f"{address}approve/") == (409, {"detail": "This BOM is approved already."})

    assert call("DELETE", address) == (204, None)
    status, archived = call("GET", address)
    assert (status, archived["approved"], archived["archived"]) == (200, True, True)
    assert bom["id"] not in [other["id"] for other in call("GET", "/v1/boms/")[1]["results"]]
    _, page = call("GET", "/v1/boms/?archived=true")
    assert [other for other in page["results"] if other["id"] == bom["id"]] == [archived]
    assert call("GET", f"{address}lines/?limit=1")[1]["count"] == 39
