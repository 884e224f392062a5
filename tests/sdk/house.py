"""A simulated organisation and Ringfence before it, with three tenants, as an operator would set them up."""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

DEADLINE_SECONDS = 60
DIVISIONS = {"alpha": "Alpha Division", "beta": "Beta Division", "gamma": "Gamma Division"}
# Gamma writes; what the others see stays as it is.
TEMPLATES = {"alpha": "supervisor", "beta": "supervisor", "gamma": "full-access"}


WRITES = ("POST", "PATCH", "PUT", "DELETE")
WRITTEN = ("/api/v2/users", "/api/v2/routing/queues")


def by_hand():
    """The operations with tests of their own; what is data alone is tested by what is generated from the catalog."""
    table = (Path(__file__).parent.parent / "it/gateway/coverage.rs").read_text().partition("const TESTS")[2]
    return set(re.findall(r'\(\s*"(\w+)",', table.partition("];")[0]))


class House:
    def __init__(self, binary):
        self.binary = binary
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name)
        self.processes = []

    def __enter__(self):
        try:
            self.simulate()
            self.serve()
            self.keys = self.register()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
        self.directory.cleanup()

    def simulate(self):
        ready = self.path / "simulator.json"
        self.start("simulator", "simulate", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
                   "--ready-file", str(ready))
        addresses = self.wait_for(ready)
        self.organisation, self.control = addresses["api"], addresses["control"]
        self.facts = json.load(urllib.request.urlopen(addresses["control"] + "/facts"))

    def serve(self):
        directory, ready = self.path / "ringfence", self.path / "ringfence.json"
        made = json.loads(subprocess.check_output(
            [self.binary, "init", "--dir", str(directory), "--json"], env=self.environment()))
        self.admin_token = made["admin_token"]
        self.start("ringfence", "serve", "--config", made["config"], "--ready-file", str(ready))
        addresses = self.wait_for(ready)
        self.gateway, self.operator = origin(addresses["gateway"]), origin(addresses["operator"])

    def register(self):
        """Registers one shared service account that sees everything: only Ringfence keeps the tenants apart."""
        self.admin("service-accounts", {
            "id": "main", "client_id": "sim-client", "client_secret": "sim-secret", "api_url": self.organisation,
            "login_url": self.organisation, "shared": True, "description": "one account for all tenants"})
        self.admin("service-accounts/main/check")
        keys = {}
        for tenant, division in DIVISIONS.items():
            self.admin("tenants", {
                "id": tenant, "name": tenant.title(), "division_ids": [self.division(tenant)["id"]],
                "dedicated_agents": True, "service_account": "main", "policy_template": TEMPLATES[tenant]})
            keys[tenant] = self.admin(f"tenants/{tenant}/keys", {"name": "sdk"})
        return keys

    def division(self, tenant):
        """What the organisation holds in a tenant's division."""
        return next(one for one in self.facts["divisions"] if one["name"] == DIVISIONS[tenant])

    def described(self):
        """All of it, for a program that is not Python."""
        return {
            "gateway": self.gateway, "control": self.control, "keys": self.keys, "interval": self.facts["interval"],
            "divisions": {tenant: self.division(tenant) for tenant in DIVISIONS},
            "all": [id for division in self.facts["divisions"] for what in ("users", "queues") for id in division[what]]}

    def faults(self, *faults):
        """What the organisation does wrong from now on, to all calls of its API."""
        self.rules([{"match": {"path_prefix": "/api"}, "fault": fault} for fault in faults])

    def faults_of_writes(self, fault):
        """What it does wrong to changes alone: what is looked up before them is answered well."""
        self.rules([{"match": {"method": method, "path_prefix": path}, "fault": fault}
                    for method in WRITES for path in WRITTEN])

    def rules(self, rules):
        request = urllib.request.Request(
            self.control + "/faults", method="PUT", data=json.dumps(rules).encode(),
            headers={"Content-Type": "application/json"})
        urllib.request.urlopen(request).close()

    def changes(self):
        """The changes that reached the organisation since this was asked last."""
        with urllib.request.urlopen(self.control + "/calls") as answer:
            calls = json.load(answer)
        urllib.request.urlopen(urllib.request.Request(self.control + "/calls", method="DELETE")).close()
        return [one for one in calls if one["method"] in WRITES and one["path"].startswith(WRITTEN)
                and not one["path"].endswith("/search")]

    def admin(self, path, body=None, method="POST"):
        request = urllib.request.Request(
            f"{self.operator}/admin/v1/{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.admin_token}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()}") from error

    def uncalled(self):
        """Genesys's operations that are enabled, have tests of their own, and of which no call is on record."""
        listed = self.admin("operations", method="GET")["operations"]
        enabled = [one["id"] for one in listed
                   if one["enabled"] and one["path"].startswith("/api/") and one["id"] in by_hand()]
        if not enabled:
            raise RuntimeError("no operation is enabled")
        return [id for id in enabled if not self.admin(f"events?operation={id}&limit=1", method="GET")["events"]]

    def events(self, correlation_id):
        query = urllib.parse.urlencode({"correlation_id": correlation_id})
        return self.admin(f"events?{query}", method="GET")["events"]

    def start(self, name, *arguments):
        log = open(self.path / f"{name}.log", "wb")
        self.processes.append(subprocess.Popen(
            [self.binary, *arguments], stdout=log, stderr=subprocess.STDOUT, env=self.environment()))
        self.log = self.path / f"{name}.log"

    def environment(self):
        """Free ports for all three listeners."""
        listeners = {f"RINGFENCE__{section}__LISTEN": "127.0.0.1:0" for section in ("GATEWAY", "OPERATOR", "TELEMETRY")}
        return {**os.environ, **listeners}

    def wait_for(self, ready):
        end = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < end:
            if ready.exists() and (text := ready.read_text()).endswith("}"):
                return json.loads(text)
            if self.processes[-1].poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"not ready: {self.log.read_text(errors='replace')[-4000:]}")


def origin(address):
    return address if address.startswith("http") else f"http://{address}"
