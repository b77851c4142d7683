"""What makes electronics look like electronics: makers, distributors, part numbers, packages, prices.

Pure data and pure functions. Everything drawn comes from the `random` argument, any object with `random()`,
`randint(a, b)`, `choice(seq)`, `sample(seq, k)` and `getrandbits(k)`: equal generators draw the same.

A part number is drawn from a *series*, such as the GRM capacitors of Murata, and every part number, drawn or
given, is read back through the pattern of its series. So the catalogue says of `GRM155R71C104KA88D` what its
maker says: 0.1 µF, 16 V, X7R.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple, Protocol


class Random(Protocol):
    """The few methods of `random.Random` that this module needs."""

    def random(self) -> float: ...
    def randint(self, a: int, b: int) -> int: ...
    def choice(self, seq: Sequence[Any]) -> Any: ...
    def sample(self, population: Sequence[Any], k: int) -> list[Any]: ...
    def getrandbits(self, k: int) -> int: ...


OFFER_STATUSES = ("buyable", "quotable", "maybe")
LIFECYCLES = ("New", "NRFND", "Production", "EOL", "Obsolete")
TERMINATION_TYPES = (
    "other",
    "SMT",
    "THT",
    "pressed fit",
    "hybrid of SMT and THT",
    "hybrid of pressed fit and SMT",
    "hybrid of pressed fit and THT",
)
REACH_STATUSES = (
    "REACH Affected",
    "REACH Compliant",
    "REACH Non-Compliant",
    "REACH Unaffected",
    "REACH Unknown",
)
ROHS_STATUSES = (
    "RoHS Compliant by Exemption",
    "RoHS Compliant",
    "RoHS Non-Compliant",
    "RoHS Unknown",
    "RoHS3 Compliant by Exemption",
    "RoHS3 Compliant",
)
AECQ_STATUSES = (
    "AEC-Q100",
    "AEC-Q101",
    "AEC-Q102",
    "AEC-Q103",
    "AEC-Q104",
    "AEC-Q200",
    "AEC-Q001",
    "AEC-Q002",
    "AEC-Q003",
    "AEC-Q004",
    "AEC-Q005",
    "AEC-Q006",
    "AEC-Q Unknown",
)

# -------- makers

MANUFACTURERS: dict[str, tuple[str, ...]] = {  # name -> other names it goes by
    "Abracon": ("Abracon LLC",),
    "Advanced Monolithic Systems": ("Advanced Monolithic",),
    "Allegro MicroSystems": ("Allegro", "Allegro Micro"),
    "Alpha & Omega Semiconductor": ("AOS", "Alpha and Omega Semiconductor"),
    "Amphenol": ("Amphenol ICC", "Amphenol FCI", "FCI"),
    "Analog Devices": (
        "ADI",
        "Analog",
        "Maxim",
        "Maxim Integrated",
        "Linear Technology",
        "Linear Tech",
        "LTC",
    ),
    "Bosch Sensortec": ("Bosch",),
    "Bourns": (),
    "C&K": ("C&K Switches", "C and K", "CK Components"),
    "Coilcraft": (),
    "Diodes Incorporated": ("Diodes", "Diodes Zetex", "Zetex"),
    "ECS": ("ECS International",),
    "Epson": ("Seiko Epson", "Epson Timing"),
    "Espressif Systems": ("Espressif",),
    "Everlight Electronics": ("Everlight",),
    "FTDI": ("Future Technology Devices International", "FTDI Chip"),
    "GigaDevice": ("GigaDevice Semiconductor",),
    "Hirose Electric": ("Hirose", "HRS"),
    "Infineon Technologies": (
        "Infineon",
        "IFX",
        "Cypress",
        "Cypress Semiconductor",
        "International Rectifier",
        "IR",
    ),
    "JST": ("JST Sales America", "Japan Solderless Terminal"),
    "KEMET": ("Kemet Electronics",),
    "Kingbright": (),
    "KYOCERA AVX": ("AVX", "Kyocera"),
    "Lite-On": ("LiteOn", "Lite-On Optoelectronics", "LITEON"),
    "Littelfuse": ("IXYS",),
    "Microchip Technology": ("Microchip", "MCHP", "Atmel", "Microsemi", "Micrel"),
    "Micron Technology": ("Micron",),
    "Molex": (),
    "Monolithic Power Systems": ("MPS",),
    "Murata Electronics": ("Murata", "muRata", "Murata Manufacturing"),
    "Nexperia": ("Nexperia USA",),
    "Nichicon": (),
    "Nordic Semiconductor": ("Nordic",),
    "NXP Semiconductors": ("NXP", "Freescale", "Freescale Semiconductor", "NXP USA"),
    "Omron Electronics": ("Omron",),
    "onsemi": ("ON Semiconductor", "ON Semi", "Fairchild", "Fairchild Semiconductor"),
    "Panasonic": ("Panasonic Electronic Components", "Panasonic Industry", "Matsushita"),
    "Raspberry Pi": ("Raspberry Pi Trading",),
    "Renesas Electronics": ("Renesas", "Intersil", "IDT", "Dialog Semiconductor"),
    "ROHM Semiconductor": ("ROHM",),
    "Rubycon": (),
    "Samsung Electro-Mechanics": ("Samsung", "SEMCO"),
    "Samtec": (),
    "Silicon Labs": ("Silicon Laboratories", "SiLabs"),
    "Skyworks Solutions": ("Skyworks",),
    "Stackpole Electronics": ("Stackpole", "SEI"),
    "STMicroelectronics": ("ST", "STM", "ST Micro", "ST Microelectronics"),
    "Taiyo Yuden": (),
    "TDK": ("TDK Corporation", "TDK Electronics", "EPCOS", "InvenSense", "TDK InvenSense"),
    "TE Connectivity": ("TE", "Tyco", "Tyco Electronics", "AMP"),
    "Texas Instruments": ("TI", "National Semiconductor", "Burr-Brown"),
    "Toshiba": ("Toshiba Semiconductor", "Toshiba Semiconductor and Storage"),
    "TXC": ("TXC Corporation",),
    "u-blox": (),
    "Vishay": (
        "Vishay Dale",
        "Vishay Siliconix",
        "Vishay Semiconductors",
        "Vishay Intertechnology",
        "Siliconix",
    ),
    "Winbond Electronics": ("Winbond",),
    "Würth Elektronik": ("Wurth", "WE", "Wurth Electronics", "Wuerth Elektronik"),
    "YAGEO": ("Yageo Group", "Phycomp"),
}

_ASCII_PUNCTUATION = {code: None for code in range(128) if not chr(code).isalnum()}
_COMPANY_FORMS = frozenset(
    (
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "co",
        "company",
        "ltd",
        "limited",
        "llc",
        "plc",
        "gmbh",
        "ag",
        "nv",
    )
)


def normalise(text: str | None) -> str:
    """The matching key of a part number or a name: upper-case letters and digits, accents dropped."""
    if not text:
        return ""
    if text.isascii():
        return text.upper().translate(_ASCII_PUNCTUATION)
    # Compatibility forms (ligatures, full-width letters) come apart before and after the change of case.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).upper())
    return "".join(char for char in text if char.isalnum())


_MANUFACTURER_KEYS = {
    normalise(name): normalise(canonical)
    for canonical, aliases in MANUFACTURERS.items()
    for name in (canonical, *aliases)
}


def manufacturer_key(name: str | None) -> str:
    """The matching key of a maker: `TI`, `Texas Instruments` and `TEXAS INSTRUMENTS, INC.` share one."""
    key = normalise(name)
    if key in _MANUFACTURER_KEYS:
        return _MANUFACTURER_KEYS[key]
    words = (name or "").replace(",", " ").replace(".", " ").split()
    while words and words[-1].lower() in _COMPANY_FORMS:
        words.pop()
    key = normalise(" ".join(words)) or key
    return _MANUFACTURER_KEYS.get(key, key)


_MANUFACTURER_NAMES = {normalise(name): name for name in MANUFACTURERS}


def manufacturer(name: str) -> str:
    """One spelling for all names that share a key: the maker's own where it is known, else in capitals."""
    words = name.upper().replace(",", " ").replace(".", " ").split()
    while len(words) > 1 and words[-1].lower() in _COMPANY_FORMS:
        words.pop()
    return _MANUFACTURER_NAMES.get(manufacturer_key(name)) or " ".join(words)


# -------- sellers


class Seller(NamedTuple):
    """A distributor. `sku` is a format of `{mpn}` and a seven-digit `{number}`; `lead_days` is door to
    door."""

    name: str
    website: str
    certifications: tuple[str, ...]
    lead_days: int
    is_authorized: bool = True
    sku: str = "{mpn}"


SELLERS = (
    Seller("Digi-Key", "https://www.digikey.com", ("ISO 9001", "AS9120", "AS6496"), 2, sku="{number}-ND"),
    Seller("Mouser", "https://www.mouser.com", ("ISO 9001", "AS9120", "AS6496"), 2, sku="{number!s:.3}-{mpn}"),
    Seller("Arrow", "https://www.arrow.com", ("ISO 9001", "AS9120", "AS6496"), 3),
    Seller("Avnet", "https://www.avnet.com", ("ISO 9001", "AS9120"), 4),
    Seller("Newark", "https://www.newark.com", ("ISO 9001", "AS9120"), 3, sku="{number}"),
    Seller("Farnell", "https://www.farnell.com", ("ISO 9001", "AS9120"), 4, sku="{number}"),
    Seller("Future Electronics", "https://www.futureelectronics.com", ("ISO 9001", "AS9120"), 4),
    Seller("TTI", "https://www.tti.com", ("ISO 9001", "AS9100", "AS9120"), 4),
    Seller("LCSC", "https://www.lcsc.com", ("ISO 9001",), 8, sku="C{number}"),
    Seller("RS", "https://www.rs-online.com", ("ISO 9001", "AS9120"), 3, sku="{number}"),
    Seller("Sager Electronics", "https://www.sager.com", ("ISO 9001", "AS9100"), 5),
    Seller("Master Electronics", "https://www.masterelectronics.com", ("ISO 9001", "AS9120"), 3),
    Seller("Allied Electronics", "https://www.alliedelec.com", ("ISO 9001",), 4, sku="7{number}"),
    Seller("Heilind Electronics", "https://www.heilind.com", ("ISO 9001", "AS9100"), 5),
    Seller("Symmetry Electronics", "https://www.symmetryelectronics.com", ("ISO 9001",), 5),
    Seller("Richardson RFPD", "https://www.richardsonrfpd.com", ("ISO 9001", "AS9120"), 6),
    Seller("Rutronik", "https://www.rutronik.com", ("ISO 9001", "IATF 16949"), 7),
    Seller("Rochester Electronics", "https://www.rocelec.com", ("ISO 9001", "AS9120", "AS6496"), 5),
    Seller("Verical", "https://www.verical.com", ("ISO 9001",), 7, is_authorized=False, sku="V{number}"),
    Seller("Win Source", "https://www.win-source.net", ("ISO 9001", "AS9120"), 9, is_authorized=False),
    Seller("Fusion Worldwide", "https://www.fusionww.com", ("ISO 9001", "AS6081"), 9, is_authorized=False),
    Seller("America II", "https://www.americaii.com", ("ISO 9001", "AS6081"), 8, is_authorized=False),
)
# What a maker has given up, its franchised distributors no longer list.
_LAST_SELLERS = SELLERS[-5:]
# The big catalogues come up more often than the specialists.
_USUAL_SELLERS = SELLERS[:12]

# -------- packages

