# SPDX-License-Identifier: Apache-2.0
"""Bytes of memberlist's protocol as a stranger may send them, right and wrong ones."""

import random
import socket
import struct


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    if len(value) < 32:
        return bytes([0xa0 | len(value)]) + value
    return b"\xda" + struct.pack(">H", len(value)) + value


def number(value):
    return bytes([value]) if value < 0x80 else b"\xce" + struct.pack(">I", value)


def fields(pairs):
    return bytes([0x80 | len(pairs)]) + b"".join(text(key) + value for key, value in pairs)


def ping(node, seq):
    return b"\x00" + fields([("Node", text(node)), ("SeqNo", number(seq))])


def accusation(kind, node, incarnation, source):
    return bytes([kind]) + fields([("From", text(source)), ("Incarnation", number(incarnation)),
                                   ("Node", text(node))])


def alive(node, ip, port, incarnation, vsn=b"\x01\x05\x02\x00\x00\x00", meta=b""):
    return b"\x04" + fields([("Addr", text(socket.inet_aton(ip))),
                             ("Incarnation", number(incarnation)), ("Meta", text(meta)),
                             ("Node", text(node)), ("Port", number(port)), ("Vsn", text(vsn))])


def compound(parts):
    return (bytes([7, len(parts)]) + b"".join(struct.pack(">H", len(part)) for part in parts)
            + b"".join(parts))


def answers_ping(ip, port, name, source_ip, within=2.0):
    """Whether the node acknowledges a ping that is not compressed, encrypted or labelled."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source_ip, 0))
        sock.settimeout(within)
        sock.sendto(ping(name, 7), (ip, port))
        try:
            return b"SeqNo\x07" in sock.recvfrom(65536)[0]
        except socket.timeout:
            return False


def hostile_packets(victim, seed, count):
    """What may kill a careless reader, but accuses and announces nobody who could be believed."""
    rng = random.Random(seed)
    well = [ping(victim, 1), ping("", 2), accusation(3, victim, 1, "x"), accusation(5, victim, 1, "x"),
            accusation(3, "nobody", 1, "x"), b"\x02" + fields([("SeqNo", number(9))]),
            b"\x0b" + fields([("SeqNo", number(9))]), b"\x08hello",
            # Of nodes with versions that no one may have, and of none.
            alive("bad", "127.0.0.9", 1, 1, b""), alive("bad", "127.0.0.9", 1, 1, b"\x01\x05"),
            alive("bad", "127.0.0.9", 1, 1, b"\0" * 6),
            alive("bad", "127.0.0.9", 1, 1, b"\x09\x05\x02\0\0\0"),
            alive("", "127.0.0.9", 1, 1), alive("bad", "127.0.0.9", 1, 0xffffffff),
            alive("big" * 500, "127.0.0.9", 1, 1)]
    yield b"\x07\xff"
    yield b"\x07\x01\x00\x00"
    yield b"\x09" + fields([("Algo", number(0)), ("Buf", text(b""))])
    yield b"\xf4\x00"
    yield b"\xf4\xff" + b"l" * 10
    nested = ping(victim, 3)
    for _ in range(200):
        nested = compound([nested])
    yield nested
    yield compound([b""] * 255)
    yield b"\x00" + b"\x91" * 60_000
    yield b"\x06" + b"\xdf\xff\xff\xff\xff"
    for _ in range(count):
        choice = rng.randrange(4)
        if choice == 0:
            yield rng.randbytes(rng.randrange(1, 1400))
        elif choice == 1:
            whole = rng.choice(well)
            yield whole[:rng.randrange(1, len(whole) + 1)]
        elif choice == 2:
            yield compound([rng.choice(well) for _ in range(rng.randrange(1, 9))])
        else:
            yield bytes([rng.choice([7, 9, 12, 244])]) + rng.randbytes(rng.randrange(0, 200))


def hostile_streams(victim, seed, count):
    rng = random.Random(seed)
    header = b"\x06" + fields([("Join", b"\xc3"), ("Nodes", b"\xce\x7f\xff\xff\xff"),
                               ("UserStateLen", b"\xce\x7f\xff\xff\xff")])
    yield header
    yield b"\x06" + fields([("Join", b"\xc3"), ("Nodes", b"\xd3" + b"\xff" * 8),
                            ("UserStateLen", number(0))])
    yield b"\x0a\xff\xff\xff\xff" + b"x" * 1000
    yield b"\x08" + fields([("UserMsgLen", b"\xce\x7f\xff\xff\xff")]) + b"x" * 100
    yield b"\x09" + fields([("Algo", number(0)), ("Buf", b"\xdb\xff\xff\xff\xff")])
    yield b"\xf4\x03abc" + ping(victim, 1)
    yield b"\x06" + b"\xdf\xff\xff\xff\xff" * 100
    for _ in range(count):
        yield bytes([rng.choice([0, 6, 8, 9, 10, 13, 244])]) + rng.randbytes(rng.randrange(0, 300))


def attack(ip, port, victim, seed, packets, streams, source_ip):
    """Sends all of it; false when the receiver does not answer pings in between. These make sure that
    it has read what came before, and that no buffer overflows instead."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for count, datagram in enumerate(hostile_packets(victim, seed, packets)):
            sock.sendto(datagram, (ip, port))
            if count % 50 == 0 and not answers_ping(ip, port, victim, source_ip):
                return False
    for request in hostile_streams(victim, seed, streams):
        with socket.create_connection((ip, port), timeout=5) as stream:
            try:
                stream.sendall(request)
            except (BrokenPipeError, ConnectionResetError):
                pass
    return True
