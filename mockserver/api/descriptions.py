"""What fields of these names are wherever their schema does not say it better: descriptions for the contract."""

DESCRIPTIONS = {
    "aecq_status": "Automotive qualification.",
    "bcc_emails": "Recipients of a hidden copy.",
    "body": "The text of the message.",
    "carrier_name": "Who carries the parcel.",
    "cc_emails": "Recipients of a copy.",
    "columns": "The columns of the result, in order.",
    "comments": "Remarks of whoever wrote the line.",
    "country": "ISO 3166 code or name.",
    "created_at": "When it was created.",
    "description": "What it is, in words.",
    "documents": "Datasheets and statements about it.",
    "email": "Where to write to.",
    "expected_delivery_date": "When it is expected to arrive.",
    "filename": "The name to save it under.",
    "first_name": "The given name.",
    "id": "Its id.",
    "label": "What it is called.",
    "last_name": "The family name.",
    "lifecycle_status": "Where the part is between introduction and obsolescence.",
    "lines": "Its lines, in order of creation.",
    "link": "An address with more about it.",
    "manufacturer_name": "The maker.",
    "mpn": "The manufacturer's part number.",
    "note": "Free text.",
    "notes": "Free text.",
    "offers": "What sellers offer of it.",
    "part": "The part in short; null when none was recognised.",
    "parts": "The parts, at most 500.",
    "phone": "As one would dial it.",
    "postal_code": "As the country writes it.",
    "progress": "How many items of it are done.",
    "reach_status": "Standing under the EU's REACH regulation.",
    "resolutions": "What became of each raw line, in their order.",
    "results": "The records in this window, oldest first.",
    "rohs_status": "Standing under the EU's RoHS directive.",
    "seller": "Who offers it.",
    "ship_to": "Where it is to be delivered.",
    "specs": "Its properties.",
    "status": "Where it stands.",
    "street_address_line_one": "Street and number.",
    "street_address_line_two": "Suite, floor or the like.",
    "subject": "What the message is about.",
    "termination_type": "How it is mounted.",
    "to_emails": "The recipients.",
    "updated_at": "When it was last changed.",
    "url": "Where it is to be had.",
    "value": "The value, with its unit.",
    "website": "Its address on the web.",
}


def description(name: str) -> str | None:
    """The words for a field of this name; for `program_id`, whose id it is. None when there are none."""
    if name.endswith("_id"):
        return f"The {name.removesuffix('_id').replace('_', ' ')}'s id."
    return DESCRIPTIONS.get(name)