CHIPS = ("0201", "0402", "0603", "0805", "1206", "1210")

PACKAGES: dict[str, tuple[int, str]] = {  # package -> terminations, termination type
    **dict.fromkeys((*CHIPS, "2512", "2917", "1411", "2312", "SOD-123", "SOD-323", "SOD-523"), (2, "SMT")),
    **dict.fromkeys(("DO-214AC", "DO-214AA", "4018", "5030", "6045", "8040", "Radial SMD 6.3mm"), (2, "SMT")),
    **dict.fromkeys(("Radial 5mm", "Radial 8mm", "DO-41", "DO-35", "HC-49/US", "5x20mm"), (2, "THT")),
    **dict.fromkeys(("SOT-23-3", "SOT-323", "SOT-89-3", "DPAK"), (3, "SMT")),
    **dict.fromkeys(("TO-92-3", "TO-220-3", "TO-247-3"), (3, "THT")),
    **dict.fromkeys(("SOT-223-4", "3225-4", "2520-4", "2016-4", "SMD-4 6x6mm", "SOIC-4"), (4, "SMT")),
    "Through Hole-4 6x6mm": (4, "THT"),
    "DIP-5": (5, "THT"),
    "DIP-8": (8, "THT"),
    "USB-C-16": (16, "hybrid of SMT and THT"),
    "USB-C-24": (24, "hybrid of SMT and THT"),
    "Micro-USB-5": (5, "hybrid of SMT and THT"),
    "Header": (2, "THT"),
    "Module-38": (38, "SMT"),
    "LGA-8": (8, "SMT"),
    "LGA-14": (14, "SMT"),
    **{f"SOT-23-{pins}": (pins, "SMT") for pins in (5, 6)},
    **{f"SC-70-{pins}": (pins, "SMT") for pins in (5, 6)},
    **{f"SOIC-{pins}": (pins, "SMT") for pins in (8, 14, 16, 20)},
    **{f"TSSOP-{pins}": (pins, "SMT") for pins in (8, 14, 16, 20, 24, 28)},
    **{f"{body}-{pins}": (pins, "SMT") for body in ("QFN", "LQFP", "UFQFPN", "UFBGA")
       for pins in (16, 20, 24, 28, 32, 36, 48, 56, 64, 100, 144, 176)},
    **{f"{body}-8": (8, "SMT") for body in ("WSON", "MSOP", "PowerPAK-SO")},
}  # fmt: skip

# -------- classifications


class Classification(NamedTuple):
    """A kind of part and how its parts look.

    `description` is a format over the ids of `specs` and `package`; `specs` maps a spec's id to its usual
    values.
    `price` is the span in USD for one piece, which falls with quantity as `quantity ** -fall`.
    `share` is how often it is met on a bill of materials, relative to the others. A `commodity` is what
    everybody has in stock.
    """

    prefix: str
    description: str
    packages: tuple[str, ...]
    specs: dict[str, tuple[str, ...]]
    price: tuple[float, float]
    fall: float
    aecq: str
    share: int = 2
    commodity: bool = False
    loose: str = "Cut Tape"
    reel: tuple[int, ...] = (1000, 2500, 3000)
    msl: tuple[str | None, ...] = ("1", "1", "3", "3", "2")


_PASSIVE: dict[str, Any] = {
    "fall": 0.24,
    "aecq": "AEC-Q200",
    "reel": (4000, 5000, 10000),
    "msl": ("1",),
    "commodity": True,
}
_DISCRETE: dict[str, Any] = {"fall": 0.17, "aecq": "AEC-Q101", "reel": (3000,), "msl": ("1",), "commodity": True}
_IC: dict[str, Any] = {"fall": 0.09, "aecq": "AEC-Q100"}

CLASSIFICATIONS: dict[str, Classification] = {
    "ceramic capacitors": Classification(
        "C", "CAP CER {capacitance} {voltage} {tolerance} {dielectric} {package}", CHIPS,
        {
            "capacitance": (
                "10 pF", "22 pF", "100 pF", "1000 pF", "0.01 µF", "0.1 µF", "1 µF", "4.7 µF", "10 µF",
            ),
            "voltage": ("6.3 V", "10 V", "16 V", "25 V", "50 V"),
            "tolerance": ("±5%", "±10%", "±20%"),
            "dielectric": ("X7R", "X5R", "C0G"),
        },
        (0.02, 0.12), share=16, **_PASSIVE,
    ),
    "tantalum capacitors": Classification(
        "C", "CAP TANT {capacitance} {tolerance} {voltage} {package}", ("1411", "2312", "2917", "1206"),
        {
            "capacitance": ("1 µF", "10 µF", "47 µF", "100 µF", "220 µF"),
            "voltage": ("6.3 V", "10 V", "16 V", "25 V"),
            "tolerance": ("±10%", "±20%"),
        },
        (0.25, 1.6), 0.14, "AEC-Q200", reel=(500, 2000), msl=("1", "3"),
    ),
    "aluminum electrolytic capacitors": Classification(
        "C", "CAP ALUM {capacitance} {tolerance} {voltage} {package}",
        ("Radial 5mm", "Radial 8mm", "Radial SMD 6.3mm"),
        {
            "capacitance": ("10 µF", "47 µF", "100 µF", "220 µF", "470 µF", "1000 µF"),
            "voltage": ("10 V", "16 V", "25 V", "35 V", "50 V"),
            "tolerance": ("±20%",),
        },
        (0.12, 0.9), 0.17, "AEC-Q200", loose="Bulk", reel=(1000, 2000), msl=("1",),
    ),
    "chip resistors": Classification(
        "R", "RES {resistance} {tolerance} {power} {package}", CHIPS,
        {
            "resistance": ("0 Ω", "22 Ω", "100 Ω", "1 kΩ", "4.7 kΩ", "10 kΩ", "47 kΩ", "100 kΩ", "1 MΩ"),
            "tolerance": ("±1%", "±5%"),
            "power": ("1/16 W", "1/10 W", "1/8 W", "1/4 W"),
        },
        (0.015, 0.08), share=16, **_PASSIVE,
    ),
    "ferrite beads": Classification(
        "FB", "FERRITE BEAD {impedance} {package} 1LN", CHIPS[1:5],
        {"impedance": ("120 Ω", "220 Ω", "600 Ω", "1 kΩ"), "current": ("200 mA", "500 mA", "1 A", "2 A")},
        (0.04, 0.15), share=4, **_PASSIVE,
    ),
    "power inductors": Classification(
        "L", "FIXED IND {inductance} {current} {tolerance} {package}", ("4018", "5030", "6045", "8040"),
        {
            "inductance": ("1 µH", "2.2 µH", "4.7 µH", "10 µH", "22 µH", "47 µH"),
            "current": ("0.8 A", "1.5 A", "3 A", "6.2 A"),
            "tolerance": ("±20%", "±30%"),
        },
        (0.25, 2.2), 0.13, "AEC-Q200", share=4, reel=(500, 1500, 2000), msl=("1",),
    ),
    "ldo voltage regulators": Classification(
        "U", "IC REG LINEAR {output_voltage} {current} {package}",
        ("SOT-23-5", "SOT-223-4", "SC-70-5", "WSON-8"),
        {
            "output_voltage": ("1.2 V", "1.8 V", "2.5 V", "3.3 V", "5 V"),
            "current": ("150 mA", "200 mA", "300 mA", "500 mA", "1 A"),
            "input_voltage_max": ("5.5 V", "6 V", "15 V", "40 V"),
        },
        (0.3, 2.5), share=4, **_IC,
    ),
    "switching voltage regulators": Classification(
        "U", "IC REG BUCK ADJ {current} {package}", ("SOT-23-6", "SOIC-8", "QFN-16", "QFN-20"),
        {
            "current": ("600 mA", "2 A", "3 A", "5 A"),
            "input_voltage_max": ("5.5 V", "17 V", "28 V", "36 V", "60 V"),
            "switching_frequency": ("500 kHz", "1 MHz", "1.5 MHz", "2.2 MHz"),
        },
        (0.7, 6.5), share=4, **_IC,
    ),
    "microcontrollers": Classification(
        "U", "IC MCU {core} {flash} FLASH {package}", ("LQFP-48", "LQFP-64", "QFN-32", "QFN-48", "TSSOP-20"),
        {
            "core": ("32BIT", "32BIT", "8BIT"),
            "flash": ("16 kB", "32 kB", "64 kB", "128 kB", "256 kB", "512 kB", "1 MB"),
            "speed": ("16 MHz", "48 MHz", "72 MHz", "168 MHz"),
        },
        (0.8, 18.0), share=4, loose="Tray", **_IC,
    ),
    "operational amplifiers": Classification(
        "U", "IC OPAMP GP {circuits} CIRCUIT {package}",
        ("SOT-23-5", "SOIC-8", "SOIC-14", "TSSOP-8", "MSOP-8"),
        {"circuits": ("1", "2", "4"), "gain_bandwidth": ("1 MHz", "3 MHz", "10 MHz", "20 MHz")},
        (0.3, 4.5), share=3, **_IC,
    ),
    "logic": Classification(
        "U", "IC {function} {package}", ("SOT-23-5", "SC-70-5", "SOIC-14", "TSSOP-14", "TSSOP-20"),
        {
            "function": (
                "GATE AND 1CH 2-INP", "INVERTER 1CH", "BUFFER NON-INVERT", "SHIFT REGISTER 8BIT",
                "D-TYPE DUAL",
            ),
            "supply_voltage": ("1.65V ~ 5.5V", "2V ~ 6V", "4.5V ~ 5.5V"),
        },
        (0.3, 1.4), share=4, **_IC,
    ),
    "memory": Classification(
        "U", "IC {technology} {size} {interface} {package}", ("SOIC-8", "WSON-8", "TSSOP-8"),
        {
            "technology": ("FLASH", "EEPROM"),
            "size": ("64 kbit", "256 kbit", "8 Mbit", "64 Mbit", "128 Mbit"),
            "interface": ("SPI", "I2C", "QSPI"),
        },
        (0.35, 5.0), share=2, **_IC,
    ),
    "analog to digital converters": Classification(
        "U", "IC ADC {resolution} {architecture} {package}", ("MSOP-8", "TSSOP-16", "TSSOP-20", "QFN-24"),
        {"resolution": ("10BIT", "12BIT", "16BIT", "24BIT"), "architecture": ("SAR", "SIGMA-DELTA")},
        (1.5, 20.0), share=1, loose="Tube", **_IC,
    ),
    "interface transceivers": Classification(
        "U", "IC TRANSCEIVER {protocol} {package}", ("SOIC-8", "TSSOP-16", "SOIC-16", "QFN-28"),
        {
            "protocol": ("CAN", "RS-485", "RS-232", "USB", "LIN"),
            "data_rate": ("250 kbps", "1 Mbps", "5 Mbps"),
        },
        (0.7, 6.0), share=2, **_IC,
    ),
    "mosfets": Classification(
        "Q", "MOSFET {polarity} {drain_voltage} {current} {package}",
        ("SOT-23-3", "SOIC-8", "DPAK", "PowerPAK-SO-8"),
        {
            "polarity": ("N-CH", "P-CH"),
            "drain_voltage": ("20 V", "30 V", "60 V", "100 V"),
            "current": ("300 mA", "3.4 A", "12 A", "50 A"),
        },
        (0.12, 1.9), share=4, **_DISCRETE,
    ),
    "bipolar transistors": Classification(
        "Q", "TRANS {polarity} {collector_voltage} {current} {package}",
        ("SOT-23-3", "SOT-323", "SOT-89-3", "TO-92-3"),
        {
            "polarity": ("NPN", "PNP"),
            "collector_voltage": ("40 V", "45 V", "60 V", "80 V"),
            "current": ("100 mA", "200 mA", "600 mA", "1 A"),
        },
        (0.05, 0.4), share=3, **_DISCRETE,
    ),
    "diodes": Classification(
        "D", "DIODE {technology} {reverse_voltage} {current} {package}",
        ("SOD-123", "SOD-323", "DO-214AC", "SOT-23-3"),
        {
            "technology": ("SCHOTTKY", "GEN PURP", "SWITCHING"),
            "reverse_voltage": ("30 V", "40 V", "75 V", "100 V", "1000 V"),
            "current": ("200 mA", "1 A", "2 A", "3 A"),
        },
        (0.05, 0.5), share=4, **_DISCRETE,
    ),
    "zener diodes": Classification(
        "D", "DIODE ZENER {zener_voltage} {power} {package}", ("SOD-123", "SOD-323", "SOT-23-3", "DO-35"),
        {
            "zener_voltage": ("3.3 V", "5.1 V", "6.2 V", "12 V", "15 V"),
            "power": ("200 mW", "300 mW", "500 mW"),
        },
        (0.04, 0.25), share=1, **_DISCRETE,
    ),
    "tvs diodes": Classification(
        "D", "TVS DIODE {standoff_voltage} VWM {package}", ("DO-214AC", "DO-214AA", "SOT-23-6", "SOD-323"),
        {"standoff_voltage": ("3.3 V", "5 V", "12 V", "24 V", "58 V"), "channels": ("1", "2", "4")},
        (0.12, 0.9), share=2, **_DISCRETE,
    ),
    "leds": Classification(
        "D", "LED {color} CLEAR {package} SMD", CHIPS[1:5],
        {
            "color": ("RED", "GREEN", "BLUE", "YELLOW", "WHITE"),
            "wavelength": ("470 nm", "525 nm", "590 nm", "631 nm"),
        },
        (0.08, 0.6), 0.17, "AEC-Q102", share=3, reel=(2000, 3000, 4000), msl=("3", "2"),
    ),
    "crystals": Classification(
        "Y", "CRYSTAL {frequency} {load_capacitance} SMD", ("3225-4", "2520-4", "2016-4", "HC-49/US"),
        {
            "frequency": ("8 MHz", "12 MHz", "16 MHz", "24 MHz", "25 MHz", "32 MHz"),
            "load_capacitance": ("8 pF", "10 pF", "12 pF", "18 pF"),
            "stability": ("±10ppm", "±20ppm", "±30ppm"),
        },
        (0.25, 1.2), 0.1, "AEC-Q200", share=2, msl=("1",),
    ),
    "oscillators": Classification(
        "Y", "XTAL OSC XO {frequency} {supply_voltage} CMOS SMD", ("3225-4", "2520-4", "2016-4"),
        {
            "frequency": ("12 MHz", "25 MHz", "50 MHz", "100 MHz"),
            "supply_voltage": ("1.8 V", "2.5 V", "3.3 V"),
        },
        (0.8, 3.5), 0.09, "AEC-Q100", share=1, msl=("1",),
    ),
    "headers and wire housings": Classification(
        "J", "CONN HEADER {orientation} {positions}POS {pitch}", ("Header",),
        {
            "positions": ("2", "3", "4", "5", "6", "8", "10", "20"),
            "pitch": ("1.25 mm", "2 mm", "2.54 mm"),
            "orientation": ("VERT", "R/A"),
        },
        (0.2, 3.0), 0.12, "AEC-Q200", share=5, loose="Bulk", reel=(400, 900, 1000), msl=(None,),
    ),
    "usb connectors": Classification(
        "J", "CONN RCP {standard} {package} R/A", ("USB-C-16", "USB-C-24", "Micro-USB-5"),
        {"standard": ("USB2.0", "USB3.2 GEN 2"), "current": ("1.8 A", "3 A", "5 A")},
        (0.5, 2.4), 0.12, "AEC-Q200", share=2, reel=(700, 1000), msl=(None,),
    ),
    "tactile switches": Classification(
        "SW", "SWITCH TACTILE SPST-NO {current} {voltage}", ("SMD-4 6x6mm", "Through Hole-4 6x6mm"),
        {"current": ("20 mA", "50 mA"), "voltage": ("12 V", "24 V"), "force": ("100 gf", "160 gf", "260 gf")},
        (0.1, 0.9), 0.14, "AEC-Q200", share=2, msl=(None, "1"),
    ),
    "relays": Classification(
        "K", "RELAY GEN PURPOSE {form} {current} {coil_voltage}", ("DIP-5", "DIP-8"),
        {"form": ("SPDT", "DPDT"), "current": ("1 A", "2 A", "10 A"), "coil_voltage": (
            "5 V", "12 V", "24 V",
        )},
        (1.2, 6.5), 0.09, "AEC-Q200", share=1, loose="Tube", reel=(500,), msl=(None,),
    ),
    "fuses": Classification(
        "F", "FUSE BOARD MNT {current} {voltage} {package}", ("0603", "1206", "5x20mm"),
        {"current": ("250 mA", "500 mA", "1 A", "2 A", "5 A"), "voltage": ("24 V", "32 V", "63 V", "250 V")},
        (0.2, 1.1), 0.14, "AEC-Q200", share=2, msl=("1",),
    ),
    "sensors": Classification(
        "U", "SENSOR {measures} {interface} {package}", ("LGA-8", "LGA-14", "SOT-23-5", "SOIC-8"),
        {
            "measures": ("ACCEL 3-AXIS", "TEMP", "PRESSURE", "HALL EFFECT", "HUMIDITY TEMP"),
            "interface": ("I2C", "SPI"),
        },
        (0.8, 7.5), 0.09, "AEC-Q103", share=2,
    ),
    "rf modules": Classification(
        "U", "RX TXRX MODULE {protocol} {antenna} SMD", ("Module-38",),
        {
            "protocol": ("WIFI", "BLUETOOTH", "LORA", "LTE CAT-M1", "GNSS"),
            "antenna": ("TRACE ANT", "U.FL", "CHIP ANT"),
        },
        (2.5, 19.5), 0.06, "AEC-Q104", share=1, loose="Tray", reel=(500, 650), msl=("3",),
    ),
}  # fmt: skip

