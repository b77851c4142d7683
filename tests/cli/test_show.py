"""How the contract is known, counted by group."""

from mockserver.contract.inventory import inventory, text


def content(name):
    return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


INFERRED = {"method": "documented", "path": "inferred"}
DOCUMENT = {
    "components": {
        "schemas": {
            "Tag": {
                "properties": {
                    "id": {},
                    "name": {"x-evidence": "documented"},
                    "parent": {"$ref": "#/components/schemas/Tag"},
                }
            },
            "Page": {"properties": {"results": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}}}},
            "Mail": {"properties": {"to": {}, "sent": {"x-evidence": "product"}}},
        }
    },
    "paths": {
        "/tags/": {
            "get": {
                "operationId": "list_tags",
                "tags": ["Tags"],
                "x-evidence": INFERRED,
                "parameters": [
                    {"name": "limit", "in": "query"},
                    {"name": "org", "in": "query", "x-evidence": "documented"},
                ],
                "responses": {"200": content("Page")},
            }
        },
        "/tags/{id}/": {
            "get": {
                "operationId": "get_tag",
                "tags": ["Tags"],
                "x-evidence": {"path": "corrected"},
                "responses": {"200": content("Tag"), "404": content("Mail")},
            }
        },
        "/mails/": {
            "post": {
                "operationId": "send",
                "tags": ["Mail"],
                "x-evidence": {**INFERRED, "path": "documented", "request": "documented"},
                "requestBody": content("Mail"),
                "responses": {"200": content("Mail")},
            }
        },
    },
}


def test_evidence_is_counted_and_a_shared_schema_once():
    tags, mail = inventory(DOCUMENT, {"get_tag"})

    assert (tags.name, tags.operations, tags.confirmed) == ("Tags", ["list_tags", "get_tag"], ["get_tag"])
    assert tags.known["verbs"] == {"documented": 1, "inferred": 1}
    assert tags.known["paths"] == {"inferred": 1, "corrected": 1}
    assert tags.known["fields"] == {
        "documented": 2,
        "inferred": 4,
    }  # ?org and name; ?limit, results, id and parent
    assert mail.confirmed == []
    assert mail.known["fields"] == {
        "documented": 1,
        "product": 1,
    }  # documented where it is sent is documented


def test_the_table_ends_with_all():
    lines = text(inventory(DOCUMENT, {"get_tag"})).splitlines()

    assert lines[0].split() == ["verbs", "paths", "fields"]
    assert [" ".join(line.split()) for line in lines[2:]] == [
        "Tags 2 1 1 1 - 1 1 2 - 4",
        "Mail 1 0 1 - 1 - - 1 1 -",
        "all 3 1 2 1 1 1 1 3 1 4",
    ]
