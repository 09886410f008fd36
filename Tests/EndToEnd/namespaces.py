"""Hosts, a NAT and a server as network namespaces: the Linux kernel's own NAT between real sockets."""

import itertools
import os
import select
import shutil
import subprocess

import pytest


_numbers = itertools.count()


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def require_namespaces():
    """Skips, with the reason, where this process may not make networks."""
    for tool in ("ip", "nft"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    name = f"apus-probe-{os.getpid()}"
    try:
        _run("ip", "netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces are not allowed here: {error.stderr.strip()}")
    try:
        _run("ip", "netns", "exec", name, "nft", "add", "table", "ip", "probe")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"nftables are not allowed here: {error.stderr.strip()}")
    finally:
        _run("ip", "netns", "del", name)


class Net:
    """A server on the internet, and clients behind routers that translate as they are told."""

    SERVER = ("203.0.113.1", "203.0.113.2")

    def __init__(self):
        self.prefix = f"apus{os.getpid() % 100000}-{next(_numbers)}"
        self.names: list[str] = []
        self.processes: list[subprocess.Popen] = []
        self._add("inet")
        self._in("inet", "ip", "link", "add", "br0", "type", "bridge")
        self._in("inet", "ip", "link", "set", "br0", "up")
        for address in self.SERVER:
            self._in("inet", "ip", "address", "add", f"{address}/24", "dev", "br0")

    def _add(self, name: str):
        _run("ip", "netns", "add", f"{self.prefix}-{name}")
        self.names.append(name)
        self._in(name, "ip", "link", "set", "lo", "up")

    def _in(self, name: str, *command: str) -> str:
        return _run("ip", "netns", "exec", f"{self.prefix}-{name}", *command)

    def _link(self, outer: str, outer_device: str, inner: str, inner_device: str):
        _run(
            "ip", "link", "add", outer_device, "netns", f"{self.prefix}-{outer}", "type", "veth", "peer", "name",
            inner_device, "netns", f"{self.prefix}-{inner}")
        self._in(outer, "ip", "link", "set", outer_device, "up")
        self._in(inner, "ip", "link", "set", inner_device, "up")

    def client(self, name: str, index: int, rule: str | None) -> str:
        """A client behind a router whose postrouting chain has `rule` (none: it only routes and filters)."""
        router = f"r{name}"
        self._add(router)
        self._add(name)
        self._link("inet", f"to-{name}", router, "out")
        self._in("inet", "ip", "link", "set", f"to-{name}", "master", "br0")
        self._link(router, "in", name, "eth0")
        self._in(router, "ip", "address", "add", f"203.0.113.{10 + index}/24", "dev", "out")
        self._in(router, "ip", "address", "add", f"192.168.{index}.1/24", "dev", "in")
        self._in(router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self._in(name, "ip", "address", "add", f"192.168.{index}.2/24", "dev", "eth0")
        self._in(name, "ip", "route", "add", "default", "via", f"192.168.{index}.1")
        self._in(router, "nft", "add", "table", "ip", "nat")
        self._in(router, "nft", "add", "chain", "ip", "nat", "post", "{ type nat hook postrouting priority 100; }")
        # As home routers do: what nobody inside asked for is dropped unseen. Answered by the router, it would leave an
        # entry behind that takes the port which a mapping wants to keep.
        self._in(
            router, "nft", "add", "chain", "ip", "nat", "unasked", "{ type filter hook input priority 0; policy accept; }")
        self._in(router, "nft", "add", "rule", "ip", "nat", "unasked", "iifname", "out", "drop")
        if rule:
            self._in(router, "nft", "add", "rule", "ip", "nat", "post", "oifname", "out", *rule.split())
        return f"192.168.{index}.2"

    def host(self, name: str, index: int) -> str:
        """A host with a public address and nothing in front of it."""
        self._add(name)
        self._link("inet", f"to-{name}", name, "eth0")
        self._in("inet", "ip", "link", "set", f"to-{name}", "master", "br0")
        self._in(name, "ip", "address", "add", f"203.0.113.{10 + index}/24", "dev", "eth0")
        return f"203.0.113.{10 + index}"

    def command(self, name: str, *command: str) -> list[str]:
        return ["ip", "netns", "exec", f"{self.prefix}-{name}", *command]

    def start(self, name: str, *command: str, until: bytes) -> subprocess.Popen:
        """Starts a command and waits for a first line that has `until` in it."""
        process = subprocess.Popen(self.command(name, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.processes.append(process)
        ready, _, _ = select.select([process.stdout], [], [], 20)
        line = process.stdout.readline() if ready else b"nothing in 20 s"
        assert until in line, line
        return process

    def close(self):
        for process in self.processes:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=10)
        for name in self.names:
            subprocess.run(["ip", "netns", "del", f"{self.prefix}-{name}"], check=False, timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