_COMMON_BOM = tuple(label for label, facts in CLASSIFICATIONS.items() for _ in range(facts.share))

# -------- reading part numbers


def _picofarads(code: str) -> str:
    """`104` is 100,000 pF: two figures and the number of zeros."""
    picofarads = int(code[:2]) * 10 ** int(code[2])
    return f"{picofarads} pF" if picofarads < 10_000 else f"{picofarads / 1e6:g} µF"


def _ohms(code: str) -> str:
    """`4K7` or `49R9` with the unit for a point; `103` or `1002` with the number of zeros last."""
    for letter, unit in (("R", "Ω"), ("K", "kΩ"), ("M", "MΩ")):
        if letter in code:
            return f"{float(code.replace(letter, '.')):g} {unit}"
    ohms = int(code[:-1]) * 10 ** int(code[-1])
    for size, unit in ((1_000_000, "MΩ"), (1_000, "kΩ")):
        if ohms >= size:
            return f"{ohms / size:g} {unit}"
    return f"{ohms} Ω"


def _microhenries(code: str) -> str:
    """`4R7` is 4.7 µH, `100` is 10 µH."""
    if "R" in code:
        return f"{float(code.replace('R', '.')):g} µH"
    return f"{int(code[:2]) * 10 ** int(code[2])} µH"


def _nanohenries(code: str) -> str:
    """`222` is 2200 nH."""
    return f"{int(code[:2]) * 10 ** int(code[2]) / 1000:g} µH"


_STM32_PINS = {"F": 20, "G": 28, "K": 32, "T": 36, "C": 48, "R": 64, "V": 100, "Z": 144, "I": 176}
_STM32_BODIES = {"T": "LQFP", "U": "UFQFPN", "H": "UFBGA", "P": "TSSOP"}

