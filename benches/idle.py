"""Whether idle and slow connections slow the others: the same calls alone, beside them, and alone again, in one run."""

import argparse
import os
import resource
import signal
import socket
import statistics
import sys
import time

from compare import Bench, Peer, free_address, wait_for

# A client address has some 28,000 ports.
PER_ADDRESS = 15_000
HOLDERS = 4
# What a process needs besides the connections that it holds: of the gateway, those of the other side among them.
SPARE = 300
PATH = "/api/v2/analytics/conversations/details/query"
# The gateway cuts a head that takes longer; a slow client then comes again.
DRIP_SECONDS = 0.25


class IdleBench(Bench):
    def ringfence_environment(self):
        # Far from crowded: where nine tenths are taken, idle connections have to make room.
        connections = str(2 * (self.options.connections + self.options.slow) + SPARE)
        settings = {"MAX_CONNECTIONS": connections, "MAX_CONNECTIONS_PER_SOURCE": connections, "IDLE_TIMEOUT_MS": "3600000"}
        return {**super().ringfence_environment(), **{f"RINGFENCE__GATEWAY__{name}": value for name, value in settings.items()}}


def request(bench, first, more="", body=b""):
    head = f"{first} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {bench.bearer}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body if body else f"{head}\r\n".encode()


def answer(connection):
    """Reads one answer whole."""
    read = b""
    while b"\r\n\r\n" not in read:
        some = connection.recv(65_536)
        if not some:
            sys.exit("a connection ended without an answer")
        read += some
    head, _, rest = read.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        sys.exit(read.decode(errors="replace"))
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    left = next(int(value) for name, _, value in lines if name.lower() == b"content-length") - len(rest)
    while left > 0:
        left -= len(connection.recv(65_536))


def connect(address, number=0):
    source = (f"127.0.0.{2 + number // PER_ADDRESS}", 0)
    connection = socket.create_connection(address, source_address=source)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def measure(bench, address):
    asked, took = request(bench, f"POST {PATH}", "Content-Type: application/json\r\n", bench.body), []
    with connect(address) as connection:
        for _ in range(bench.options.calls):
            begun = time.perf_counter()
            connection.sendall(asked)
            answer(connection)
            took.append(time.perf_counter() - begun)
    took.sort()
    return {"median": statistics.median(took) * 1e6, "p99": took[int(len(took) * 0.99)] * 1e6}


def hold(bench, address, numbers):
    """Connections that have asked once, so that they are idle and not silent."""
    asked, held = request(bench, "GET /api/v2/tokens/me"), []
    for number in numbers:
        held.append(connect(address, number))
        held[-1].sendall(asked)
        answer(held[-1])

    def forever():
        while held:
            signal.pause()

    return forever


def drip(bench, address, numbers):
    """Clients that send a byte at a time, of a head or of a body, and come again when they are cut."""
    forms = [request(bench, f"GET {PATH}", f"X-Filler: {'x' * 1000}\r\n"),
             request(bench, f"POST {PATH}", "Content-Type: application/json\r\n", bench.body)]
    # Of the second, the head comes at once.
    begins = [1, forms[1].index(b"\r\n\r\n") + 4]
    slow = {number: None for number in numbers}

    def one(number):
        form, begin = forms[number % 2], begins[number % 2]
        connection, sent = slow[number] or (None, 0)
        try:
            if connection is None or sent >= len(form) - 1:
                connection, sent = connect(address, number), 0
                connection.setblocking(False)
            upto = max(begin, sent + 1)
            connection.send(form[sent:upto])
            slow[number] = connection, upto
        except OSError:
            slow[number] = None

    def forever():
        while True:
            for number in slow:
                one(number)
            time.sleep(DRIP_SECONDS)

    for number in slow:
        one(number)
    return forever


def fork(bench, work, *arguments):
    """A process that says when it has begun; its end is ours to bring."""
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.sched_setaffinity(0, {int(bench.load_core)})
            forever = work(bench, *arguments)
            os.write(tells, b".")
            forever()
        finally:
            os._exit(1)
    os.close(tells)
    return child, told


def beside(bench, address):
    """The same calls while the others are there; how much memory each took, and how long all took to come."""
    count, begun, before = bench.options.connections, time.perf_counter(), bench.peer.memory_mb()
    children = [fork(bench, hold, address, range(one, count, HOLDERS)) for one in range(HOLDERS)]
    children.append(fork(bench, drip, address, range(count, count + bench.options.slow)))
    try:
        for _, told in children:
            if os.read(told, 1) != b".":
                sys.exit("not all connections were taken")
        opened = time.perf_counter() - begun
        found = measure(bench, address)
        grown = (bench.peer.memory_mb() - before) * 1024 / max(1, count)
        still = len(os.listdir(f"/proc/{bench.peer.process.pid}/fd"))
        if still < count:
            sys.exit(f"the gateway has {still} descriptors: idle connections were closed")
        return found, grown, opened
    finally:
        for child, told in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("peers")
    parser.add_argument("--connections", type=int, default=20_000, help="that are idle")
    parser.add_argument("--slow", type=int, default=200, help="clients that send a byte at a time")
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--most", type=float, default=1.5, help="the median beside them, compared to alone")
    options = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    room = limit - options.slow - SPARE
    if options.connections > room:
        print(f"{room} idle connections instead of {options.connections}: `ulimit -Hn` is {limit}")
        options.connections = room
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    bench = IdleBench(options)
    try:
        bench.upstream = free_address()
        wait_for(bench.upstream, bench.start(bench.load_core, options.peers, "upstream", bench.upstream, log="upstream"))
        bench.init_ringfence()
        process, _ = bench.start_ringfence()
        bench.bearer, bench.peer = bench.register(), Peer("Ringfence", bench.gateway, process)
        bench.body = (bench.directory / "body.json").read_bytes()
        host, port = bench.gateway.split(":")
        os.sched_setaffinity(0, {int(bench.load_core)})
        address = (host, int(port))
        measure(bench, address)
        first = measure(bench, address)
        crowd, kilobytes, opened = beside(bench, address)
        # Those that were there are gone before it is measured again.
        while len(os.listdir(f"/proc/{process.pid}/fd")) > SPARE:
            time.sleep(0.1)
        last = measure(bench, address)
    finally:
        bench.stop()
    alone = {key: (first[key] + last[key]) / 2 for key in first}
    print(f"{options.connections} idle connections and {options.slow} slow clients, there after {opened:.0f} s,"
          f" {kilobytes:.1f} KB of memory for each")
    print("\n| | median µs | 99th µs |\n|---|---:|---:|")
    for name, row in (("alone", first), ("beside them", crowd), ("alone again", last)):
        print(f"| {name} | {row['median']:.0f} | {row['p99']:.0f} |")
    ratio = {key: crowd[key] / alone[key] for key in alone}
    print(f"| ratio | {ratio['median']:.2f} | {ratio['p99']:.2f} |")
    if ratio["median"] > options.most:
        sys.exit("they slow the others")


if __name__ == "__main__":
    main()
