import json
import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from urllib.parse import urlsplit

import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from mockserver.sandbox import electronics
from mockserver.sandbox.faker_provider import ElectronicsProvider

PARTS = [electronics.part(Random(seed)) for seed in range(400)]


def prices(points):
    return [Decimal(point["price"]) for point in points]


def test_the_same_seed_gives_the_same_part():
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert electronics.part(Random(7), now=now) == electronics.part(Random(7), now=now)
    assert electronics.part(Random(7)) != electronics.part(Random(8))


def test_a_part_survives_json_unchanged():
    assert json.loads(json.dumps(PARTS)) == PARTS


def test_statuses_are_those_of_the_api():
    for part in PARTS:
        assert part["lifecycle_status"] in electronics.LIFECYCLES
        assert part["termination_type"] in electronics.TERMINATION_TYPES
        assert part["rohs_status"] in electronics.ROHS_STATUSES
        assert part["reach_status"] in electronics.REACH_STATUSES
        assert part["aecq_status"] in (None, *electronics.AECQ_STATUSES)
        assert part["msl"] in (None, "1", "2", "3", "4", "5", "6")
        assert {offer["status"] for offer in part["offers"]} <= set(electronics.OFFER_STATUSES)


def test_a_part_is_of_a_known_kind_package_and_maker():
    for part in PARTS:
        assert part["classification"] in electronics.CLASSIFICATIONS
        assert part["package"] in electronics.PACKAGES
        assert part["manufacturer_name"] in electronics.MANUFACTURERS
        assert part["terminations"] >= 2
        assert "{" not in part["description"]
        assert len({spec["id"] for spec in part["specs"]}) == len(part["specs"])


def test_prices_are_plain_decimals_that_fall_strictly_with_quantity():
    for part in PARTS:
        for points in [part["reference_prices"], *(offer["prices"] for offer in part["offers"])]:
            quantities = [point["quantity"] for point in points]
            assert quantities == sorted(set(quantities))
            assert prices(points) == sorted(set(prices(points)), reverse=True)
            assert all(re.fullmatch(r"\d+\.\d{2,6}", point["price"]) for point in points)
            assert all(0 < price < 40 for price in prices(points))
            assert {point["currency"] for point in points} <= {"USD"}


def test_an_offer_can_be_ordered_as_it_says():
    for part in PARTS:
        sellers = [offer["seller"] for offer in part["offers"]]
        assert len(set(sellers)) == len(sellers)
        for offer in part["offers"]:
            quantities = [point["quantity"] for point in offer["prices"]]
            assert offer["moq"] % offer["order_multiple"] == 0
            assert all(quantity % offer["order_multiple"] == 0 for quantity in quantities)
            if offer["status"] == "quotable":
                assert quantities == []
            else:
                assert quantities[0] == offer["moq"] <= offer["inventory_level"]


def test_totals_add_up_over_the_offers():
    for part in PARTS:
        units = Counter()
        for offer in part["offers"]:
            units[offer["status"]] += offer["inventory_level"]
        assert {status: part[status] for status in electronics.OFFER_STATUSES} == {
            status: units[status] for status in electronics.OFFER_STATUSES
        }
        assert part["inventory_level"] == units.total()


def test_reference_prices_are_the_best_among_buyable_offers():
    for part in PARTS:
        points = [p for o in part["offers"] if o["status"] == "buyable" for p in o["prices"]]
        reference = part["reference_prices"]
        assert all(point in points for point in reference)
        for point in points:
            in_force = [best for best in reference if best["quantity"] <= point["quantity"]]
            assert prices(in_force)[-1] <= Decimal(point["price"])


def test_passives_cost_cents_and_microcontrollers_dollars():
    resistor = electronics.part(Random(1), "RC0402FR-0710KL")
    assert all(price < Decimal("0.1") for price in prices(resistor["reference_prices"]))
    microcontroller = electronics.part(Random(1), "STM32F407VGT6")
    assert all(price > Decimal("0.3") for price in prices(microcontroller["reference_prices"]))


