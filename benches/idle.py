#!/usr/bin/env python3
"""Whether idle connections slow the others: the same calls alone and beside them, in one run.

    ringfence serve --config FILE          # with gateway.max_connections and `ulimit -n` above the number
    benches/idle.py HOST:PORT [CONNECTIONS]

Opens the connections (20,000 unless told otherwise; a client address has some 28,000 ports, so more loopback addresses
are used), leaves them idle, and measures a call that is refused without Genesys (`GET /api/v2/tokens/me`, no credential).
"""

import resource
import socket
import statistics
import sys
import time

CALLS = 2_000
PER_ADDRESS = 20_000
REQUEST = b"GET /api/v2/tokens/me HTTP/1.1\r\nHost: gateway\r\n\r\n"


def measure(address):
    took = []
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(CALLS):
            begun = time.perf_counter()
            connection.sendall(REQUEST)
            answer = connection.recv(65_536)
            took.append(time.perf_counter() - begun)
            assert answer.startswith(b"HTTP/1.1 401"), answer[:100]
    took.sort()
    return statistics.median(took) * 1e6, took[int(CALLS * 0.99)] * 1e6


def idle(address, count):
    connections = []
    for number in range(count):
        source = (f"127.0.0.{2 + number // PER_ADDRESS}", 0)
        connections.append(socket.create_connection(address, source_address=source))
        # One call each, so that they are idle and not silent.
        connections[-1].sendall(REQUEST)
        connections[-1].recv(65_536)
    return connections


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    address = (host, int(port))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    alone = measure(address)
    begun = time.perf_counter()
    connections = idle(address, count)
    opened = time.perf_counter() - begun
    beside = measure(address)
    print(f"{len(connections)} connections opened in {opened:.1f} s")
    print(f"alone:   median {alone[0]:.0f} us, 99th {alone[1]:.0f} us")
    print(f"beside:  median {beside[0]:.0f} us, 99th {beside[1]:.0f} us")
    print(f"ratio:   median {beside[0] / alone[0]:.2f}, 99th {beside[1] / alone[1]:.2f}")


main()
