"""Suppliers: who an organisation buys from, and how gladly."""

from mockserver.api import fields
from mockserver.api.filters import Contains, Equals
from mockserver.api.resource import Record, Resource
from mockserver.resources._blocks import CustomProperties, Integration, Labels

PREFERENCES = ("none", "preferred", "allowed", "last_resort", "banned")
GRADES = ("A+", "A", "A-", "B+", "B", "B-", "C+", "C", "C-", "D+", "D", "D-", "F")


class Supplier(Record, Integration, Labels):
    """A seller of parts: a distributor, a maker, a broker."""

    name = fields.Text(required=True, description="Unique in the organisation.", example="Digi-Key")
    aliases = fields.Array(fields.Text(), load_default=list, description="Other names it goes by.")
    website = fields.Url(null=True)
    email = fields.Email(null=True, description="Where orders go.")
    rfq_email = fields.Email(null=True, description="Where requests for quotation go.")
    phone = fields.Text(max=50, null=True)
    preference = fields.Choice(
        *PREFERENCES,
        load_default="none",
        evidence="product",
        description=(
            "How it is treated when parts are priced: `preferred` wins even at a worse price, "
            "`allowed` is a whitelist once one is on it, `last_resort` is used when it is the sole source, "
            "`banned` never."
        ),
    )
    accuracy = fields.Choice(*GRADES, null=True, evidence="product", description="The grade of its data, from A+ to F.")
    certifications = fields.Array(fields.Text(), load_default=list, description="Such as `AS9120`.")
    lead_days = fields.Integer(null=True, description="Usual days from order to shipment.")
    is_buyable = fields.Boolean(load_default=True, description="Whether it can be ordered from.")
    custom_properties = CustomProperties("supplier")


suppliers = Resource(
    "supplier",
    Supplier,
    list="list_suppliers",
    create="create_supplier",
    retrieve="get_supplier",
    update="update_supplier",
    unique=["name"],
    filters={
        "name": Contains("name"),
        "preference": Equals("preference"),
        "is_buyable": Equals("is_buyable"),
    },
)


@suppliers.fake
def fake(f):
    name = f.unique(
        f.choice(["Northbridge", "Halden", "Kestrel", "Orion", "Pinecrest", "Sable", "Tidewater", "Vantage"])
        + " "
        + f.choice(["Components", "Electronics", "Semiconductor", "Supply"])
    )
    domain = name.lower().replace(" ", "-") + ".example.com"
    return {
        "name": name,
        "website": f"https://{domain}",
        "email": f"orders@{domain}",
        "rfq_email": f"quotes@{domain}",
        "preference": f.choice(PREFERENCES),
        "accuracy": f.choice(GRADES),
        "lead_days": f.int(1, 30),
    }
