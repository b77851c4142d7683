"""Money on documents: exact sums of lines, shown with two decimals."""

import decimal
from decimal import Decimal

from mockserver.api import fields

EXACT = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)  # more digits than any document has
CENT = Decimal("0.01")


def line_total(line: dict) -> Decimal:
    """Quantity times unit price, to 2 decimals half-up."""
    with decimal.localcontext(EXACT):
        return (line["quantity"] * Decimal(line["unit_price"])).quantize(CENT)


def lines_total(lines) -> Decimal:
    """The sum of the lines' totals as they are shown, so that a reader can add them up."""
    with decimal.localcontext(EXACT):
        return sum(map(line_total, lines), Decimal("0.00"))


def document_total(lines, *amounts: str) -> Decimal:
    """The lines' total and further amounts, to 2 decimals half-up."""
    with decimal.localcontext(EXACT):
        return (lines_total(lines) + sum(map(Decimal, amounts))).quantize(CENT)


class Total(fields.Text):
    """A computed amount with 2 decimals. Unlike one a caller gives, it may have any number of digits."""

    def __init__(self, **kwargs):
        super().__init__(max=None, min=0, pattern=r"[0-9]+\.[0-9]{2}", dump_only=True, **kwargs)


def Currency(**kwargs):
    return fields.Text(min=3, max=3, pattern="[A-Z]{3}", example="USD", **kwargs)