# The groups that patterns name: what each says of the part, and how its code reads. Unknown codes read as
# None.
_READERS: dict[str, tuple[str, Callable[[str], str | None]]] = {
    "eia": ("package", {size: size for size in CHIPS}.get),
    "metric": ("package", {"1005": "0402", "1608": "0603", "2012": "0805", "3216": "1206",
    "3225": "1210"}.get),
    "murata": ("package", dict(zip(("03", "15", "18", "21", "31", "32"), CHIPS, strict=True)).get),
    "samsung": ("package", dict(zip(("03", "05", "10", "21", "31", "32"), CHIPS, strict=True)).get),
    "taiyo": ("package", dict(zip(("063", "105", "107", "212", "316", "325"), CHIPS, strict=True)).get),
    "panasonic": ("package", {
        "1G": "0201", "2R": "0402", "2G": "0402", "3E": "0603", "3G": "0603",
        "6E": "0805", "6G": "0805", "8E": "1206", "8G": "1206",
    }.get),
    "led": ("package", {"C281": "0402", "C190": "0603", "C191": "0603", "C170": "0805", "C150": "1206"}.get),
    "size": ("package", {size: size for size in ("4018", "5030", "6045", "8040")}.get),
    "ti": ("package", {"DBV": "SOT-23-5", "DCK": "SC-70-5", "D": "SOIC-14", "PW": "TSSOP-14"}.get),
    "stm32": ("package", lambda code: f"{_STM32_BODIES[code[2]]}-{_STM32_PINS[code[0]]}"),
    "stm32_flash": ("flash", {
        "4": "16 kB", "6": "32 kB", "8": "64 kB", "B": "128 kB", "C": "256 kB",
        "D": "384 kB", "E": "512 kB", "G": "1 MB", "I": "2 MB",
    }.get),
    "core8": ("core", lambda code: "8BIT"),
    "core32": ("core", lambda code: "32BIT"),
    "pf": ("capacitance", _picofarads),
    "ohm": ("resistance", _ohms),
    "bead": ("impedance", _ohms),
    "uh": ("inductance", _microhenries),
    "nh": ("inductance", _nanohenries),
    "tol": ("tolerance", {
        "B": "±0.1pF", "C": "±0.25pF", "D": "±0.5%", "F": "±1%", "G": "±2%", "J": "±5%", "K": "±10%",
        "M": "±20%",
    }.get),
    "murata_film": ("dielectric", {"R7": "X7R", "R6": "X5R", "5C": "C0G", "C7": "X7S", "C8": "X6S",
    "D7": "X7T"}.get),
    "samsung_film": ("dielectric", {"A": "X5R", "B": "X7R", "C": "C0G"}.get),
    "kemet_film": ("dielectric", {"R": "X7R", "P": "X5R", "G": "C0G"}.get),
    "taiyo_film": ("dielectric", {"BJ": "X5R", "B7": "X7R", "CG": "C0G"}.get),
    "film": ("dielectric", {"X7R": "X7R", "X5R": "X5R", "C0G": "C0G", "NPO": "C0G"}.get),
    "eia_volt": ("voltage", {
        "0G": "4 V", "0J": "6.3 V", "1A": "10 V", "1C": "16 V", "1E": "25 V", "1V": "35 V", "1H": "50 V",
        "2A": "100 V",
    }.get),
    "samsung_volt": ("voltage", {
        "Q": "6.3 V", "P": "10 V", "O": "16 V", "A": "25 V", "L": "35 V", "B": "50 V", "C": "100 V",
    }.get),
    "kemet_volt": ("voltage", {"9": "6.3 V", "8": "10 V", "4": "16 V", "3": "25 V", "5": "50 V",
    "1": "100 V"}.get),
    "yageo_volt": ("voltage", {"5": "6.3 V", "6": "10 V", "7": "16 V", "8": "25 V", "9": "50 V",
    "0": "100 V"}.get),
    "taiyo_volt": ("voltage", {"J": "6.3 V", "L": "10 V", "E": "16 V", "T": "25 V", "G": "35 V",
    "U": "50 V"}.get),
    "decivolts": ("output_voltage", lambda code: f"{int(code) / 10:g} V" if int(code) else None),
    "zener": ("zener_voltage", lambda code: f"{float(code.replace('V', '.')):g} V"),
    "megahertz": ("frequency", lambda code: f"{int(code)} MHz" if int(code) else None),
    "pins": ("positions", lambda code: str(int(code)) if int(code) else None),
    "gate": ("function", {
        "00": "GATE NAND", "02": "GATE NOR", "04": "INVERTER", "06": "INVERTER OPEN DRAIN",
        "07": "BUFFER OPEN DRAIN",
        "08": "GATE AND", "14": "INVERTER SCHMITT", "17": "BUFFER SCHMITT", "32": "GATE OR",
        "34": "BUFFER NON-INVERT",
        "74": "FF D-TYPE DUAL 1BIT", "86": "GATE XOR", "125": "BUFFER NON-INVERT", "126": "BUFFER NON-INVERT",
        "138": "DECODER/DEMUX 1X3:8", "164": "SHIFT REGISTER 8BIT", "245": "TXRX NON-INVERT 8BIT",
        "595": "SHIFT REGISTER 8BIT",
    }.get),
    "flash_memory": ("technology", lambda code: "FLASH"),
    "eeprom": ("technology", lambda code: "EEPROM"),
    "link": ("protocol", {
        "SN6": "CAN", "TCA": "CAN", "ISO": "CAN", "MCP25": "CAN", "TJA": "CAN", "THV": "RS-485",
        "ADM": "RS-485",
        "MAX": "RS-232", "FT": "USB", "USB2": "USB", "USB3": "USB", "CP21": "USB", "LAN8": "ETHERNET",
        "KSZ8": "ETHERNET",
    }.get),
    "channel": ("polarity", {"N": "N-CH", "P": "P-CH"}.get),
    "zx": ("polarity", {"N": "N-CH", "P": "P-CH"}.get),
    "bc": ("polarity", {
        "817": "NPN", "846": "NPN", "847": "NPN", "848": "NPN", "807": "PNP", "856": "PNP", "857": "PNP",
        "858": "PNP",
    }.get),
    "jedec": ("polarity", {
        "2222": "NPN", "3904": "NPN", "4401": "NPN", "5551": "NPN", "2907": "PNP", "3906": "PNP",
        "5401": "PNP",
    }.get),
    "schottky": ("technology", lambda code: "SCHOTTKY"),
    "switching": ("technology", lambda code: "SWITCHING"),
    "rectifier": ("technology", lambda code: "GEN PURP"),
    "color": ("color", {
        "KR": "RED", "CK": "RED", "SR": "RED", "SU": "RED", "RS": "RED", "KG": "GREEN", "GK": "GREEN",
        "CG": "GREEN",
        "SG": "GREEN", "GS": "GREEN", "TB": "BLUE", "QB": "BLUE", "BS": "BLUE", "KS": "YELLOW",
        "YK": "YELLOW",
        "SY": "YELLOW", "YS": "YELLOW", "KF": "ORANGE", "AS": "AMBER",
    }.get),
    "sensor": ("measures", {
        "BME": "HUMIDITY TEMP", "BMP": "PRESSURE", "BMI": "ACCEL GYRO", "BMA": "ACCEL 3-AXIS",
        "BMG": "GYRO 3-AXIS",
        "BNO": "ORIENTATION", "LIS": "ACCEL 3-AXIS", "LSM": "ACCEL GYRO", "LPS": "PRESSURE",
        "VL5": "TIME OF FLIGHT",
        "ICM": "ACCEL GYRO", "MPU": "ACCEL GYRO", "ICP": "PRESSURE", "TMP": "TEMP", "HDC": "HUMIDITY TEMP",
        "DRV": "HALL EFFECT", "INA": "CURRENT", "ACS": "CURRENT", "A13": "HALL EFFECT",
    }.get),
    "radio": ("protocol", {
        "ESP": "WIFI", "ATW": "WIFI", "NIN": "BLUETOOTH", "RN4": "BLUETOOTH", "RN2": "LORA",
        "SAR": "LTE CAT-M1",
        "NEO": "GNSS", "ZED": "GNSS",
    }.get),
}  # fmt: skip

_SETS = {  # what a {NAME} in a template of part numbers stands for
    "E24K": "1K|1K2|1K5|2K2|2K7|3K3|4K7|5K6|6K8|10K|12K|15K|20K|22K|33K|47K|68K|82K|100K|220K|470K|1M",
    "E24R": "10R|15R|22R|27R|33R|47R|49R9|68R|75R|100R|120R|150R|220R|330R|470R|560R|680R|820R",
    "E96": "1000|1001|1002|1003|1211|1500|2001|2202|2491|3011|3301|3322|4701|4702|4991|4992|6041|7501|1004",
    "NF": "102|152|222|332|472|103|153|223|333|473|683|104",
    "UF": "224|474|105|225|475|106",
    "PF": "100|120|150|180|220|270|330|470|560|680|101|151|221|331|471",
    "UH": "1R0|1R5|2R2|3R3|4R7|6R8|100|150|220|330|470",
    "NH": "331|471|681|102|152|222|332|472|682|103",
    "MHZ": "12|16|20|24|25|26|32|40",
    "POS": "02|03|04|05|06|07|08|09|10|12|14|16|20",
    "DECIVOLTS": "12|15|18|25|28|30|33",
    "VOLTS": "1.2|1.8|2.5|2.8|3.0|3.3|5.0",
}


def _slots(template: str) -> tuple[tuple[str, ...], ...]:
    """`AB{1|2}{UH}` as the choices at each place: `AB`, then `1` or `2`, then one of the set UH."""
    pieces = re.split(r"\{([^}]*)\}", template)
    return tuple(tuple(_SETS.get(piece, piece).split("|")) for piece in pieces if piece)


class Series(NamedTuple):
    """One maker's part numbers of one kind: the pattern they are read by and the templates they are drawn
    from."""

    classification: str
    manufacturer: str
    pattern: str
    templates: tuple[tuple[tuple[str, ...], ...], ...]


def _series(classification: str, manufacturer: str, pattern: str, *templates: str) -> Series:
    return Series(classification, manufacturer, pattern, tuple(map(_slots, templates)))


_OHM = r"(?P<ohm>\d{1,4}[RKM]\d{0,2}|[RKM]\d{1,3})"
_PF_TOL = r"(?P<pf>\d{3})(?P<tol>[A-Z])"