def test_the_spread_is_that_of_a_real_market():
    lifecycles = Counter(part["lifecycle_status"] for part in PARTS)
    assert set(lifecycles) == set(electronics.LIFECYCLES)
    assert lifecycles["Production"] > len(PARTS) / 2
    assert any(part["lifecycle_status"] == "Obsolete" and not part["offers"] for part in PARTS)
    assert any(part["offers"] and {o["status"] for o in part["offers"]} == {"quotable"} for part in PARTS)
    assert sum(part["buyable"] > 0 for part in PARTS) > len(PARTS) / 2
    assert len({(part["mpn"], part["manufacturer_name"]) for part in PARTS}) > len(PARTS) * 0.8


@pytest.mark.parametrize(
    ("mpn", "classification", "manufacturer", "package", "description"),
    [
        (
            "GRM155R71C104KA88D",
            "ceramic capacitors",
            "Murata Electronics",
            "0402",
            "CAP CER 0.1UF 16V 10% X7R 0402",
        ),
        ("CL10B104KB8NNNC", "ceramic capacitors", "Samsung Electro-Mechanics", "0603", "0.1UF 50V 10% X7R"),
        ("LMK107BJ106MALTD", "ceramic capacitors", "Taiyo Yuden", "0603", "10UF 10V 20% X5R"),
        ("UMK105B7104KV-FR", "ceramic capacitors", "Taiyo Yuden", "0402", "0.1UF 50V 10% X7R"),
        ("C0603C104K5RACTU", "ceramic capacitors", "KEMET", "0603", "0.1UF 50V 10% X7R"),
        ("RC0402FR-0710KL", "chip resistors", "YAGEO", "0402", "RES 10K OHM 1%"),
        ("RC0603FR-074K7L", "chip resistors", "YAGEO", "0603", "RES 4.7K OHM 1%"),
        ("ERJ-2RKF1002X", "chip resistors", "Panasonic", "0402", "RES 10K OHM 1%"),
        ("CRCW080549R9FKEA", "chip resistors", "Vishay", "0805", "RES 49.9 OHM 1%"),
        ("BLM18AG601SN1D", "ferrite beads", "Murata Electronics", "0603", "FERRITE BEAD 600 OHM 0603"),
        ("XAL5030-222MEC", "power inductors", "Coilcraft", "5030", "FIXED IND 2.2UH"),
        ("STM32F407VGT6", "microcontrollers", "STMicroelectronics", "LQFP-100", "IC MCU 32BIT 1MB FLASH"),
        ("AP2112K-3.3TRG1", "ldo voltage regulators", "Diodes Incorporated", None, "IC REG LINEAR 3.3V"),
        ("SN74LVC1G08DBVR", "logic", "Texas Instruments", "SOT-23-5", "IC GATE AND SOT-23-5"),
        ("LTST-C190KRKT", "leds", "Lite-On", "0603", "LED RED CLEAR 0603"),
        ("BC847BLT1G", "bipolar transistors", "Nexperia", None, "TRANS NPN"),
        ("2N3906", "bipolar transistors", "onsemi", None, "TRANS PNP"),
        ("2N7002", "mosfets", "onsemi", None, "MOSFET"),
        ("ABM8-25.000MHZ-B2-T", "crystals", "Abracon", None, "CRYSTAL"),
        ("B4B-XH-A(LF)(SN)", "headers and wire housings", "JST", None, "4POS"),
        ("grm155r71c104ka88d", "ceramic capacitors", "Murata Electronics", "0402", "0.1UF 16V"),
    ],
)
def test_a_part_number_tells_what_the_part_is(mpn, classification, manufacturer, package, description):
    part = electronics.part(Random(3), mpn)
    assert (part["mpn"], part["classification"], part["manufacturer_name"]) == (
        mpn,
        classification,
        manufacturer,
    )
    assert part["package"] == (package or part["package"])
    assert description in part["description"]


def test_a_given_number_and_maker_are_kept_to_the_letter():
    part = electronics.part(Random(3), "grm155R71c104KA88D ", "muRata (Japan)")
    assert (part["mpn"], part["manufacturer_name"]) == ("grm155R71c104KA88D ", "muRata (Japan)")
    assert part["classification"] == "ceramic capacitors"


FACTS = ("description", "classification", "package", "msl", "terminations", "termination_type", "aecq_status")


