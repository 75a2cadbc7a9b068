"""A node of a cluster of `scripts/cluster`: its configuration, its process and what it knows of the others."""

import dataclasses
import os
import pathlib
import random
import re
import socket
import subprocess

from cql import ALL, Connection, CqlError, text_set
from fetch import Failure, java_for

NATIVE_PORT = 9042


@dataclasses.dataclass
class Cluster:
    """What cluster.json holds."""

    folder: str
    release: str
    vnodes: int
    addresses: list
    port: int
    storage_port: int
    java: str
    jars: str
    heap: str
    auth: bool
    settings: dict  # further lines of cassandra.yaml
    jvm: list  # further options of the JVM

    @property
    def nodes(self):
        return [Node(self, number) for number in range(1, len(self.addresses) + 1)]

    @property
    def hosts(self):
        """The contact points, as users write them: the port only where it is not the usual one."""
        port = "" if self.port == NATIVE_PORT else f":{self.port}"
        return ",".join(address + port for address in self.addresses)

    def node(self, number):
        if not 1 <= number <= len(self.addresses):
            raise Failure(f"there is no node {number}: this cluster has nodes 1 to {len(self.addresses)}")
        return Node(self, number)


class Node:
    """One node: a folder and perhaps a process."""

    def __init__(self, cluster, number):
        self.cluster = cluster
        self.number = number
        self.address = cluster.addresses[number - 1]
        self.folder = pathlib.Path(cluster.folder) / f"node{number}"
        self.mark = f"-Dcbulk.node={self.folder}"  # how its process is recognised

    # Its process

    def pid(self):
        """The id of its process if that runs, else None."""
        try:
            pid, started = (self.folder / "pid").read_text(encoding="utf-8").split(maxsplit=1)
        except FileNotFoundError:
            return None
        command, start_time = look_up_process(int(pid))
        return int(pid) if self.mark in command and start_time == started else None

    def launch(self):
        (self.folder / "tmp").mkdir(exist_ok=True)
        with open(self.folder / "stdout.log", "ab") as output:
            process = subprocess.Popen(
                java_command(self), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal must not reach it
            )  # fmt: skip
        _, start_time = look_up_process(process.pid)
        (self.folder / "pid").write_text(f"{process.pid} {start_time}", encoding="utf-8")
        return process

    def signal(self, number):
        pid = self.pid()
        if pid is None:
            raise Failure(f"node {self.number} does not run: start it with scripts/cluster start-node {self.number}")
        os.kill(pid, number)

    def jmx_port(self):
        return int((self.folder / "jmx_port").read_text(encoding="utf-8"))

    # Its state

    def connect(self, timeout=5.0):
        return Connection(self.address, self.cluster.port, timeout=timeout)

    def tokens_known(self):
        """All tokens of the ring as this node knows it, by the address of the owner."""
        with self.connect() as connection:
            mine = connection.query("SELECT tokens FROM system.local")
            peers = connection.query("SELECT peer, tokens FROM system.peers_v2")
        known = {self.address: text_set(mine[0][0])}
        known.update({socket.inet_ntoa(peer): text_set(tokens) for peer, tokens in peers})
        return known

    def trouble(self):
        """Why this node does not see the whole cluster up, or None if it does."""
        try:
            known = self.tokens_known()
            if sorted(known) != sorted(self.cluster.addresses):
                return f"knows {len(known)} of {len(self.cluster.addresses)} nodes"
            for address, tokens in known.items():
                if len(tokens) != self.cluster.vnodes:
                    return f"knows {len(tokens)} tokens of {address}, not {self.cluster.vnodes}"
            if len(self.cluster.addresses) > 1:
                # A keyspace with two replicas, read whole at ALL: each node has a part of it, so each must answer.
                with self.connect() as connection:
                    connection.query("SELECT session_id FROM system_traces.sessions", consistency=ALL)
        except (CqlError, OSError) as error:
            return str(error)
        return None

    def log_tail(self):
        """The end of its log with the cause of a failed start."""
        lines = []
        for name in ("system.log", "stdout.log"):
            path = self.folder / name
            if path.exists():
                lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
        causes = [line for line in lines if re.search(r"^ERROR|^Caused by|Exception: |^Error|OutOfMemory", line)]
        return "\n".join(f"  {line}" for line in causes[-8:] + ["…"] + lines[-12:])