# A pattern reads normalised part numbers, and those that begin as one of the templates does; the first that
# fits wins.
SERIES = (
    _series("ceramic capacitors", "Murata Electronics",
            rf"G[RC]M(?:(?P<murata>\d\d).(?P<murata_film>..)(?P<eia_volt>..){_PF_TOL})?",
            "GRM155R71{C|E|H}{NF}KA88D", "GRM188R71{C|E|H}{NF}KA93D", "GRM155R60J{UF}ME44D",
            "GRM188R61{A|C|E}{UF}KE11D", "GRM21BR61{A|C|E}{UF}KA73L", "GRM1555C1H{PF}JA01D"),
    _series("ceramic capacitors", "Samsung Electro-Mechanics",
            rf"CL(?P<samsung>\d\d)(?P<samsung_film>[A-Z]){_PF_TOL}(?P<samsung_volt>[A-Z])",
            "CL{05|10}B{NF}K{O|A|B}{5|8}NNNC", "CL{10|21}A{UF}KP8NNNC", "CL05C{PF}JB5NNNC"),
    _series("ceramic capacitors", "KEMET",
            rf"C(?P<eia>\d{{4}})C{_PF_TOL}(?P<kemet_volt>\d)(?P<kemet_film>[A-Z])",
            "C{0402|0603|0805}C{NF}K{4|3|5}RACTU", "C{0402|0603}C{PF}J5GACTU"),
    _series("ceramic capacitors", "YAGEO",
            r"CC(?P<eia>\d{4})(?P<tol>[A-Z])[A-Z](?P<film>X7R|X5R|NPO)(?P<yageo_volt>\d)B[BN](?P<pf>\d{3})",
            "CC{0402|0603|0805}KRX7R{7|8|9}BB{NF}", "CC{0402|0603}JRNPO9BN{PF}"),
    _series("ceramic capacitors", "TDK",
            rf"C(?P<metric>1005|1608|2012|3216|3225)(?P<film>X7R|X5R|C0G)(?P<eia_volt>..){_PF_TOL}",
            "C{1005|1608}X7R1{C|E|H}{NF}K080A{A|B}", "C{1608|2012|3216}X5R1{A|C|E}{UF}K125A{A|B}"),
    _series("ceramic capacitors", "Taiyo Yuden",
            rf"(?P<taiyo_volt>[LEUTJG])MK(?:(?P<taiyo>\d{{3}})(?P<taiyo_film>[A-Z][A-Z0-9]){_PF_TOL})?",
            "{L|E|U|T|J|G}MK{105|107|212}{BJ|B7}{UF}{K|M}A-T"),
    _series("ceramic capacitors", "KYOCERA AVX", rf"(?P<eia>0402|0603|0805)[3-6YZ1][CDA]{_PF_TOL}",
            "{0402|0603|0805}{3|5|Y}C{NF}KAT2A"),
    _series("tantalum capacitors", "KYOCERA AVX", rf"TAJ[A-Z]{_PF_TOL}",
            "TAJ{A|B|C|D}{105|106|226|476|107}{K|M}0{06|10|16|25}RNJ"),
    _series("tantalum capacitors", "KEMET", rf"T49[145][A-Z]{_PF_TOL}",
            "T49{1|5}{A|B|C|D}{106|226|476|107}{K|M}0{06|10|16|25}AT"),
    _series("aluminum electrolytic capacitors", "Nichicon", r"U(?:VR|WT|PW|CD)\d[A-Z]",
            "U{VR|WT|PW|CD}1{A|C|E|H}{100|220|470|101|221|471}M{DD|CL|ED}"),
    _series("aluminum electrolytic capacitors", "Panasonic", r"EEE?(?:U|FK|FP|E)",
            "EEE-F{K|P}1{A|C|E|V}{100|220|470|101|221}{A|U}P"),
    _series("aluminum electrolytic capacitors", "Rubycon", r"(?:16|25|35|50)(?:ZLH|YXF|YXJ)\d",
            "{16|25|35|50}{ZLH|YXF|YXJ}{47|100|220|470}MEFC6.3X11"),
    _series("chip resistors", "YAGEO", rf"R[CT](?P<eia>\d{{4}})(?:(?P<tol>[A-Z])[RK]\d\d{_OHM}L)?",
            "RC{0201|0402|0603|0805|1206}{F|J}R-07{E24K}L", "RC{0402|0603|0805|1206}FR-07{E24R}L",
            "RT{0402|0603|0805}DR-07{E24K}L"),
    _series("chip resistors", "Panasonic",
            r"ERJ(?:(?P<panasonic>\d[A-Z])[A-Z]{1,2}(?P<tol>[DFJ])(?P<ohm>\d{3,4}))?",
            "ERJ-{2RK|3EK|6EN|8EN}F{E96}{X|V}", "ERJ-{2GE|3GEY}J{101|102|222|472|103|473|104}{X|V}"),
    _series("chip resistors", "Vishay", rf"CRCW(?P<eia>\d{{4}})(?:{_OHM}(?P<tol>[DFGJ]))?",
            "CRCW{0402|0603|0805|1206}{10K0|1K00|4K70|49R9|100R|100K|2K20|22K1|33K2|1M00|4K99}FKE{D|A}"),
    _series("chip resistors", "Stackpole Electronics", rf"RMCF(?P<eia>\d{{4}})(?:(?P<tol>[A-Z])[TG]{_OHM})?",
            "RMCF{0402|0603|0805|1206}FT{E24K}"),
    _series("chip resistors", "ROHM Semiconductor", r"MCR(?:01|03|10|18)", "MCR{01|03|10|18}MZPF{E96}"),
    _series("chip resistors", "Bourns", r"CR(?P<eia>\d{4})(?:[A-Z]{2}(?P<ohm>\d{4}))?",
            "CR{0402|0603|0805}-FX-{E96}ELF"),
    _series("ferrite beads", "Murata Electronics", r"BLM(?:(?P<murata>\d\d)[A-Z]{2}(?P<bead>\d{3}))?",
            "BLM{15|18|21}{AG|PG|HG|KG}{121|221|331|471|601|102}SN1D"),
    _series("ferrite beads", "TDK", r"MPZ(?P<metric>\d{4})[A-Z](?P<bead>\d{3})",
            "MPZ{1005|1608|2012}{S|Y}{101|221|331|601|102}A{T|TD25}"),
    _series("ferrite beads", "Würth Elektronik", r"742792", "742792{6|7|8}{04|23|31|51|62|72}"),
    _series("power inductors", "Bourns", r"SR[NP](?P<size>\d{4})(?:TA)?(?P<uh>\dR\d|\d{3})",
            "SRN{4018|6045|8040}-{UH}{M|Y}", "SRP{4018|5030|6045}TA-{UH}M"),
    _series("power inductors", "Coilcraft", r"X[AFE]L(?P<size>\d{4})(?P<nh>\d{3})",
            "X{A|F}L{4018|5030|6045}-{NH}MEC"),
    _series("power inductors", "Taiyo Yuden", r"NRS?(?P<size>\d{4})T(?P<uh>\dR\d|\d{3})",
            "NRS{4018|5030|6045|8040}T{UH}MDGJ"),
    _series("power inductors", "Würth Elektronik", r"744[0-9]", "744{043|773|778}{UH}",
            "7443{33|40}{0047|0100|0220|0470}"),
    _series("power inductors", "Vishay", r"IHLP",
    "IHLP{2020|2525|4040}{BZ|CZ|DZ}ER{1R0|2R2|4R7|100}M{01|11|5A}"),
    _series("power inductors", "Murata Electronics", r"LQ[HWGM]", "LQH{32|43|44}{CN|PN}{UH}M{23|33|P0}L"),
    _series("ldo voltage regulators", "Texas Instruments",
            r"T(?:LV7\d\d|PS7(?:[A-Z]\d\d|\d\d))(?P<decivolts>\d\d)?",
            "TLV7{00|02|33|55}{DECIVOLTS}{DDC|DBV}{R|T}", "TPS7{A20|30|31}{DECIVOLTS}DBV{R|T}"),
    _series("ldo voltage regulators", "Texas Instruments", r"L(?:P5907|P2985|M1117|M317|M1085)",
            "LP5907MFX-{VOLTS}/NOPB", "LM1117MPX-{1.8|2.5|3.3|5.0}/NOPB", "LP2985-{18|28|33|50}DBVR"),
    _series("ldo voltage regulators", "Diodes Incorporated",
    r"AP(?:2112K?|7361C?|2204|7365)(?P<decivolts>\d\d)?",
            "AP2112K-{VOLTS}TRG1", "AP7361C-{VOLTS}E-13"),
    _series("ldo voltage regulators", "Microchip Technology",
            r"M(?:CP17\d\dT?(?P<decivolts>\d\d)?|IC5[25]\d\d)",
            "MCP17{00|02|03}T-{12|18|25|30|33|50}02E/{TT|MB|CB}", "MIC5{205|219|504}-{VOLTS}YM5-TR"),
    _series("ldo voltage regulators", "Advanced Monolithic Systems", r"AMS1117(?P<decivolts>\d\d)?",
            "AMS1117-{1.8|2.5|3.3|5.0}"),
    _series("ldo voltage regulators", "STMicroelectronics", r"L(?:DL?1117|78|79)",
            "LD1117S{12|18|25|33|50}TR", "LDL1117S{12|18|25|33}R", "L78{05|09|12}ABD2T-TR"),
    _series("switching voltage regulators", "Texas Instruments", r"TPS(?:5\d|6[0-46])\d{2,3}",
            "TPS5{4302|4331|4360|62201|62208}{DDC|DBV|D|DDA}R", "TPS6{2130|2160|2177|3020|3060}RGTR"),
    _series("switching voltage regulators", "Texas Instruments", r"LM(?:2[56]\d\d|R\d{5})",
            "LM2{596|675|676}S-{ADJ|3.3|5.0}/NOPB", "LMR{14|16|23|33}0{06|20|30}DDAR"),
    _series("switching voltage regulators", "Analog Devices", r"LT(?:C3|8)\d{3}",
            "LT{8608|8609|8610|8640}{EMSE|IMSE}#{PBF|TRPBF}", "LTC3{406|411|643}{ES5|EMS}#TRPBF"),
    _series("switching voltage regulators", "Monolithic Power Systems", r"MP[QM]?\d{4}",
            "MP{1584|2307|2315|2359|4560|8759}{EN|DN|GJ|GQ}-LF-Z"),
    _series("microcontrollers", "STMicroelectronics",
            r"ST(?:M8|(?P<core32>M32)(?:[A-Z]+\d{1,3}(?P<stm32>[FGKTCRVZI](?P<stm32_flash>[468BCDEGI])[TUHP]))?)",
            "STM32F103{C|R}{8|B}T6", "STM32F4{05|07|11|29}{R|V|Z}{E|G}T6",
            "STM32G0{30|31|71}{K|C|R}{6|8|B}T6",
            "STM32L4{12|31|76}{K|C|R}{8|B|C|G}{T|U}6", "STM32H7{43|50}{V|Z|I}{B|G|I}T6",
            "STM32F0{30|42|72}F{4|6|8}P6"),
    _series("microcontrollers", "Microchip Technology", r"(?P<core8>ATMEGA|ATTINY|ATXMEGA|PIC1)|ATSAM|DS?PIC",
            "ATMEGA{8|16|32|168|328|2560}{A|P|PB}-{AU|MU|AUR}",
            "ATTINY{13|25|45|85|412|1614}{A|V}-{SU|SSU|MU}",
            "ATSAMD{20|21|51}{E|G|J}{16|17|18|19}A-{AU|MU}"),
    _series("microcontrollers", "Microchip Technology", r"(?P<core8>PIC1[0268])|PIC(?:24|32)|DSPIC3",
            "PIC16F{877A|1829|18326|628A}-I/{PT|SS|ML}", "PIC18F{25K22|46K22|4550|67K40}-I/{PT|SP|ML}",
            "PIC32MX{150|250|470|795}F{128|256|512}{B|H|L}-I/PT",
            "DSPIC33EP{64|128|256}{GP|MC}{202|504}-I/PT"),
    _series("microcontrollers", "NXP Semiconductors", r"(?P<core32>LPC\d|MK\d\d|MK[LEV]\d|MIMX|S32K)",
            "LPC{1768|1769|54606|55S69}{FBD100|JBD64|FBD64}",
            "MK{20|22|64|66}{DX|FN|FX}{256|512|1M0}V{LH|LL|LQ}12",
            "MIMXRT{1021|1052|1062|1064}DVL6{A|B}", "S32K1{16|18|44|46}HAT0M{LH|LL}T"),
    _series("microcontrollers", "Texas Instruments", r"MSP43[02]",
            "MSP430{F5529|G2553|FR2433|FR5969|FR5994}I{PN|PW|RGZ|RGC}R"),
    _series("microcontrollers", "Nordic Semiconductor", r"NRF[59]\d",
            "NRF52{805|810|811|820|832|833|840}-{QFAA|QCAA|QIAA|CKAA}-{R|R7|T}", "NRF5340-QKAA-{R|R7}"),
    _series("microcontrollers", "Renesas Electronics", r"R5F|R7FA",
            "R5F{100|104|10}{LE|GE|PJ}AFB#{30|50|V0}", "R7FA{2L1|4M1|6M5}AB3CFP#AA{0|1}"),
    _series("microcontrollers", "Infineon Technologies", r"CY8C\d|XMC\d",
            "CY8C{4014|4245|4247|6347}{LQI|AXI|BZI}-{412|483|BLD53}",
            "XMC{1100|1302|4500}-{T038|Q040|F100}X0{064|200}AB"),
    _series("microcontrollers", "Espressif Systems", r"ESP32(?:(?:C3|S2|S3|C6)?$|D0)",
            "ESP32-{C3|C6|S2|S3}", "ESP32-D0WD{-V3|Q6|R2-V3}"),
    _series("microcontrollers", "Raspberry Pi", r"RP2[03][45]0", "RP2040", "RP2350{A|B}"),
    _series("microcontrollers", "GigaDevice", r"GD32", "GD32F{103|303|407}{C|R|V}{8|B|C|E}T6"),
    _series("microcontrollers", "Silicon Labs", r"EF[MR]", "EFM8{BB1|BB2|UB1}0F{8|16|64}G-C-QFN{20|28|32}",
            "EFR32{BG22|MG24|FG23}C{112|222}F{352|512|1536}GM{32|40|48}-{B|C}"),
    _series("operational amplifiers", "Texas Instruments",
            r"LMV?3(?:21|24|58)|LM29(?:02|04)|TL0[678]\d|OPA\d{3}|TLV9\d{3}|NE553[24]",
            "LM{358|324|2904|2902}{DR|PWR|BIDR}", "TL0{71|72|74|81|82|84}{CDR|IDR|CPWR}",
            "LMV{321|324|358}IDBVR",
            "OPA{188|197|333|340|344|376|2134|2188|2333|4188}{AIDBVR|AIDR|IDGKR}"),
    _series("operational amplifiers", "Analog Devices", r"AD(?:8[02456]\d{2}|A4\d{3})",
            "AD8{051|065|221|421|541|605|628}{ARZ|BRZ|ARTZ}-{R7|REEL7}",
            "ADA4{522|528|610|807|891}-{1|2|4}ARZ"),
    _series("operational amplifiers", "Microchip Technology", r"MCP6[0-9LV]",
            "MCP6{001|002|004|021|L01|V01}T-{E|I}/{OT|SN|ST|LT}"),
    _series("logic", "Texas Instruments",
            r"(?:SN74|CD74)(?:[A-Z]{2,4}(?:\dG)?(?P<gate>\d{2,3})A?(?P<ti>DBV|DCK|PW|D)[RT])?",
            "SN74LVC1G{00|02|04|06|07|08|14|17|32|34|86|125|126}{DBV|DCK}R",
            "SN74{HC|AHC|HCT}{00|04|08|14|32|74|125|138|164|595}{D|PW}R",
            "SN74LVC{00|04|08|14|32|74}A{D|PW}R"),
    _series("logic", "Nexperia", r"74[A-Z]{2,4}(?:\dG)?(?P<gate>\d{2,3})",
            "74{HC|HCT|LVC|AHC}{00|04|08|14|32|74|125|138|595}{D|PW},118",
            "74LVC1G{00|04|08|14|17|32|125}G{V|W},125"),
    _series("memory", "Winbond Electronics", r"(?P<flash_memory>W25[QXM])",
            "W25Q{16|32|64|128|256}{JV|FV|FW}{SS|SN|ZP}I{Q|G|M}"),
    _series("memory", "Microchip Technology", r"(?P<eeprom>(?:24|25)(?:LC|AA|FC)|AT2[45]C)",
            "24{LC|AA|FC}{02|08|16|32|64|128|256|512}T-I/{SN|ST|OT}", "AT24C{02|04|08|32|64|256}{C|D}-SSHM-T",
            "25LC{040|080|256|512}AT-I/SN"),
    _series("memory", "Micron Technology", r"(?P<flash_memory>MT25)|MT(?:29|4\d)",
            "MT25Q{L|U}{128|256|512}A{BA|BB}1EW9-0SIT", "MT29F{1|2|4}G01ABAFDWB-IT"),
    _series("memory", "Infineon Technologies", r"(?P<flash_memory>S25F)|CY15|CY62",
            "S25FL{064|128|256}{L|S}ABMFI0{00|01|10}", "CY62{126|157|167}EV30LL-45{ZXI|BVXI}"),
    _series("analog to digital converters", "Texas Instruments", r"AD[SC]\d{3,4}",
            "ADS1{013|015|113|115|219|220|256|262}{IDGSR|IRUGR|IPWR|IDBR}",
            "ADC12{1C021|8S102|8S052}CIMT/NOPB"),
    _series("analog to digital converters", "Analog Devices", r"AD7\d{3}|LTC2[34]\d\d",
            "AD7{091|124|175|606|689|793|980}{BRMZ|BCPZ|BSTZ}-{RL7|REEL}",
            "LTC2{301|400|440|484|495}{CS8|IDD|CGN}#PBF"),
    _series("analog to digital converters", "Microchip Technology", r"MCP3\d{3}",
            "MCP3{008|202|204|208|421|424|551}T-{E|I}/{SL|SN|MS}"),
    _series("interface transceivers", "Texas Instruments",
            r"(?P<link>SN6(?=5HVD(?:23|10))|TCA(?=N)|ISO(?=10)|THV(?=D))",
            "SN65HVD{230|231|232|233|1040|1050}{DR|QDR}", "TCAN{1042|1051|332|334}{HVDR|DR|GDR}",
            "ISO10{42|44|50}{DWR|DUBR}", "THVD1{400|410|426|450|500}DR"),
    _series("interface transceivers", "Microchip Technology", r"(?P<link>MCP25|LAN8|KSZ8|USB[23])",
            "MCP25{15|51|61|62}T-{E|I}/SN", "LAN8{720A|742A}I-CP-TR", "KSZ8{081|091|863}RN{AIA|BCA}-TR",
            "USB2{422|512B|514B}-I/M2"),
    _series("interface transceivers", "FTDI", r"(?P<link>FT)[24X6]",
    "FT2{30X|31X|32R|32H|34XD}{S|Q|L}-{R|REEL|TRAY}"),
    _series("interface transceivers", "Analog Devices", r"(?P<link>MAX(?=3?2[023]\d)|ADM(?=2[45]8|3[04]))",
            "MAX3{221|222|223|232|237}{ESE|EESA|CSA}+T", "ADM{2483|2582|3065|3485}{BRWZ|ARZ}-REEL7"),
    _series("interface transceivers", "NXP Semiconductors", r"(?P<link>TJA)1\d{3}",
            "TJA1{042|043|044|051|057|145}{T/3|GT/3|T/20},118"),
    _series("interface transceivers", "Silicon Labs", r"(?P<link>CP21)",
            "CP2102N-A02-G{QFN20|QFN24|QFN28}R", "CP210{4-F03|5-F01|8-B03}-GM{R|Q}"),
    _series("mosfets", "Diodes Incorporated", r"DM(?P<channel>[NP])\d|ZXM(?P<zx>[NP])|BSS",
            "DM{N|P}{2004|2075|2990|3023|3404|6040|10H220}{L|U|LSD}-{7|13}", "ZXM{N|P}{2A01|3A14|6A07}FTA",
            "BSS{84|123|138}-7-F"),
    _series("mosfets", "onsemi", r"2N700|FD[SNVC]\d|NT[RD]\d",
            "2N700{0|2}{L|K}T1G", "FD{S|N|V|C}{304P|335N|337N|340P|6679|8884|86102}{Z|LZ}",
            "NTR{1P02|4003N|4101P|4502P|5198N}T1G"),
    _series("mosfets", "Infineon Technologies", r"IR[FL]|BS[CZ]|IP[BDP]",
            "IRLML{2502|6344|6401|6402|0030}TRPBF", "IRF{540N|3205|7314|9540N|7416}{PBF|TRPBF|SPBF}",
            "BSC0{10N04|14N06|16N06|28N06|50N03}{LSATMA1|NSATMA1}"),
    _series("mosfets", "Vishay", r"S[IQ][2347]\d{3}",
            "SI2{301|302|304|305|308|319|323|333}{CDS|BDS|DDS}-T1-GE3",
            "SI{4425|4435|4562|7157|7288}{DDY|DP|BDY}-T1-GE3"),
    _series("mosfets", "Alpha & Omega Semiconductor", r"AO[NDT]?\d{4}",
            "AO{3400A|3401A|3402|3407A|4407A|4468|4606}", "AON{6403|6414A|7403|7410|7421}"),
    _series("bipolar transistors", "Nexperia", r"BC(?P<bc>8\d\d)|BC\d|PBSS",
            "BC8{46|47|48|56|57|58}{A|B|C}{,215|W,115}", "BC817-{16|25|40},215",
            "PBSS{4140|4350|5140|5350}{T,215|Z,135}"),
    _series("bipolar transistors", "onsemi", r"(?:2N|MMBT)(?P<jedec>\d{4})|MMBT|MJD",
            "MMBT{2222A|2907A|3904|3906|4401|5551|A06|A42}LT{1G|3G}",
            "2N{2222A|2907A|3904|3906|4401|5551}{BU|TA|TFR}",
            "MJD{31C|32C|44H11|122}T4G"),
    _series("diodes", "onsemi",
            r"(?P<schottky>MBR|BAT\d|1N58)|(?P<switching>BA[VSW]\d|1N4[149])|(?P<rectifier>1N[45]\d{3})",
            "1N400{1|2|4|7}{G|RLG}", "1N4{148|448}{WT|WS}",
            "MBR{0520|0530|120|140|230|340}{LT1G|LSFT1G|SFT1G}",
            "BA{T54|T54S|V70|V99|W56|S16}LT1G", "1N58{17|18|19|22}{G|RLG}", "MBRS{130|140|340|360}LT3G"),
    _series("diodes", "Diodes Incorporated", r"(?P<schottky>B[1-3][2-6]0|SBR|DFLS)",
            "B{120|130|140|230|240|340|360}{A|B|AF}-13-F", "SBR{2A40|3U40|8U60}P{1|5}-7",
            "DFLS{130|140|160|220|240}L-7"),
    _series("diodes", "Vishay", r"(?P<schottky>SS[1-5]\d)|(?P<rectifier>ES[1-3][A-Z]|US1[A-Z])",
            "SS{12|14|16|24|26|34|36}-E3/{61T|5AT|57T}", "ES{1|2|3}{B|D|G|J}-E3/61T",
            "US1{B|D|G|J|K|M}-E3/61T"),
    _series("zener diodes", "Nexperia", r"BZ[XT](?:\d\w{1,4}?C(?P<zener>\d{1,2}V\d?))?",
            "BZX84-C{2V4|3V3|3V9|4V7|5V1|5V6|6V2|8V2},215", "BZX585-C{3V3|4V7|5V1|6V2|9V1},115",
            "BZT52H-C{3V3|4V7|5V1|6V8},115"),
    _series("zener diodes", "onsemi", r"MMSZ|MM3Z(?P<zener>\d{1,2}V\d?)?",
            "MMSZ{4678|4684|4689|5226B|5231B|5242B|5245B}T1G", "MM3Z{3V3|5V1|6V8|12V|15V}T1G"),
    _series("tvs diodes", "Littelfuse", r"SM[ABC]J\d|SMF\d|SP\d{4}",
            "SM{A|B|C}J{5.0|6.0|12|15|18|24|26|33|48|58}{A|CA}", "SMF{5.0|12|24|33}A",
            "SP{0502BAHTG|1003-01ETG|3012-04UTG|3050-04HTG}"),
    _series("tvs diodes", "STMicroelectronics", r"USBLC|ESDA|SM6T", "USBLC6-{2SC6|4SC6|2P6}Y",
            "ESDA{6V1|14V2|5V3}{L|BC6|SC5}", "SM6T{6V8|12|15|24|33|39}{A|CA}"),
    _series("leds", "Lite-On", r"LTST(?:(?P<led>C\d{3})(?P<color>..))?",
            "LTST-C{150|170|190|191|281}{KRKT|KGKT|TBKT|KSKT|GKT|CKT|KFKT|YKT}"),
    _series("leds", "Kingbright", r"APT(?P<metric>1608|2012|3216)(?P<color>..)",
            "APT{1608|2012|3216}{SRCPRV|CGCK|QBC/D|SYCK|SURCK|SGC}"),
    _series("leds", "Everlight Electronics", r"1921[37]",
    "19-21{7|3}/{R6C-AL1M2VY|GHC-YR1S2|BHC-ZL1M2RY|Y5C-AM1P1VY}/3T"),
    _series("leds", "Würth Elektronik", r"150\d{3}(?P<color>[A-Z]S)",
    "150{040|060|080|120}{RS|BS|GS|YS|AS}7{3220|5000}"),
    _series("crystals", "Abracon", r"AB(?:M|LS|S0)",
    "ABM{3|8|8G|10|11}-{MHZ}.000MHZ-{B2|D1X|10-D1G|12-R60}-T",
            "ABLS-{MHZ}.000MHZ-B4-T", "ABS07-32.768KHZ-{1|7|9}-T"),
    _series("crystals", "ECS", r"ECS(?:(?P<megahertz>\d\d)0\d{2})?",
            "ECS-{120|160|200|240|250}-{10|18|20}-{33|34|36|37}{B|Q|G}-TR"),
    _series("crystals", "TXC", r"[78][BMVY](?P<megahertz>\d\d)\d{3}MA",
    "{7B|7M|7V|8Y}-{MHZ}.000MA{AE|AI|HV|AJ}-T"),
    _series("crystals", "Epson", r"FA(?:118|128|20H|238)|TSX",
            "FA-{118T|128|20H|238V} {MHZ}.0000MB-{C0|G0|K3|W0}", "TSX-3225 {MHZ}.0000MF{09Z|20G|15X}-AC3"),
    _series("oscillators", "Abracon", r"AS(?:E|DM|FL)", "ASE-{MHZ}.000MHZ-{LC|LR|L|ET}-T",
            "ASDM{B|PC}-{MHZ}.000MHZ-{LC|XY}-T", "ASFL1-{MHZ}.000MHZ-{EK|EC}-T"),
    _series("oscillators", "Epson", r"SG\d{3,4}",
    "SG-{210STF|8002CA|8018CE|7050CAN} {MHZ}.000000MHZ {L|S|C}"),
    _series("headers and wire housings", "Samtec", r"(?:TSW|SSW|FTSH|TSM)1(?P<pins>\d\d)",
            "{TSW|SSW|FTSH|TSM}-1{POS}-{01|02|07}-{G|F|L}-{S|D}"),
    _series("headers and wire housings", "JST", r"[BS](?P<pins>\d\d?)B(?:XH|PH|EH|ZR|SH|GH)",
            "B{2|3|4|5|6|7|8|10}B-{XH-A|PH-K-S|EH-A|ZR-SM4-TF}(LF)(SN)",
            "S{2|3|4|5|6|8}B-{PH-K-S|XH-A|PH-SM4-TB}(LF)(SN)"),
    _series("headers and wire housings", "Molex", r"(?:22232|53047|53261|53398|87437)(?P<pins>\d\d)\d",
            "22-23-2{POS}1", "{53047|53261|53398|87437}-{POS}10"),
    _series("headers and wire housings", "TE Connectivity", r"(?:640456|640454|215079|282834)(?P<pins>\d)$",
            "{640456|640454}-{2|3|4|5|6|8}", "215079-{4|6|8}", "282834-{2|3|4|5|6}"),
    _series("headers and wire housings", "Hirose Electric", r"(?:DF\d\d[A-Z]?|FH\d\d)(?P<pins>\d\d)D?[PS]",
            "DF{13|12|40C}-{POS}{DP|DS|P}-{1.25V|0.4V|0.5V}({51|75|86})",
            "FH{12|19|34}-{POS}S-0.5SH({55|05|10})"),
    _series("usb connectors", "Amphenol", r"101\d{5}|124\d{5}",
            "101{03594|18192|18193|04110|37062}-0001LF", "12401{598E4|610E4|826E4|832E4}#2A"),
    _series("usb connectors", "Molex", r"105\d{7}|47346|47589|48037",
            "{105017|105133|105450|105444}-{0001|0101|1001}", "{47346|47589|48037}-{0001|1000|2200}"),
    _series("usb connectors", "Hirose Electric", r"[ZC]X\d", "ZX{62|62D|62R}-{B|AB}-5P{8|A}({30|31|11})",
            "CX{60|70|80|90}M-{24S|16P|24P}"),
    _series("tactile switches", "C&K", r"PTS\d|KSC\d|KMR\d",
            "PTS{526|636|645|810|815}{SM43|SK25|SJM250}{SMTR92|SMTRLFS}", "KSC{2|4|7}{21|41|22}{G|J}LFS",
            "KMR2{11|21|31|41}{G|NG}LFS"),
    _series("tactile switches", "Omron Electronics", r"B3[FSUW]",
    "B3{F|S|U|W}-{1000|1002|1020|1050|4000|4055}{P|S}"),
    _series("tactile switches", "Panasonic", r"EV[QP]", "EVQ-P{7A01P|7J01P|2R02M|UB02K|E105K|AC04M}",
            "EVP-{AA002K|BB2A9B|ASAC1A|ATKA4A}"),
    _series("relays", "Omron Electronics", r"G[56][A-Z\d]", "G{5LE|5Q|5V|6K|6S}-{1|14|2F}-{DC5|DC12|DC24}",
            "G6K-2F-Y-{DC3|DC5|DC12|DC24}"),
    _series("relays", "TE Connectivity", r"IM0\d|V23", "IM0{1|3|6|7}{TS|GR|DGR|CGR}",
            "V23{105A5|079A1|086C1}{001|003|008}{B201|B301}"),
    _series("fuses", "Littelfuse", r"04(?:66|67|38|51|53)\d|021[578]",
            "04{66|67|38|51|53}{001.|002.|005.|.250|.500|.750}{NR|WR|MR}HF",
            "021{5|7|8}{001.|002.|.500|05.0}MXP"),
    _series("fuses", "Bourns", r"MF(?:[MNPU]SMF|R)\d",
            "MF-{MSMF|NSMF|PSMF|USMF|R}{010|014|020|050|075|110|200}{/16|/24|-2}"),
    _series("sensors", "Bosch Sensortec", r"(?P<sensor>BM[EPIAG]|BNO)\d",
            "BM{E280|E680|E688|P280|P388|P390|I088|I160|I270|A253|A400|A456|G250}", "BNO0{55|85}"),
    _series("sensors", "STMicroelectronics", r"(?P<sensor>LIS|LSM|LPS|VL5)\w", "LIS{2DH12|2DW12|3DH}TR",
            "LSM6DS{3|L|O|OX|R|33|V16X}TR", "LPS2{2HB|2HH|5HB|8DFW}TR", "VL53L{0CX|1CX|3CX|5CX}V0{DH|FY}/1"),
    _series("sensors", "TDK", r"(?P<sensor>ICM|MPU|ICP)\d", "ICM-{20602|20948|42605|42670-P|42688-P|45686}",
            "ICP-{10100|10111|10125|20100}"),
    _series("sensors", "Texas Instruments", r"(?P<sensor>TMP|HDC|DRV(?=5)|INA)\d",
            "TMP{102|112|117|235|275}{AIDRLR|AIDRVR|A4DBZR|MAIDRVR}",
            "HDC{1080|2010|2080|3020}{DMBR|DMBT|YPAR}",
            "DRV50{13|23|32|55}{AJ|FA|A1}QDBZ{R|T}",
            "INA{180|181|199|219|226|228|240}A{1|2|3|I}D{BVR|CKR|GSR}"),
    _series("sensors", "Allegro MicroSystems", r"(?P<sensor>ACS|A13)\d",
            "ACS7{10|11|12|13|22|58}{ELCTR|LLCTR}-{05B|10AU|20A|30A|40AB}-T", "A13{24|25|26|91}LLHLT-T"),
    _series("rf modules", "Espressif Systems",
    r"(?P<radio>ESP)(?:32|8266)?\w{0,6}?(?:WROOM|WROVER|MINI|PICO)",
            "ESP32-{WROOM-32E|WROOM-32UE|WROVER-E|WROVER-IE|C3-MINI-1|S3-WROOM-1}-{N4|N8|N16|N8R8}"),
    _series("rf modules", "u-blox", r"(?P<radio>NIN|SAR|NEO|ZED)A?\w",
            "NINA-{B112|B302|B306|B312}-0{0|1|2|4}B", "NEO-{M8N|M8T|M9N|F10N}-0{0B|0A}",
            "SARA-{R410M|R510S|R422S|U201}-0{1|2|3}B", "ZED-F9{P|R|K}-0{1|2|4|5}B"),
    _series("rf modules", "Murata Electronics", r"LB[AE]",
    "LB{EE5KL1DX|EE5HY1MW|EE5PL2EL|AD0XX1SJ}-{883|TEMP|919}"),
    _series("rf modules", "Microchip Technology", r"(?P<radio>RN2|RN4|ATW)",
            "RN{2483A|2903A|4870|4871|4020}-{I|V}/RM{104|105|130|140}",
            "ATWINC15{00|10}-MR210{PB|UB}1{140|952|961}"),
)  # fmt: skip


