"""Starts the peers, loads them in interleaved rounds, and prints what each took."""

import argparse
import base64
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nginx

HERE = Path(__file__).resolve().parent
DIVISION = "a1a1a1a1-0000-4000-8000-00000000000a"
TICKS = os.sysconf("SC_CLK_TCK")
BARE = "bare proxy"
# At full load a fast peer never lets the others sleep and a slow one wakes them for every request; at one pace they are
# alike. This many milliseconds of rest between a connection's requests: about 4,000 requests a second at 64 connections.
PACE_MS = 15


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def wait_for(address, process):
    host, port = address.split(":")
    for _ in range(2000):
        if process.poll() is not None:
            sys.exit(f"{process.args}: ended with {process.returncode}")
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            time.sleep(0.005)
    sys.exit(f"{process.args}: does not listen")


def call(url, body=None, bearer=None, headers=None):
    headers = {"Content-Type": "application/json", **(headers or {})}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{url}: {error.code} {error.read().decode()}")


def query_body():
    """A details query of about 1.8 KB, as a report would send it."""
    def matches(dimension, value):
        return {"type": "dimension", "dimension": dimension, "operator": "matches", "value": value}

    queues = [matches("queueId", f"{number:08x}-1111-4000-8000-000000000001") for number in range(9)]
    query = {
        "interval": "2026-06-01T00:00:00.000Z/2026-06-07T00:00:00.000Z",
        "order": "desc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": 25, "pageNumber": 1},
        "segmentFilters": [
            {"type": "or", "predicates": queues},
            {"type": "and", "predicates": [matches("mediaType", "voice"), matches("direction", "inbound")]},
        ],
        "conversationFilters": [
            {"type": "or", "predicates": [matches("originatingDirection", "inbound"),
                                          matches("originatingDirection", "outbound")]},
            {"type": "and", "predicates": [{"type": "dimension", "dimension": "conversationEnd", "operator": "exists"}]},
        ],
    }
    return json.dumps(query, separators=(",", ":")).encode()


