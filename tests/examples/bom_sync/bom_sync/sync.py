"""From the export of a PLM system to BOMs at Cofactr, and back by webhooks."""
import contextlib
import dataclasses
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SOURCE = "acme-plm"


@dataclasses.dataclass
class Synced:
    """What became of one assembly. `unmatched`: MPNs Cofactr knows no part for."""

    assembly: str
    bom_id: str
    created: bool
    unmatched: list[str]


def sync(client, export: list[dict], tell: str | None = None) -> list[Synced]:
    """Bring Cofactr's BOMs in step with an export, and tell someone of the parts it did not know."""
    started = [(assembly, client.upsert_bom(as_bom(assembly))) for assembly in export]
    report = []
    for assembly, job_id in started:
        result = client.wait_for(job_id)
        unmatched = [assembly["items"][index]["mpn"] for index in result["unmatched_lines"]]
        report.append(Synced(assembly["number"], result["bom_id"], result["created"], unmatched))
    unknown = [f"{one.assembly}: {mpn}" for one in report for mpn in one.unmatched]
    if unknown and tell:
        client.send_email([tell], f"{len(unknown)} unknown parts", "\n".join(unknown))
    return report


def as_bom(assembly: dict) -> dict:
    """An assembly of the export as `upsert_bom_async` takes it."""
    return {
        "integration_source_name": SOURCE,
        "integration_record_id": assembly["number"],
        "name": assembly["title"],
        "part_number": assembly["number"],
        "version": assembly["revision"],
        "raw_lines": [as_line(item) for item in assembly["items"]],
    }


def as_line(item: dict) -> dict:
    return {"mpn": item["mpn"], "manufacturer_name": item["maker"],
            "reference_designators_string": item["places"]}


class Mirror:
    """A copy of Cofactr's BOMs that its webhooks keep up to date: `boms[id]` is as GET answers it."""

    def __init__(self):
        self.boms: dict[str, dict] = {}

    def receive(self, event: dict) -> None:
        if event["record_type"] == "BOM":
            self.boms[event["id"]] = event["data"]

    @contextlib.contextmanager
    def listen(self):
        """Receive webhooks on a free port; the address to subscribe."""
        mirror = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                mirror.receive(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/webhooks"
            finally:
                server.shutdown()
                thread.join()