def _grouped(keys: Callable[[Series], Iterable[str]]) -> dict[str, tuple[Series, ...]]:
    groups: dict[str, tuple[Series, ...]] = {}
    for series in SERIES:
        for key in keys(series):
            groups[key] = (*groups.get(key, ()), series)
    return groups


_BY_INITIAL = _grouped(lambda series: {code[0] for template in series.templates for code in template[0]})
_BY_CLASSIFICATION = _grouped(lambda series: (series.classification,))
_BY_MAKER = _grouped(lambda series: (manufacturer_key(series.manufacturer),))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when first asked for: all of them at once would hold up every import."""
    return re.compile(pattern, re.ASCII)


def _recognise(mpn: str, makes: tuple[Series, ...]) -> tuple[Series | None, dict[str, str]]:
    """The series a part number belongs to and what its codes say, by spec id and `package`.

    It is one of those that its maker `makes`, when these are known: others use the same letters for
    something else.
    """
    key = normalise(mpn[:64])
    for series in _BY_INITIAL.get(key[:1], ()):
        if makes and series not in makes:
            continue
        if match := _compiled(series.pattern).match(key):
            said = {}
            for group, code in match.groupdict().items():
                target, read = _READERS[group]
                if code and (value := read(code)):
                    said[target] = value
            return series, said
    return None, {}


# -------- part numbers


def _draw_mpn(random: Random, series: Series) -> str:
    template = random.choice(series.templates)
    return "".join([slot[0] if len(slot) == 1 else random.choice(slot) for slot in template])


def mpn(random: Random, classification: str | None = None) -> tuple[str, str, str]:
    """A part number with its maker and its classification, a key of `CLASSIFICATIONS`.

    Raises `KeyError` for a classification that is not one.
    """
    series = random.choice(_BY_CLASSIFICATION[classification or random.choice(_COMMON_BOM)])
    return _draw_mpn(random, series), series.manufacturer, series.classification


# -------- prices and offers

# A price is counted in micro-dollars, exact to the sixth decimal; it moves in steps of ten.
_STEP = 10
_BREAKS = (1, 10, 25, 100, 250, 500, 1000, 2500, 10000)
_REEL_BREAKS = (1, 2, 4, 10, 25)
_LOOSE_MOQS = (1, 1, 1, 1, 5, 10)
_STATUS_SHARES = ("buyable",) * 10 + ("maybe", "quotable")


def _money(micros: int) -> str:
    """1,250,000 is `1.25` and 3,100 is `0.0031`: at least two decimals, never an exponent."""
    dollars, rest = divmod(micros, 1_000_000)
    text = f"{dollars}.{rest:06d}"
    return text[:-4] if text.endswith("0000") else text.rstrip("0")


def _prices(points: Iterable[tuple[int, int]]) -> list[dict[str, Any]]:
    return [{"quantity": quantity, "price": _money(micros), "currency": "USD"} for quantity, micros in points]


def _price_points(quantities: Iterable[int], dollars: float, fall: float) -> list[tuple[int, int]]:
    """(quantity, micro-dollars), strictly falling, when one piece costs `dollars`."""
    points = []
    ceiling = 10**12
    for quantity in quantities:
        ceiling = min(int(dollars * 1e6 * quantity**-fall) // _STEP * _STEP, ceiling - _STEP)
        points.append((quantity, ceiling))
    return points


def _best_prices(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The lowest price in force at each quantity, where it changes."""
    best: list[tuple[int, int]] = []
    for quantity, micros in sorted(points):
        if not best or micros < best[-1][1]:
            best.append((quantity, micros))
    return best


