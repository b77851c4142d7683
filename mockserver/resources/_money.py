"""Money on documents: exact sums of lines, shown with as many decimals as their currency has."""

import decimal
from decimal import Decimal

from mockserver.api import fields

EXACT = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_UP)  # more digits than any document has

# The currencies that do not have two decimals (ISO 4217), by the decimals they have.
NOT_TWO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMALS = {currency: decimals for decimals, currencies in NOT_TWO.items() for currency in currencies.split()}


def rounded(amount: Decimal, currency: str = "USD") -> Decimal:
    """The amount half up to the currency's decimals."""
    return amount.quantize(Decimal((0, (1,), -DECIMALS.get(currency, 2))), context=EXACT)


def line_total(line: dict, currency: str = "USD") -> Decimal:
    """Quantity times unit price, half up to the currency's decimals."""
    with decimal.localcontext(EXACT):
        return rounded(line["quantity"] * Decimal(line["unit_price"]), currency)


def lines_total(lines, currency: str = "USD") -> Decimal:
    """The sum of the lines' totals as they are shown, so that a reader can add them up."""
    with decimal.localcontext(EXACT):
        return sum((line_total(line, currency) for line in lines), rounded(Decimal(0), currency))


def document_total(lines, *amounts: str, currency: str = "USD") -> Decimal:
    """The lines' total and further amounts, half up to the currency's decimals."""
    with decimal.localcontext(EXACT):
        return rounded(lines_total(lines, currency) + sum(map(Decimal, amounts)), currency)


class Total(fields.Text):
    """A computed amount with the currency's decimals. Unlike one a caller gives, it may have any number of digits."""

    def __init__(self, **kwargs):
        kwargs.setdefault("dump_only", True)
        super().__init__(max=None, min=0, pattern=r"[0-9]+(\.[0-9]{2,4})?", **kwargs)


def Currency(**kwargs):
    return fields.Text(min=3, max=3, pattern="[A-Z]{3}", example="USD", **kwargs)