class Peer:
    """Something that answers the query: where, and whose CPU and memory it is."""

    def __init__(self, name, address, process):
        self.name, self.address, self.process = name, address, process
        self.rounds, self.paced = [], []

    def pids(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [str(self.process.pid), *children]

    def cpu_seconds(self):
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def memory_mb(self):
        lines = [line for pid in self.pids() for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Bench:
    def __init__(self, options):
        self.options = options
        # The proxy has one core, load and upstream share the other.
        cores = sorted(os.sched_getaffinity(0))
        self.proxy_core, self.load_core = str(cores[0]), str(cores[-1])
        self.directory = Path(options.peers).parent / "compare"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.processes = []
        (self.directory / "body.json").write_bytes(query_body())

    def start(self, core, *command, log="log"):
        with open(self.directory / f"{log}.txt", "ab") as file:
            process = subprocess.Popen(["taskset", "-c", core, *command], stdout=file, stderr=file,
                                       env={**os.environ, **self.ringfence_environment()})
        self.processes.append(process)
        return process

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                process.wait()

    def start_peers(self):
        self.upstream = free_address()
        upstream = self.start(self.load_core, self.options.peers, "upstream", self.upstream, log="upstream")
        wait_for(self.upstream, upstream)
        self.init_ringfence()
        ringfence, _ = self.start_ringfence()
        self.bearer = self.register()
        peers = [Peer("straight", self.upstream, upstream)]
        for name, lua in [("nginx", None), ("nginx + Lua", (self.bearer, DIVISION))]:
            peers.append(self.start_nginx(name, lua))
        address = free_address()
        proxy = self.start(self.proxy_core, self.options.peers, "proxy", address, f"http://{self.upstream}", log="proxy")
        wait_for(address, proxy)
        peers.append(Peer(BARE, address, proxy))
        peers.append(Peer("Ringfence", self.gateway, ringfence))
        return peers

    def start_nginx(self, name, lua):
        directory, address = self.directory / name.replace(" ", ""), free_address()
        directory.mkdir()
        user = "user root;" if os.getuid() == 0 else ""
        (directory / "nginx.conf").write_text(nginx.configuration(directory, address, self.upstream, user, lua))
        process = self.start(self.proxy_core, "nginx", "-p", "/usr/share/nginx", "-e", str(directory / "error.log"),
                             "-c", str(directory / "nginx.conf"), log=directory.name)
        wait_for(address, process)
        return Peer(name, address, process)

    # --- Ringfence

    def ringfence_environment(self):
        listen = {f"RINGFENCE__{section}__LISTEN": "127.0.0.1:0" for section in ("GATEWAY", "OPERATOR", "TELEMETRY")}
        # The load is far above what Genesys allows an account.
        return {**listen, "RINGFENCE__UPSTREAM__REQUESTS_PER_MINUTE": "10000000"}

    def init_ringfence(self, name="ringfence"):
        made = json.loads(subprocess.check_output(
            [self.options.binary, "init", "--dir", str(self.directory / name), "--json"],
            env={**os.environ, **self.ringfence_environment()}))
        self.config, self.admin_token = made["config"], made["admin_token"]

    def start_ringfence(self):
        """The process, and the seconds until it was ready."""
        ready = self.directory / "ready.json"
        ready.unlink(missing_ok=True)
        began = time.perf_counter()
        process = self.start(self.proxy_core, self.options.binary, "serve", "--config", self.config,
                             "--ready-file", str(ready), log="ringfence")
        while not ready.exists() or not ready.read_text().endswith("}"):
            if process.poll() is not None:
                sys.exit(f"serve ended: {(self.directory / 'ringfence.txt').read_text()}")
            time.sleep(0.001)
        seconds = time.perf_counter() - began
        addresses = json.loads(ready.read_text())
        self.gateway, self.operator = (addresses[name].removeprefix("http://") for name in ("gateway", "operator"))
        return process, seconds

    def register_account(self, **more):
        admin, upstream = f"http://{self.operator}/admin/v1", f"http://{self.upstream}"
        call(f"{admin}/service-accounts", {"id": "main", "client_id": "bench", "client_secret": "bench", "api_url": upstream,
                                           "login_url": upstream, **more}, self.admin_token)
        return admin

    def register(self):
        """One tenant, as an operator would; returns an access token got with its key."""
        admin = self.register_account()
        call(f"{admin}/tenants", {"id": "alpha", "name": "Alpha", "division_ids": [DIVISION], "service_account": "main",
                                  "policy_template": "supervisor"}, self.admin_token)
        key = json.loads(call(f"{admin}/tenants/alpha/keys", {"name": "bench"}, self.admin_token))
        basic = base64.b64encode(f"{key['client_id']}:{key['client_secret']}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        token = call(f"http://{self.gateway}/oauth/token", b"grant_type=client_credentials", headers=headers)
        return json.loads(token)["access_token"]

    # --- Load

    def check(self, peers):
        """Each peer answers the query, and those that scope sent more than they got."""
        body, seen = query_body(), {}
        for peer in peers:
            path = "/api/v2/analytics/conversations/details/query"
            answer = call(f"http://{peer.address}{path}", body, self.bearer)
            assert len(json.loads(answer)["conversations"]) > 0, peer.name
            seen[peer.name] = self.seen()["last_body_bytes"]
        for name in ("nginx + Lua", "Ringfence"):
            assert seen[name] > len(body) + 50, f"{name} did not add the division: {seen}"
        return len(body), len(answer)

    def seen(self):
        return json.loads(call(f"http://{self.upstream}/seen"))

    def load(self, address, seconds, connections, pace_ms=0, **more):
        environment = {**os.environ, "BODY_FILE": str(self.directory / "body.json"), "PACE_MS": str(pace_ms),
                       **(more or {"BEARER": self.bearer})}
        out = subprocess.check_output(
            ["taskset", "-c", self.load_core, "wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency",
             "--timeout", "10s", "-s", str(HERE / "load.lua"), f"http://{address}"], env=environment, text=True)
        return json.loads(out.strip().splitlines()[-1])

    def round(self, peer, into, pace_ms=0, **more):
        before = peer.cpu_seconds()
        result = self.load(peer.address, self.options.seconds, self.options.connections, pace_ms, **more)
        cpu = peer.cpu_seconds() - before
        if result["bad"]:
            sys.exit(f"{peer.name}: {result['bad']} of {result['requests']} went wrong")
        into.append({"per_second": result["requests"] / result["seconds"], "p50_ms": result["p50_ms"],
                     "p99_ms": result["p99_ms"], "cpu_us": cpu * 1e6 / result["requests"],
                     "memory_mb": peer.memory_mb()})

    def cold(self, ringfence):
        """Starts anew five times; then 500 connections at once meet a gateway that has no token yet."""
        starts = []
        for _ in range(5):
            ringfence.terminate()
            ringfence.wait()
            ringfence, seconds = self.start_ringfence()
            starts.append(seconds)
        before = self.seen()["mints"]
        result = self.load(self.gateway, 2, 500)
        return {"start_ms": statistics.median(starts) * 1000, "cold_connections": 500, "bad": result["bad"],
                "mints": self.seen()["mints"] - before}


def medians(rounds):
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def table(title, rows):
    bare = rows[BARE]
    print(f"\n{title}\n")
    print("| | req/s | p50 ms | p99 ms | CPU µs/request | ratio | memory MB |\n|---|---:|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        own = name != "straight"
        cpu = f"{row['cpu_us']:.1f} | {row['cpu_us'] / bare['cpu_us']:.2f}" if own else "– | –"
        memory = f"{row['memory_mb']:.0f}" if own else "–"
        print(f"| {name} | {row['per_second']:,.0f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} | {cpu} | {memory} |")


def report(peers, rounds, cold, sizes):
    full = {peer.name: medians(peer.rounds) for peer in peers}
    paced = {peer.name: medians(peer.paced) for peer in peers}
    print(f"POST {sizes[0]} bytes → {sizes[1]} bytes, medians of {rounds} interleaved rounds")
    table("At full load:", full)
    table("At the same pace:", paced)
    print(f"\nstart to ready: {cold['start_ms']:.0f} ms (median of 5)")
    print(f"{cold['cold_connections']} cold connections at once: {cold['mints']} token minted, {cold['bad']} errors")
    return {"full": full, "paced": paced, **cold}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("peers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bench = Bench(options)
    try:
        peers = bench.start_peers()
        sizes = bench.check(peers)
        for peer in peers:
            bench.load(peer.address, 1, options.connections)
        for _ in range(options.rounds):
            for peer in peers:
                bench.round(peer, peer.rounds)
            for peer in peers:
                bench.round(peer, peer.paced, PACE_MS)
        figures = report(peers, options.rounds, bench.cold(peers[-1].process), sizes)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=2) + "\n")
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
