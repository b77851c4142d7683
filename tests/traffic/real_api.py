"""An API that is not what the contract says: other paths, a verb, fields, types, statuses, page shape."""

import uuid

from flask import Flask, jsonify, request

KEY = "Api-Key realkey1.ffffffffffffffffffffffffffffffff"
ORG = "11111111-1111-4111-8111-111111111111"
STAMP = "2026-03-01T10:00:00Z"


def create_app():
    app = Flask(__name__)
    boms, tags = {}, {}

    @app.before_request
    def authenticate():
        if request.headers.get("Authorization") != KEY:
            return (
                jsonify(detail="Authentication credentials were not provided."),
                401,
                {"WWW-Authenticate": "Api-Key"},
            )
        return None

    @app.get("/v1/bill_of_materials/")
    def list_boms():
        return page(boms.values())

    @app.post("/v1/bill_of_materials/")
    def create_bom():
        bom = new_bom(request.json)
        boms[bom["id"]] = bom
        return jsonify(bom)  # 200, and no Location

    @app.get("/v1/bill_of_materials/<uuid:id>/")
    def get_bom(id):
        return jsonify(boms[str(id)]) if str(id) in boms else (jsonify(detail="Not found."), 404)

    @app.put("/v1/bill_of_materials/<uuid:id>/")
    def update_bom(id):
        boms[str(id)] |= request.json
        return jsonify(boms[str(id)])

    @app.get("/v1/bill_of_materials/<uuid:id>/lines/")
    def list_lines(id):
        return page([new_line(id, "on_hand"), new_line(id, "obsolete")])

    @app.get("/v1/tags/")
    def list_tags():
        return page(tags.values())

    @app.post("/v1/tags/")
    def create_tag():
        tag = {
            "id": str(uuid.uuid4()),
            "org_id": ORG,
            "name": request.json["name"],
            "color": request.json.get("color"),
            "description": None,
            "created_at": STAMP,
            "updated_at": STAMP,
            "usage_count": 0,
        }
        tags[tag["id"]] = tag
        return jsonify(tag), 201, {"Location": f"{request.host_url}v1/tags/{tag['id']}/"}

    return app


def page(records):
    records = list(records)
    return jsonify(total=len(records), items=records)


def new_bom(values):
    return {
        "id": str(uuid.uuid4()),
        "org_id": ORG,
        "title": "",
        "team_ids": [],
        "tag_ids": [],
        "synced_from_integration": False,
        "integration_source_name": None,
        "integration_record_id": None,
        "synced_from_integration_at": None,
        "version": None,
        "part_number": None,
        "metadata": {},
        "custom_properties": {},
        "approved": False,
        "approved_at": None,
        "archived": False,
        "archived_at": None,
        "created_at": STAMP,
        "updated_at": STAMP,
        "line_count": "2",
        "lifecycle": "prototype",
    } | values


def new_line(bom_id, status):
    return {
        "id": str(uuid.uuid4()),
        "org_id": ORG,
        "reference_designators_string": "C1",
        "reference_designators": ["C1"],
        "quantity": 1,
        "custom_id": None,
        "line_number": None,
        "description": None,
        "link": None,
        "comments": None,
        "value": None,
        "package": None,
        "mount_type": None,
        "do_not_place": False,
        "is_custom_part": False,
        "metadata": {},
        "mpn": "GRM155",
        "manufacturer_name": "Murata",
        "alternative_mpns": [],
        "bom_id": str(bom_id),
        "part_id": None,
        "part": None,
        "ignore": False,
        "status": status,
        "created_at": STAMP,
        "updated_at": STAMP,
    }
