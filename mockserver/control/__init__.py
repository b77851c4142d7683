"""The control plane under `/__mock__/`: its routes. Never part of the contract."""

from flask import request
from flask_swagger_ui import get_swaggerui_blueprint

from mockserver.control import clock, faults, jobs, journal, records, sandboxes, server, webhooks
from mockserver.control.browsers import secured
from mockserver.control.routing import PREFIX, Route, add

JOB_MOVED = "The job is over already."
IMPORTED = 256 * 2**20

# Each without `server=True` is there for a sandbox named in the path as well:
# /__mock__/sandboxes/{sandbox}/reset.
# fmt: off
ROUTES = (
    Route("GET", "/health", server.health, "Server", returns=server.Health, server=True, public=True),
    Route("GET", "/openapi.json", server.openapi, "Server", returns=dict, server=True, public=True),
    Route("GET", "/control/openapi.json", server.control_openapi, "Server", returns=dict, server=True,
          public=True),
    Route("POST", "/save", server.save, "Server", returns=server.Saved, server=True,
          refuses="The server keeps no state, or the file cannot be written."),

    Route("POST", "/sandboxes", sandboxes.create, "Sandboxes", body=sandboxes.SandboxRequest,
          returns=sandboxes.Sandbox,
          status=201, server=True,
          refuses="There is no such fixture, the name is taken, or there are as many as there may be."),
    Route("GET", "/sandboxes", sandboxes.list, "Sandboxes", returns=[sandboxes.Sandbox], server=True),
    Route("GET", "", sandboxes.get, "Sandboxes", returns=sandboxes.Sandbox, named=True),
    Route("DELETE", "", sandboxes.delete, "Sandboxes", status=204, named=True,
          refuses="It is the default one."),
    Route("POST", "/reset", sandboxes.reset, "Sandboxes", returns=sandboxes.Reset),
    Route("GET", "/policies", sandboxes.policies, "Sandboxes", returns=sandboxes.SandboxPolicies),
    Route("PUT", "/policies", sandboxes.set_policies, "Sandboxes", body=sandboxes.PoliciesRequest,
          returns=sandboxes.SandboxPolicies),
    Route("GET", "/export", sandboxes.export, "Sandboxes", returns=dict),
    Route("POST", "/import", sandboxes.import_, "Sandboxes", body=dict, returns=sandboxes.Sandbox,
          largest=IMPORTED,
          refuses="The document does not fit; nothing was changed."),

    Route("GET", "/snapshots", sandboxes.snapshots, "Snapshots", returns=[sandboxes.Snapshot]),
    Route("POST", "/snapshots", sandboxes.take_snapshot, "Snapshots", body=sandboxes.SnapshotRequest,
          returns=sandboxes.Snapshot, status=201, refuses="There are as many as there may be."),
    Route("GET", "/snapshots/{name}", sandboxes.get_snapshot, "Snapshots", returns=sandboxes.Snapshot),
    Route("POST", "/snapshots/{name}/restore", sandboxes.restore_snapshot, "Snapshots",
          returns=sandboxes.Snapshot),
    Route("DELETE", "/snapshots/{name}", sandboxes.delete_snapshot, "Snapshots", status=204),
    Route("GET", "/snapshots/{name}/diff", sandboxes.diff_snapshot, "Snapshots", query=sandboxes.DiffQuery,
          returns=sandboxes.Difference),

    Route("GET", "/records", records.count, "Records", returns=dict),
    Route("GET", "/records/{kind}", records.list, "Records", query=records.RecordsQuery,
          returns=records.RecordList),
    Route("POST", "/records/{kind}", records.given, "Records", body=dict, returns=dict, status=201,
          refuses="A field is unknown, missing or wrong, or a rule forbids the record."),
    Route("GET", "/records/{kind}/{id}", records.get, "Records", returns=dict),
    Route("PUT", "/records/{kind}/{id}", records.put, "Records", body=dict, returns=dict,
          refuses="A field is unknown, missing or wrong, or a rule forbids the record."),
    Route("DELETE", "/records/{kind}/{id}", records.delete, "Records", status=204,
          refuses="Another record protects it."),
    Route("GET", "/outbox", records.outbox, "Records", query=records.RecordsQuery,
          returns=records.RecordList),

    Route("GET", "/clock", clock.get, "Clock", returns=clock.Clock),
    Route("POST", "/clock/freeze", clock.freeze, "Clock", returns=clock.Clock),
    Route("POST", "/clock/set", clock.set, "Clock", body=clock.ClockSetRequest, returns=clock.Clock,
          refuses=clock.BEYOND),
    Route("POST", "/clock/advance", clock.advance, "Clock", body=clock.ClockAdvanceRequest,
          returns=clock.Clock, refuses=clock.BEYOND),
    Route("POST", "/clock/run", clock.run, "Clock", body=clock.ClockRunRequest, returns=clock.Clock),

    Route("GET", "/jobs/policies", jobs.policies, "Jobs", returns=jobs.JobPolicies),
    Route("PUT", "/jobs/policies", jobs.policy, "Jobs", body=jobs.JobPolicyRequest, returns=jobs.JobPolicies),
    Route("DELETE", "/jobs/policies", jobs.clear, "Jobs", status=204),
    Route("POST", "/jobs/{id}/complete", jobs.complete, "Jobs", returns=dict, refuses=JOB_MOVED),
    Route("POST", "/jobs/{id}/fail", jobs.fail, "Jobs", body=jobs.JobFailRequest, returns=dict,
          refuses=JOB_MOVED),

    Route("GET", "/faults", faults.list, "Faults", returns=[faults.FaultSchema]),
    Route("POST", "/faults", faults.add, "Faults", body=faults.FaultRequest, returns=faults.FaultSchema, status=201,
          refuses="The rule makes no sense, or its status is none the contract lists."),
    Route("DELETE", "/faults", faults.clear, "Faults", status=204),
    Route("DELETE", "/faults/{fault_id}", faults.remove, "Faults", status=204),

    Route("GET", "/webhooks/subscriptions", webhooks.subscriptions, "Webhooks",
          returns=[webhooks.SubscriptionSchema]),
    Route("POST", "/webhooks/subscriptions", webhooks.subscribe, "Webhooks",
          body=webhooks.SubscriptionRequest,
          returns=webhooks.SubscriptionSchema, status=201, refuses="The address makes no sense."),
    Route("DELETE", "/webhooks/subscriptions/{id}", webhooks.unsubscribe, "Webhooks", status=204),
    Route("GET", "/webhooks/deliveries", webhooks.deliveries, "Webhooks", query=webhooks.DeliveriesQuery,
          returns=[webhooks.DeliverySchema]),
    Route("POST", "/webhooks/deliveries/{id}/redeliver", webhooks.redeliver, "Webhooks",
          returns=webhooks.DeliverySchema),
    Route("POST", "/webhooks/drain", webhooks.drain, "Webhooks", returns=[webhooks.DeliverySchema]),

    Route("GET", "/journal", journal.find, "Journal", query=journal.JournalQuery,
          returns=journal.JournalPage),
    Route("GET", "/journal/count", journal.count, "Journal", query=journal.JournalFilter,
          returns=journal.JournalCount),
    Route("GET", "/journal/stream", journal.stream, "Journal", media_type="text/event-stream",
          refuses="There is no connection to stream on, or there are as many streams as there may be."),
    Route("DELETE", "/journal", journal.clear, "Journal", status=204),
)
# fmt: on


def register(app) -> None:
    """Add the control plane to the app, with a page about it and one about the API."""
    for route in ROUTES:
        add(app, route)
    app.after_request(lambda response: secured(response) if request.path.startswith(PREFIX) else response)
    for name, at, document in (
        ("Cofactr Platform API (mock)", "/docs", "/openapi.json"),
        ("Control plane of the Cofactr mock", "/control/docs", "/control/openapi.json"),
    ):
        app.register_blueprint(
            get_swaggerui_blueprint(
                PREFIX + at,
                PREFIX + document,
                config={"app_name": name, "persistAuthorization": True},
                blueprint_name=f"mock{at.replace('/', '_')}",
            )
        )