@pytest.mark.parametrize(
    ("mpn", "manufacturer"),
    [
        ("XY-1", "Coilcraft, Inc."),
        ("XY-1", None),
        ("MAX2837ETM+", "Analog Devices"),  # a radio, not one of the RS-232 drivers
        ("TCA9548APWR", "Texas Instruments"),  # a bus switch, not one of the CAN drivers
        ("SI7021-A20-GM", "Silicon Labs"),  # a sensor: SI7 are MOSFETs of another maker
        ("", "JST"),
    ],
)
def test_of_an_unknown_number_nothing_is_said_but_who_sells_it(mpn, manufacturer):
    parts = [electronics.part(Random(seed), mpn, manufacturer) for seed in range(20)]
    for part in parts:
        assert [part[name] for name in FACTS] == [None] * len(FACTS)
        assert (part["specs"], part["alt_mpns"]) == ([], [])
    assert any(part["buyable"] for part in parts)


@pytest.mark.parametrize(
    ("mpn", "facts"),
    [
        ("BSS84-7-F", ("MOSFET", "mosfets", None, "1", None, None, None)),
        ("2N3906TA", ("TRANS PNP", "bipolar transistors", None, "1", None, None, None)),
        ("STM32F4", ("IC MCU 32BIT FLASH", "microcontrollers", None, None, None, None, None)),
        (
            "TSW-108-01-G-D",
            ("CONN HEADER 8POS", "headers and wire housings", None, None, 8, None, None),
        ),
        (
            "RC0402FR-0710KL",
            ("RES 10K OHM 1% 0402", "chip resistors", "0402", "1", 2, "SMT", None),
        ),
    ],
)
def test_of_a_known_number_no_more_is_said_than_it_says(mpn, facts):
    for seed in range(5):
        part = electronics.part(Random(seed), mpn)
        assert tuple(part[name] for name in FACTS) == facts


def test_specs_are_those_the_number_says():
    part = electronics.part(Random(3), "GRM155R71C104KA88D")
    assert {spec["id"]: spec["value"] for spec in part["specs"]} == {
        "capacitance": "0.1 µF",
        "voltage": "16 V",
        "tolerance": "±10%",
        "dielectric": "X7R",
    }


def test_a_maker_of_ones_own_is_drawn_from_what_it_makes():
    assert electronics.part(Random(3), manufacturer_name="JST")["classification"] == "headers and wire housings"


@pytest.mark.parametrize("mpn", ["GRM1555C1H330JA01D", "RC0402FR-0710KL", "BLM18AG601SN1D", "1N4148WT"])
def test_what_everybody_stocks_can_be_bought(mpn):
    parts = [electronics.part(Random(seed), mpn) for seed in range(200)]
    in_production = [part for part in parts if part["lifecycle_status"] == "Production"]
    assert len(in_production) > 150
    assert sum(part["buyable"] >= 100 for part in in_production) > 0.98 * len(in_production)
    assert sum(part["buyable"] >= 100 for part in parts) > 0.92 * len(parts)


def test_every_series_reads_the_part_numbers_it_draws():
    for classification in electronics.CLASSIFICATIONS:
        for seed in range(60):
            mpn, manufacturer, drawn = electronics.mpn(Random(seed), classification)
            part = electronics.part(Random(seed), mpn)
            assert (part["manufacturer_name"], part["classification"]) == (manufacturer, drawn)
            assert drawn == classification


def test_every_classification_has_packages_that_are_known():
    for facts in electronics.CLASSIFICATIONS.values():
        assert set(facts.packages) <= set(electronics.PACKAGES)
        assert facts.aecq in electronics.AECQ_STATUSES


def test_offers_are_dated_within_the_day_before_now():
    part = electronics.part(Random(2), "RC0402FR-0710KL", now=datetime(2026, 1, 5, 12, tzinfo=UTC))
    stamps = [offer["updated_at"] for offer in part["offers"]]
    assert stamps
    assert all("2026-01-04T12:00:00Z" < stamp <= "2026-01-05T12:00:00Z" for stamp in stamps)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("GRM155R71C104KA88D", "GRM155R71C104KA88D"),
        ("rc0402fr-07 10kl", "RC0402FR0710KL"),
        ("Würth Elektronik", "WURTHELEKTRONIK"),
        ("LM\uff13\uff15\uff18", "LM358"),
        ("", ""),
        (None, ""),
        ("-/.#☃", ""),
        ("\ud800", ""),
    ],
)  # fmt: skip
def test_normalise_keeps_letters_and_digits(written, key):
    assert electronics.normalise(written) == key