def _market(random: Random, lifecycle: str, commodity: bool) -> list[tuple[Seller, str]]:
    """Who offers a part, each with the status of the offer: nobody for many an obsolete part."""
    mood = random.random()
    if lifecycle == "Obsolete":
        count = 0 if mood < 0.6 else random.randint(1, 3)
        return [(seller, random.choice(("quotable", "maybe"))) for seller in random.sample(_LAST_SELLERS, count)]
    count = random.randint(4, 8) if commodity else random.randint(2, 5)
    sellers = random.sample(_USUAL_SELLERS if mood < 0.8 else SELLERS, count)
    if mood < 0.1 and not commodity:
        return [(seller, "quotable") for seller in sellers]
    return [(seller, random.choice(_STATUS_SHARES)) for seller in sellers]


def _offer(
    random: Random,
    seller: Seller,
    status: str,
    mpn: str,
    facts: Classification,
    dollars: float,
    lead_days: int | None,
) -> tuple[dict[str, Any], list[tuple[int, int]]]:
    """An offer in its wire shape, and its price points: none, and seldom stock, where it is quoted for."""
    chance = random.random
    if chance() < 0.3:
        packaging = "Tray" if facts.loose == "Tray" else "Tape & Reel"
        moq = random.choice(facts.reel)
        ladder = _REEL_BREAKS[: 1 + int(chance() * 5)]
    else:
        packaging = facts.loose
        moq = random.choice(_LOOSE_MOQS)
        ladder = _BREAKS[: 2 + int(chance() * 8)]
    if status == "quotable":
        points = []
    else:
        points = _price_points([moq * step for step in ladder], dollars * (0.88 + 0.35 * chance()), facts.fall)
    inventory = moq + int(chance() ** 3 * 60_000 / (0.2 + dollars))
    if status == "quotable" and chance() < 0.7:
        inventory = 0
    offer = {
        "seller": seller.name,
        "sku": seller.sku.format(mpn=mpn[:64], number=1_000_000 + int(chance() * 9_000_000)),
        "packaging": packaging,
        "moq": moq,
        "order_multiple": moq,
        "status": status,
        "is_authorized": seller.is_authorized,
        "inventory_level": inventory,
        "factory_lead_days": lead_days,
        "prices": _prices(points),
    }
    return offer, points


