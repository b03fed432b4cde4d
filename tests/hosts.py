"""Hosts on this machine: each has its own network, name, processes and mounts, and ends with all that runs on it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.deployments.needs import program
from tests.prefect_server import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = count()
OWN = ("--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclass(frozen=True)
class Host:
    """A host on the network.

    Attributes:
        name: Its host name.
        address: Its IP address.
        init: Its first process, as this machine numbers it; when it ends, the kernel ends all others.
        switch: The process that holds the switch it is plugged into.
    """

    name: str
    address: str
    init: int
    switch: int

    def command(self, *command: str) -> list[str]:
        """A command as it runs on this host, in the project's root."""
        return [*_inside(self.init, "--net", "--uts", "--ipc", "--mount", "--pid"), "env", f"--chdir={ROOT}", *command]

    def hide(self, folder: str) -> None:
        """Let a folder of this machine be empty on this host, as on one that shares no disk with it."""
        _run(self.command("mount", "-t", "tmpfs", "none", folder))

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Take its link down: packets to and from the host are lost without an error."""
        link = [*_inside(self.switch, "--net"), "ip", "link", "set", self.name]
        _run([*link, "down"])
        try:
            yield
        finally:
            _run([*link, "up"])


@contextmanager
def network(*names: str) -> Iterator[tuple[str, list[Host]]]:
    """This machine's address on a switch, and hosts of these names beside it; skips where that is not permitted.

    Nothing outlives this process: the kernel removes a switch, its cables and a host once the process that holds them
    has ended, which it does when its standard input ends.
    """
    if sys.platform != "linux":
        pytest.skip("network namespaces are of Linux")
    program("ip", "iproute2")
    number = next(_numbers)
    subnet = f"198.18.{(os.getpid() + number) % 256}"  # of the addresses for benchmarks (RFC 2544)
    with ExitStack() as stack:
        switch = stack.enter_context(_held("--net"))
        _run([*_inside(switch, "--net"), "ip", "link", "add", "bridge", "type", "bridge"])
        _run([*_inside(switch, "--net"), "ip", "link", "set", "bridge", "up"])
        _plug_in(switch, "tests", os.getpid(), f"tests{os.getpid()}-{number}", f"{subnet}.1")
        hosts = []
        for last, name in enumerate(names, 2):
            host = Host(name, f"{subnet}.{last}", stack.enter_context(_held(*OWN)), switch)
            _plug_in(switch, name, host.init, "eth0", host.address)
            _run(host.command("hostname", name))
            hosts.append(host)
        yield f"{subnet}.1", hosts


@contextmanager
def _held(*kinds: str) -> Iterator[int]:
    """A process that holds namespaces of its own until its standard input ends; it echoes once it is in them."""
    command = ["unshare", *kinds, "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b"there?\n")
        process.stdin.flush()
        if not process.stdout.readline():
            pytest.skip(f"hosts need namespaces, which are not permitted here: {process.stderr.read().decode()}")
        children = psutil.Process(process.pid).children()
        try:
            yield children[0].pid if children else process.pid
        finally:
            process.stdin.close()
            process.wait(timeout=20)


def _plug_in(switch: int, port: str, holder: int, interface: str, address: str) -> None:
    """Lay a cable from a port of the switch to a new interface of a process's network."""
    on_switch, at_holder = _inside(switch, "--net"), _inside(holder, "--net")
    peer = ["peer", "name", interface, "netns", str(holder)]
    _run([*on_switch, "ip", "link", "add", port, "type", "veth", *peer])
    _run([*on_switch, "ip", "link", "set", port, "master", "bridge", "up"])
    _run([*at_holder, "ip", "address", "add", f"{address}/24", "dev", interface])
    _run([*at_holder, "ip", "link", "set", interface, "up"])
    _run([*at_holder, "ip", "link", "set", "lo", "up"])


def _inside(holder: int, *namespaces: str) -> list[str]:
    return ["nsenter", f"--target={holder}", *namespaces, "--"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