@given(st.text(st.characters(codec=None)) | st.text(min_size=5_000, max_size=6_000))
def test_keys_of_any_text_are_stable_and_alphanumeric(text):
    key = electronics.normalise(text)
    assert electronics.normalise(key) == key
    assert key == "" or key.isalnum()
    assert electronics.manufacturer_key(electronics.manufacturer_key(text)) == electronics.manufacturer_key(text)


@given(st.text(), st.none() | st.text())
def test_a_part_can_be_made_of_any_text(mpn, manufacturer):
    part = electronics.part(Random(1), mpn, manufacturer)
    assert part["mpn"] == mpn
    assert manufacturer is None or part["manufacturer_name"] == manufacturer
    assert all(urlsplit(document["url"]).path.isascii() for document in part["documents"])


@given(st.sampled_from(electronics.SERIES), st.text("0123456789ABCDEFGKMRVZ", max_size=30))
def test_a_broken_part_number_is_still_a_part(series, rest):
    mpn = series.templates[0][0][0] + rest
    part = electronics.part(Random(1), mpn)
    assert part["mpn"] == mpn
    assert part["classification"] in (None, *electronics.CLASSIFICATIONS)
    assert part["terminations"] is None or part["terminations"] > 0


def test_very_long_part_numbers_keep_the_rest_of_the_part_short():
    part = electronics.part(Random(4), "RC0402" + "9" * 100_000)
    assert part["package"] == "0402"
    assert part["alt_mpns"] == []
    assert all(len(offer["sku"]) < 80 for offer in part["offers"])
    assert all(len(document["url"]) < 120 for document in part["documents"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TI", "Texas Instruments"),
        ("TEXAS INSTRUMENTS, INC.", "Texas Instruments"),
        ("muRata", "Murata Electronics"),
        ("Wurth", "Würth Elektronik"),
        ("ON Semi", "onsemi"),
        ("Linear Technology Corp.", "Analog Devices"),
        ("Acme Widgets Ltd", "ACME WIDGETS"),
    ],
)
def test_a_maker_is_one_under_all_its_names(one, other):
    assert electronics.manufacturer_key(one) == electronics.manufacturer_key(other)


def test_no_name_belongs_to_two_makers():
    owners = Counter()
    for maker, aliases in electronics.MANUFACTURERS.items():
        owners.update({electronics.normalise(name) for name in (maker, *aliases)})
    assert set(owners.values()) == {1}


def test_a_company_form_alone_is_still_a_name():
    assert electronics.manufacturer_key("Inc") == "INC"


def test_designators_are_different_and_ascending():
    drawn = electronics.designators(Random(5), "FB", 12)
    numbers = [int(name.removeprefix("FB")) for name in drawn]
    assert len(numbers) == 12
    assert numbers == sorted(set(numbers))
    assert electronics.designators(Random(5), "C", 0) == []


def test_stock_words_look_like_those_on_a_reel():
    random = Random(6)
    codes = [electronics.date_code(random, date(2026, 1, 5)) for _ in range(200)]
    assert all(re.fullmatch(r"2[3-5](0[1-9]|[1-4]\d|5[0-3])", code) for code in codes)
    assert re.fullmatch(r"[A-Z]\d[A-Z]\d{5}", electronics.lot_code(random))
    assert re.fullmatch(r"[A-H]-\d\d-[1-6]", electronics.bin_name(random))


def test_sellers_are_named_once_and_linked():
    assert len({seller.name for seller in electronics.SELLERS}) == len(electronics.SELLERS)
    for seller in electronics.SELLERS:
        assert urlsplit(seller.website).scheme == "https"
        assert seller.certifications
        assert seller.lead_days > 0


def test_the_faker_provider_repeats_itself_from_its_seed():
    def draw():
        fake = Faker()
        fake.add_provider(ElectronicsProvider)
        fake.seed_instance(11)
        return [
            fake.mpn("crystals"),
            fake.manufacturer(),
            fake.classification(),
            fake.package("leds"),
            fake.electronic_part(),
            fake.reference_designators(3, "R"),
            fake.seller(),
            fake.date_code(date(2026, 1, 5)),
            fake.lot_code(),
            fake.location(),
            fake.bin(),
            fake.board_name(),
            fake.program_name(),
        ]

    assert draw() == draw()
    assert draw()[3] in electronics.CLASSIFICATIONS["leds"].packages
