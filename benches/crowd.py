"""What many tenants and keys cost: requests come with keys at random, of ten tenants or of all of them."""

import argparse
import json
import random
import statistics
import sys
import threading
import time
import uuid
from http.client import HTTPConnection
from pathlib import Path

from compare import Bench, Peer, free_address, medians, wait_for

WORKERS = 16
FEW = 10


class Desk:
    """One connection to the admin API that stays open."""

    def __init__(self, bench):
        self.connection, self.token = HTTPConnection(*bench.operator.split(":")), bench.admin_token

    def post(self, path, body, status=201):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        self.connection.request("POST", f"/admin/v1{path}", json.dumps(body), headers)
        answer = self.connection.getresponse()
        read = answer.read()
        if answer.status != status:
            raise SystemExit(f"{path}: {answer.status} {read.decode()}")
        return json.loads(read)


def tenant(desk, number, keys):
    """One tenant with a division of its own, and its keys."""
    name = f"tenant-{number}"
    desk.post("/tenants", {"id": name, "name": name, "division_ids": [str(uuid.UUID(int=number + 1, version=4))],
                           "service_account": "main", "policy_template": "supervisor"})
    return [desk.post(f"/tenants/{name}/keys", {"name": f"key-{key}"})["api_key"] for key in range(keys)]


def seed(bench, tenants, keys):
    """All of them, as an operator would; the keys."""
    # Ten tenants call, and each has a ten-thousandth of what the account may send: they are lent what the others leave.
    bench.register_account(shared=True, lend_idle=True)
    numbers, made, failed = iter(range(tenants)), [], []
    lock = threading.Lock()

    def work():
        desk = Desk(bench)
        while not failed:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                made.extend(tenant(desk, number, keys))
            except (SystemExit, OSError) as error:
                failed.append(error)

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    begun = time.perf_counter()
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        time.sleep(1)
        if sys.stderr.isatty():
            print(f"\r{len(made)} of {tenants * keys} keys", end="", file=sys.stderr)
    if failed:
        sys.exit(str(failed[0]))
    return made, time.perf_counter() - begun


def start(bench, name, tenants, keys, starts):
    """A gateway with so many tenants, after it was started anew; where it is, and how long that took."""
    bench.init_ringfence(name)
    process, _ = bench.start_ringfence()
    made, seeded = seed(bench, tenants, keys)
    took = []
    for _ in range(starts):
        process.terminate()
        process.wait()
        process, seconds = bench.start_ringfence()
        took.append(seconds)
    random.Random(20).shuffle(made)
    peers = []
    for label, called in [(name, made[:FEW]), (f"{name}, each called", made)][:1 if len(made) == FEW else 2]:
        peer = Peer(label, bench.gateway, process)
        peer.keys = bench.directory / f"{label}.keys"
        peer.keys.write_text("\n".join(called))
        peer.facts = {"tenants": tenants, "keys": len(made), "called": len(called),
                      "seeded_per_second": (tenants * (keys + 1)) / seeded,
                      "start_ms": statistics.median(took) * 1000, "started_mb": peer.memory_mb()}
        peers.append(peer)
    return peers


