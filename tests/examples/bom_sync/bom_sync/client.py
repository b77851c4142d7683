"""A small client of the Cofactr Platform API: retries, paging, polling."""
import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry


class JobFailed(Exception):
    """Cofactr could not do the work; the message says why."""


class Cofactr:
    """Calls the API with a key. What the API refuses raises requests.HTTPError."""

    def __init__(self, api_key: str, url: str = "https://flagship-api.cofactr.com", *,
                 retries: int = 3, timeout: float = 10.0):
        self.url, self.timeout = url, timeout
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Api-Key {api_key}"
        # Upserts may be repeated safely, so any verb may; too many requests and lost connections pass.
        retry = Retry(retries, status_forcelist=(429, 503), allowed_methods=None, backoff_factor=0.01,
                      raise_on_status=False)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=retry))

    def call(self, method: str, path: str, **options):
        """The JSON of an answer. `path` may be a whole address, as in a page's `next`."""
        address = path if path.startswith("http") else self.url + path
        response = self.session.request(method, address, timeout=self.timeout, **options)
        response.raise_for_status()
        return response.json() if response.content else None

    def pages(self, path: str, **query):
        """All results of a list, page by page."""
        page = self.call("GET", path, params=query)
        yield from page["results"]
        while page["next"]:
            page = self.call("GET", page["next"])
            yield from page["results"]

    def boms(self, **filters):
        return list(self.pages("/v1/boms/", **filters))

    def lines(self, bom_id: str):
        return list(self.pages(f"/v1/boms/{bom_id}/lines/"))

    def upsert_bom(self, bom: dict) -> str:
        """Start an upsert; the id of its job."""
        return self.call("PUT", "/v1/boms/async_upsert/", json=bom)["id"]

    def wait_for(self, job_id: str, interval: float = 0.01, polls: int = 100) -> dict:
        """The result of a job, once it has one. Raises JobFailed, or TimeoutError after so many polls."""
        for _ in range(polls):
            job = self.call("GET", f"/v1/async_jobs/{job_id}/")
            if job["status"] == "complete":
                return job["result"]
            if job["status"] == "failed":
                raise JobFailed("; ".join(error["detail"] for error in job["errors"]))
            time.sleep(interval)
        raise TimeoutError(f"Job {job_id} is still {job['status']} after {polls} polls.")

    def send_email(self, to: list[str], subject: str, body: str) -> None:
        self.call("POST", "/v1/outbound_emails/", json={"to_emails": to, "subject": subject, "body": body})
