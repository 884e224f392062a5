"""Loads Ringfence for millions of requests, and says whether its memory and descriptors stay where they are."""

import argparse
import json
import sys
from pathlib import Path

from compare import Bench, Peer, free_address, wait_for


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def mean(rows, key):
    return sum(row[key] for row in rows) / len(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("peers")
    parser.add_argument("--requests", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=int, default=20, help="between two looks")
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    bench = Bench(options)
    rows, done = [], 0
    try:
        bench.upstream = free_address()
        wait_for(bench.upstream, bench.start(bench.load_core, options.peers, "upstream", bench.upstream, log="upstream"))
        bench.init_ringfence()
        process, _ = bench.start_ringfence()
        bench.bearer = bench.register()
        peer = Peer("Ringfence", bench.gateway, process)
        print("| requests | req/s | p99 ms | memory MB | descriptors | threads | record MB |")
        print("|---:|---:|---:|---:|---:|---:|---:|", flush=True)
        while done < options.requests:
            result = bench.load(bench.gateway, options.seconds, options.connections)
            if result["bad"]:
                sys.exit(f"{result['bad']} of {result['requests']} went wrong")
            done += result["requests"]
            record = sum(file.stat().st_size for file in (bench.directory / "ringfence").glob("ringfence.db*"))
            # Between two rounds the load's connections are closed: what stays open then is the gateway's own.
            row = {"done": done, "rate": result["requests"] / result["seconds"], "p99": result["p99_ms"],
                   "memory": peer.memory_mb(), "descriptors": descriptors(process.pid),
                   "threads": threads(process.pid), "record": record / 2**20}
            rows.append(row)
            print("| {done:,} | {rate:,.0f} | {p99:.1f} | {memory:.1f} | {descriptors} | {threads} | {record:,.0f} |"
                  .format(**row), flush=True)
        first, last = rows[: max(1, len(rows) // 4)], rows[-max(1, len(rows) // 4):]
        grown = {key: mean(last, key) - mean(first, key) for key in ("memory", "descriptors", "threads")}
        print(f"\nlast quarter against the first: {json.dumps({key: round(by, 1) for key, by in grown.items()})}")
        if grown["memory"] > 16 or grown["descriptors"] > 4 or grown["threads"] > 1:
            sys.exit("something grows")
    finally:
        bench.stop()


if __name__ == "__main__":
    main()
