#!/usr/bin/env python3
"""Runs the statements of a CQL file: `scripts/cql.py [--host HOST[:PORT]] FILE`, or `-c STATEMENT`.

Standard library only, so that the demo needs no Python packages: the few frames of the native protocol (version 4)
that starting a cluster and creating tables take. It stops at the first error with exit code 1. `scripts/cluster` uses
the class `Connection` to ask nodes how they are.
"""

import argparse
import pathlib
import re
import socket
import struct
import sys
import time

STARTUP, ERROR, READY, AUTHENTICATE, QUERY, RESULT, AUTH_RESPONSE, AUTH_SUCCESS = 1, 0, 2, 3, 7, 8, 15, 16
ONE, ALL = 1, 5  # consistency levels
ROWS = 2  # kind of a RESULT
HAS_MORE_PAGES, SKIP_METADATA = 2, 2  # a flag of the answer, a flag of the question


class CqlError(Exception):
    """The server refused a statement, a login or the protocol."""


class Connection:
    """One connection to one node."""

    def __init__(self, host, port=9042, user="cassandra", password="cassandra", timeout=10.0):
        self.socket = socket.create_connection((host, port), timeout)
        try:
            opcode, body = self.ask(STARTUP, struct.pack(">H", 1) + text("CQL_VERSION") + text("3.0.0"))
            if opcode == AUTHENTICATE:
                token = f"\0{user}\0{password}".encode()
                opcode, body = self.ask(AUTH_RESPONSE, struct.pack(">i", len(token)) + token)
            if opcode not in (READY, AUTH_SUCCESS):
                raise CqlError(f"the node answered STARTUP with opcode {opcode}")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, opcode, body):
        """Sends a frame and returns the opcode and body of the answer."""
        self.socket.sendall(struct.pack(">BBhBi", 4, 0, 0, opcode, len(body)) + body)
        _, _, _, opcode, length = struct.unpack(">BBhBi", self.receive(9))
        body = self.receive(length)
        if opcode == ERROR:
            (length,) = struct.unpack_from(">H", body, 4)
            raise CqlError(body[6 : 6 + length].decode(errors="replace"))
        return opcode, body

    def receive(self, length):
        chunks = []
        while length:
            chunk = self.socket.recv(length)
            if not chunk:
                raise ConnectionError("the node closed the connection")
            chunks.append(chunk)
            length -= len(chunk)
        return b"".join(chunks)

    def query(self, statement, consistency=ONE):
        """Runs a statement; returns its first page of rows as lists of undecoded values, or [] if it has none."""
        encoded = statement.encode()
        _, body = self.ask(
            QUERY, struct.pack(">i", len(encoded)) + encoded + struct.pack(">HB", consistency, SKIP_METADATA)
        )
        if struct.unpack_from(">i", body)[0] != ROWS:
            return []
        flags, columns = struct.unpack_from(">ii", body, 4)
        at = 12
        if flags & HAS_MORE_PAGES:
            at += 4 + struct.unpack_from(">i", body, at)[0]
        (count,) = struct.unpack_from(">i", body, at)
        at += 4
        rows = []
        for _ in range(count):
            row = []
            for _ in range(columns):
                (length,) = struct.unpack_from(">i", body, at)
                at += 4
                row.append(None if length < 0 else body[at : at + length])
                at += max(length, 0)
            rows.append(row)
        return rows

    def schema_versions(self):
        """The schema versions that this node knows of, its own included: one, once all nodes agree."""
        rows = self.query("SELECT schema_version FROM system.local") + self.query(
            "SELECT schema_version FROM system.peers_v2"
        )
        return {row[0] for row in rows}

    def wait_for_schema_agreement(self, seconds=30):
        deadline = time.monotonic() + seconds
        while len(self.schema_versions()) > 1:
            if time.monotonic() > deadline:
                raise CqlError(f"the nodes did not agree on the schema within {seconds} s: is a node down?")
            time.sleep(0.05)


def text(value):
    encoded = value.encode()
    return struct.pack(">H", len(encoded)) + encoded


def text_set(value):
    """Decodes a set<text>, such as the tokens of a node."""
    if value is None:
        return []
    (count,) = struct.unpack_from(">i", value)
    at, elements = 4, []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", value, at)
        elements.append(value[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return elements


# A piece of CQL: a comment, a quoted text or name, a semicolon, or anything else.
PIECE = re.compile(r"--[^\n]*|//[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|;|.", re.DOTALL)


def statements(script):
    """Splits a script at its semicolons, leaving out comments."""
    current = []
    for piece in PIECE.findall(script):
        if piece == ";":
            yield "".join(current).strip()
            current = []
        elif piece[:2] not in ("--", "//", "/*"):
            current.append(piece)
    yield "".join(current).strip()


def address(value, default_port=9042):
    """Splits `host` or `host:port`."""
    host, _, port = value.partition(":")
    return host, int(port or default_port)


def main():
    parser = argparse.ArgumentParser(description="Runs the statements of a CQL file.")
    parser.add_argument(
        "--host", default="127.0.0.1", help="HOST or HOST:PORT; of several, separated by commas, the first"
    )
    parser.add_argument("--user", default="cassandra")
    parser.add_argument("-c", dest="command", metavar="CQL", help="run this instead of a file")
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    args = parser.parse_args()
    if (args.command is None) == (args.file is None):
        parser.error("give a file or -c, one of them")
    script = args.command or args.file.read_text(encoding="utf-8")
    host, port = address(args.host.split(",")[0])
    try:
        with Connection(host, port, user=args.user, timeout=60) as connection:
            for statement in filter(None, statements(script)):
                try:
                    rows = connection.query(statement)
                except CqlError as error:
                    raise CqlError(f"{error}\n  in: {' '.join(statement.split())[:200]}") from None
                for row in rows:
                    print("\t".join("" if value is None else value.decode(errors="replace") for value in row))
            connection.wait_for_schema_agreement()
    except (CqlError, OSError) as error:
        sys.exit(f"error: {host}:{port}: {error}")


if __name__ == "__main__":
    main()