# -------- parts

# Most parts are in production, and a few are on their way out.
_LIFECYCLE_SHARES = ("Production",) * 25 + ("New", "New", "NRFND", "EOL", "Obsolete")
_ROHS_SHARES = ("RoHS3 Compliant",) * 12 + ("RoHS Compliant",) * 4 + ROHS_STATUSES[:1] + ROHS_STATUSES[2:5]
_REACH_SHARES = ("REACH Unaffected",) * 12 + ("REACH Compliant",) * 4 + REACH_STATUSES
_FACTORY_LEAD_DAYS = (42, 56, 70, 84, 98, 112, 126, 182, 273)
_TEMPERATURES = ("0°C ~ 70°C", "-40°C ~ 85°C", "-40°C ~ 85°C", "-40°C ~ 105°C", "-55°C ~ 125°C")
_LABELS = {spec: spec.replace("_", " ").capitalize() for facts in CLASSIFICATIONS.values() for spec in facts.specs} | {
    "operating_temperature": "Operating temperature"
}
_PLACEHOLDER = re.compile(r"{(\w+)}")
_DOCUMENTS = (("Datasheet", "datasheets"), ("REACH Statement", "reach"), ("RoHS Statement", "rohs"))


@lru_cache(maxsize=2048)
def _short(value: str) -> str:
    """A value as descriptions write it: `±10%` is 10%, `0.1 µF` 0.1UF, `10 kΩ` 10K OHM."""
    value = re.sub(r"^([\d./]+) (\S+)$", r"\1\2", value.lstrip("±"))
    return value.replace("µ", "u").replace("Ω", " ohm").replace("  ", " ").upper()


def _describe(facts: Classification, package: str | None, values: dict[str, str]) -> str:
    """The description's words, without those that nothing is known of."""
    known = {spec: _short(value) for spec, value in values.items()}
    if package:
        known["package"] = package
    words = [word for word in facts.description.split() if set(_PLACEHOLDER.findall(word)) <= known.keys()]
    return " ".join(words).format(**known)


_NOTHING_SAID = {
    "description": None, "classification": None, "package": None, "msl": None, "terminations": None,
    "termination_type": None, "aecq_status": None,
}  # fmt: skip


def _said_facts(series: Series, said: dict[str, str]) -> dict[str, Any]:
    """What a part is as far as its number says. The rest is null: who has the number may know better."""
    facts = CLASSIFICATIONS[series.classification]
    package = said.get("package") if said.get("package") in PACKAGES else None
    terminations, termination_type = PACKAGES[package] if package else (None, None)
    values = {spec: said[spec] for spec in facts.specs if spec in said}
    if "positions" in values:
        terminations = int(values["positions"])
    return {
        "description": _describe(facts, package, values),
        "classification": series.classification,
        "package": package,
        "msl": facts.msl[0] if len(facts.msl) == 1 else None,
        "terminations": terminations,
        "termination_type": termination_type,
        "aecq_status": None,
        "specs": _specs(values),
    }


def _drawn_facts(random: Random, series: Series, said: dict[str, str]) -> dict[str, Any]:
    """What a part is by its number, and the rest as such parts usually are."""
    facts = CLASSIFICATIONS[series.classification]
    package = said.get("package")
    if package not in PACKAGES:
        package = random.choice(facts.packages)
    terminations, termination_type = PACKAGES[package]
    values = {spec: said.get(spec) or random.choice(usual) for spec, usual in facts.specs.items()}
    description = _describe(facts, package, values)
    if "positions" in values:
        terminations = int(values["positions"])
    qualification = random.random()
    aecq = facts.aecq if qualification < 0.2 else "AEC-Q Unknown" if qualification < 0.3 else None
    values["operating_temperature"] = "-40°C ~ 125°C" if aecq == facts.aecq else random.choice(_TEMPERATURES)
    return {
        "description": description,
        "classification": series.classification,
        "package": package,
        "msl": random.choice(facts.msl),
        "terminations": terminations,
        "termination_type": termination_type,
        "aecq_status": aecq,
        "specs": _specs(values),
    }


def _specs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"id": spec, "label": _LABELS[spec], "value": value} for spec, value in values.items()]


def _documents(random: Random, mpn: str) -> list[dict[str, str]]:
    name = normalise(mpn[:64]).encode("ascii", "ignore").decode().lower() or "part"
    count = random.choice((0, 1, 1, 1, 1, 2, 2, 3))
    return [
        {"label": label, "url": f"https://example.com/{folder}/{name}.pdf", "filename": f"{name}.pdf"}
        for label, folder in _DOCUMENTS[:count]
    ]


def part(
    random: Random, mpn: str | None = None, manufacturer_name: str | None = None, now: datetime | None = None
) -> dict[str, Any]:
    """A catalogue part in its wire shape, without id and time stamps.

    A part number or a maker that is given is kept to the letter. Of a number that is given only what it says
    is stated: where its maker's series is known, else nothing. Of a part that is drawn all is told.

    Prices are decimal strings in USD with at most six decimals and fall strictly with quantity.
    `inventory_level` is the sum over the offers; `buyable`, `quotable` and `maybe` are the sums over those of
    that status; `reference_prices` are the best of the buyable offers. With `now`, an aware time, each offer
    also has an `updated_at` within the day before; the rest of the part is the same without it.
    """
    makes = _BY_MAKER.get(manufacturer_key(manufacturer_name), ()) if manufacturer_name else ()
    series, said = _recognise(mpn, makes) if mpn is not None else (None, {})
    kin = series or random.choice(makes or _BY_CLASSIFICATION[random.choice(_COMMON_BOM)])
    if mpn is None:
        mpn = _draw_mpn(random, kin)
        series, said = _recognise(mpn, makes)
        stated = _drawn_facts(random, kin, said)
        alternatives = [f"{mpn}-TR"] if random.random() < 0.15 else []
    else:
        stated = _said_facts(series, said) if series else {**_NOTHING_SAID, "specs": []}
        alternatives = []
    facts = CLASSIFICATIONS[kin.classification]  # of such a part it has the prices

    lifecycle = random.choice(_LIFECYCLE_SHARES)
    low, high = facts.price
    dollars = low * (high / low) ** random.random()
    lead_days = None if lifecycle == "Obsolete" else random.choice(_FACTORY_LEAD_DAYS)
    offers = []
    stock = {"buyable": 0, "quotable": 0, "maybe": 0}
    buyable_points: list[tuple[int, int]] = []
    for seller, status in _market(random, lifecycle, facts.commodity):
        offer, points = _offer(random, seller, status, mpn, facts, dollars, lead_days)
        offers.append(offer)
        stock[status] += offer["inventory_level"]
        if status == "buyable":
            buyable_points += points

    made = {
        "mpn": mpn,
        "alt_mpns": alternatives,
        "manufacturer_name": kin.manufacturer if manufacturer_name is None else manufacturer_name,
        **stated,
        "lifecycle_status": lifecycle,
        "rohs_status": random.choice(_ROHS_SHARES),
        "reach_status": random.choice(_REACH_SHARES),
        "documents": _documents(random, mpn),
        "inventory_level": sum(stock.values()),
        **stock,
        "reference_prices": _prices(_best_prices(buyable_points)),
        "offers": offers,
    }
    if now is not None:
        for offer in offers:
            updated_at = now.astimezone(UTC) - timedelta(seconds=int(random.random() * 86_400))
            offer["updated_at"] = updated_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return made


# -------- boards and stock


def designators(random: Random, prefix: str, count: int) -> list[str]:
    """`count` different reference designators in ascending order, such as C1, C4, C7."""
    return [f"{prefix}{number}" for number in sorted(random.sample(range(1, 2 * count + 10), count))]


LOCATIONS = (
    "Main Warehouse",
    "Receiving",
    "Kitting",
    "SMT Line 1",
    "SMT Line 2",
    "Dry Cabinet",
    "Quarantine",
    "Shipping",
)
BOARDS = (
    "Motor Controller", "LoRa Gateway", "Battery Management Board", "Power Distribution Unit",
    "Sensor Hub", "Flight Controller", "USB-C Power Supply", "Camera Module", "Telemetry Radio",
    "Audio Amplifier", "LED Driver", "GNSS Receiver", "Ethernet Switch", "CAN Logger",
    "Thermostat Mainboard", "Smart Meter", "Servo Drive", "BLE Beacon", "Inverter Control Board",
    "Data Acquisition Card", "Display Adapter", "Charge Controller", "Robot Arm Joint",
    "Infusion Pump Mainboard", "Industrial I/O Module", "Edge Compute Carrier", "Weather Station",
    "Radar Front End",
)  # fmt: skip
PROGRAMS = (
    "Falcon", "Orion", "Kestrel", "Juniper", "Summit", "Aurora", "Bluebird", "Granite", "Nimbus", "Pioneer",
    "Redwood", "Tundra", "Vega", "Willow", "Zephyr", "Atlas", "Condor", "Delta", "Ember", "Horizon",
)  # fmt: skip
_BOARD_VARIANTS = ("", "", "", " Mini", " Pro", " Lite", " Evaluation Kit")
_PROGRAM_STAGES = ("Prototype", "EVT", "DVT", "PVT", "Pilot Run", "Production")


def date_code(random: Random, now: date) -> str:
    """The year and ISO week of manufacture as YYWW, within the two years before `now`."""
    year, week, _ = (now - timedelta(days=random.randint(14, 730))).isocalendar()
    return f"{year % 100:02d}{week:02d}"


def lot_code(random: Random) -> str:
    """A maker's batch, such as `K4T90317`."""
    first, second = random.sample("ABCDEFGHJKLMNPRSTUVWXYZ", 2)
    return f"{first}{random.randint(0, 9)}{second}{random.randint(0, 99_999):05d}"


def bin_name(random: Random) -> str:
    """A place on a shelf: aisle, bay and level, such as `B-07-3`."""
    return f"{random.choice('ABCDEFGH')}-{random.randint(1, 24):02d}-{random.randint(1, 6)}"


def board_name(random: Random) -> str:
    return random.choice(BOARDS) + random.choice(_BOARD_VARIANTS)


def program_name(random: Random) -> str:
    return f"{random.choice(PROGRAMS)} {random.choice(_PROGRAM_STAGES)}"