def revocations(bench, many, count):
    """How long revoked keys were still answered, in milliseconds, while others call and keys are made without pause."""
    stopped, storms = threading.Event(), [0] * 4
    load = threading.Thread(target=lambda: [bench.round(many, [], KEYS_FILE=str(many.keys)) for _ in iter(stopped.is_set, True)])

    def make(number):
        desk = Desk(bench)
        while not stopped.is_set():
            desk.post(f"/tenants/tenant-{number % bench.options.tenants}/keys", {"name": "more"})
            storms[number] += 1

    busy = [load, *(threading.Thread(target=make, args=[number]) for number in range(len(storms)))]
    for thread in busy:
        thread.start()
    desk, caller, took = Desk(bench), HTTPConnection(*bench.gateway.split(":")), []

    def status(key):
        caller.request("GET", "/api/v2/tokens/me", headers={"Authorization": f"Bearer {key}"})
        answer = caller.getresponse()
        answer.read()
        return answer.status

    for number in range(count):
        key = desk.post(f"/tenants/tenant-{number % bench.options.tenants}/keys", {"name": "revoked"})
        while status(key["api_key"]) != 200:
            pass
        desk.post(f"/keys/{key['key_id']}/revoke", {}, 200)
        begun = time.perf_counter()
        while status(key["api_key"]) != 401:
            pass
        took.append((time.perf_counter() - begun) * 1000)
    stopped.set()
    for thread in busy:
        thread.join()
    took.sort()
    figures = {"revocations": count, "median_ms": statistics.median(took), "p99_ms": took[len(took) * 99 // 100],
               "most_ms": took[-1], "made_meanwhile": sum(storms)}
    print("revocations among {revocations}, {made_meanwhile:,} keys made meanwhile, from the answer to the first refusal: median"
          " {median_ms:.1f} ms, 99th percentile {p99_ms:.1f} ms, at most {most_ms:.1f} ms".format(**figures))
    return figures


def report(few, others):
    rows = {peer.name: {**peer.facts, **medians(peer.rounds)} for peer in (few, *others)}
    print("| | tenants | keys | called | start ms | MB then | req/s | p50 ms | p99 ms | CPU µs/request | MB under load |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        print(f"| {name} | {row['tenants']:,} | {row['keys']:,} | {row['called']:,} | {row['start_ms']:.0f} | {row['started_mb']:.0f} |"
              f" {row['per_second']:,.0f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} | {row['cpu_us']:.1f} |"
              f" {row['memory_mb']:.0f} |")
    print()
    for peer in others:
        # Round by round: what else the machine did met all alike.
        ratios, cpu = ([one[what] / other[what] for one, other in zip(peer.rounds, few.rounds)] for what in ("per_second", "cpu_us"))
        rows[peer.name] |= {"ratio": statistics.median(ratios), "ratios": ratios, "cpu_ratio": statistics.median(cpu)}
        print(f"{peer.name}, to {few.name}: requests a second {statistics.median(ratios):.3f} (median; {min(ratios):.3f} to"
              f" {max(ratios):.3f}), processor time {statistics.median(cpu):.3f}")
    print(f"seeded through the admin API: {others[0].facts['seeded_per_second']:,.0f} changes a second")
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("peers")
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--keys", type=int, default=10, help="of each of them")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--warm", type=int, default=30, help="seconds before, so that most keys were called once")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("--least", type=float, default=0.95, help="requests a second with the same number of keys called, compared to ten tenants")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bench = Bench(options)
    try:
        bench.upstream = free_address()
        wait_for(bench.upstream, bench.start(bench.load_core, options.peers, "upstream", bench.upstream, log="upstream"))
        [few] = start(bench, "few", FEW, 1, options.starts)
        many, every = start(bench, "many", options.tenants, options.keys, options.starts)
        for peer, seconds in [(few, options.seconds), (many, options.seconds), (every, options.warm)]:
            bench.load(peer.address, seconds, options.connections, KEYS_FILE=str(peer.keys))
        peers = [few, many, every]
        for number in range(options.rounds):
            # None always goes first.
            for place in range(len(peers)):
                peer = peers[(number + place) % len(peers)]
                bench.round(peer, peer.rounds, KEYS_FILE=str(peer.keys))
        figures = {**report(few, (many, every)), "revoked": revocations(bench, every, options.revocations)}
        if options.json:
            options.json.write_text(json.dumps(figures, indent=2) + "\n")
    finally:
        bench.stop()
    if figures["many"]["ratio"] < options.least:
        sys.exit("many tenants slow it down")
    if figures["revoked"]["most_ms"] >= 1_000:
        sys.exit("a revoked key was answered for a second")


if __name__ == "__main__":
    main()