def look_up_process(pid):
    """The command line and start time of a process; ("", "") if there is none."""
    if pathlib.Path("/proc/self/stat").exists():
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "", ""
        return command, stat.rpartition(")")[2].split()[19]
    done = subprocess.run(
        ["ps", "-ww", "-o", "lstart=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout[24:].strip(), done.stdout[:24].strip()


def process_is_paused(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] == "T"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# What a node is started with

LOGBACK = """<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>${cassandra.logdir}/system.log</file>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE"/></root>
</configuration>
"""

EXPORTS = """java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.base/java.lang.ref
    java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server java.sql/java.sql
    jdk.unsupported/sun.misc""".split()
OPENS = """java.base/java.lang.module java.base/java.lang java.base/java.lang.reflect java.base/java.io java.base/java.util
    java.base/java.nio java.base/sun.nio.ch java.base/jdk.internal.loader java.base/jdk.internal.ref
    java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module
    java.base/jdk.internal.util.jar jdk.management/com.sun.management.internal""".split()
MODULES = [f"--add-exports={name}=ALL-UNNAMED" for name in EXPORTS] + [
    f"--add-opens={name}=ALL-UNNAMED" for name in OPENS
]


def random_tokens(count):
    """Distinct tokens; -2^63 is none."""
    tokens = set()
    while len(tokens) < count:
        tokens.add(random.randint(-(2**63) + 1, 2**63 - 1))
    return list(tokens)


def write_configuration(node, tokens):
    """The node's cassandra.yaml."""
    cluster, data = node.cluster, node.folder
    yaml = {
        "cluster_name": "cbulk",
        # Tokens are given, at random: nodes that choose their own must join one after another, or may choose the same.
        "num_tokens": cluster.vnodes,
        "initial_token": "'" + ",".join(map(str, tokens)) + "'",
        # All are seeds and none streams: the cluster is new and empty, so all nodes can start at the same time.
        "auto_bootstrap": "false",
        "seed_provider": "[{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: '"
        + ",".join(f"{address}:{cluster.storage_port}" for address in cluster.addresses)
        + "'}]}]",
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "SimpleSnitch",
        "listen_address": node.address,
        "storage_port": cluster.storage_port,
        "rpc_address": node.address,
        "native_transport_port": cluster.port,
        "data_file_directories": f"['{data / 'data'}']",
        "commitlog_directory": f"'{data / 'commitlog'}'",
        "hints_directory": f"'{data / 'hints'}'",
        "saved_caches_directory": f"'{data / 'saved_caches'}'",
        "cdc_raw_directory": f"'{data / 'cdc_raw'}'",
        "commitlog_sync": "periodic",
        "commitlog_sync_period": "10s",
        "auto_snapshot": "false",
        "materialized_views_enabled": "true",
        "user_defined_functions_enabled": "true",
        "concurrent_compactors": 1,
        # Timeouts are generous, as tests run on small, busy machines; but a node waits half of the shortest of them
        # before it tries again to reach another, so one must be short, or starting and stopping take 15 s longer.
        "read_request_timeout": "30s",
        "range_request_timeout": "60s",
        "write_request_timeout": "30s",
        "truncate_request_timeout": "60s",
        "request_timeout": "30s",
        "cas_contention_timeout": "10s",
        "counter_write_request_timeout": "3s",
    }
    if cluster.auth:
        yaml |= {"authenticator": "PasswordAuthenticator", "authorizer": "CassandraAuthorizer"}
    yaml |= cluster.settings
    node.folder.mkdir(parents=True)
    (node.folder / "cassandra.yaml").write_text("".join(f"{k}: {v}\n" for k, v in yaml.items()), encoding="utf-8")
    (node.folder / "logback.xml").write_text(LOGBACK, encoding="utf-8")
    (node.folder / "jmx_port").write_text(str(free_port()), encoding="utf-8")


def java_command(node):
    cluster = node.cluster
    return [
        cluster.java, node.mark, f"-Xms{cluster.heap}", f"-Xmx{cluster.heap}",
        *([] if any("GC" in option for option in cluster.jvm) else ["-XX:+UseSerialGC"]), *cluster.jvm,
        "-XX:+ExitOnOutOfMemoryError", "-XX:+PerfDisableSharedMem", "-Xshare:auto",
        "-Djdk.attach.allowAttachSelf=true", "-Dio.netty.tryReflectionSetAccessible=true", *MODULES,
        f"-Djava.io.tmpdir={node.folder / 'tmp'}", f"-Djna.tmpdir={node.folder / 'tmp'}",
        f"-Dcassandra.config=file://{node.folder / 'cassandra.yaml'}",
        f"-Dlogback.configurationFile={node.folder / 'logback.xml'}",
        f"-Dcassandra.logdir={node.folder}", f"-Dcassandra.storagedir={node.folder}",
        f"-Dcassandra.jmx.local.port={node.jmx_port()}",
        "-Dcassandra.ring_delay_ms=1000", "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-Dcassandra.superuser_setup_delay_ms=0", "-Dcassandra.consistent.rangemovement=false",
        "-cp", f"{cluster.jars}/*", "org.apache.cassandra.service.CassandraDaemon",
    ]  # fmt: skip


def nodetool_command(node, arguments):
    cluster = node.cluster
    # Not the node's own Java if that was fetched: it has no JNDI, which nodetool needs.
    return [
        str(java_for("5.0")), "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *MODULES,
        f"-Dcassandra.storagedir={node.folder}", f"-Dcassandra.config=file://{node.folder / 'cassandra.yaml'}",
        f"-Dlogback.configurationFile={node.folder / 'logback.xml'}", f"-Dcassandra.logdir={node.folder / 'tmp'}",
        "-cp", f"{cluster.jars}/*", "org.apache.cassandra.tools.NodeTool",
        "-h", "127.0.0.1", "-p", str(node.jmx_port()), *arguments,
    ]  # fmt: skip
