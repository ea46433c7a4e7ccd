# SPDX-License-Identifier: Apache-2.0
"""How the hosts of a job find each other: workers call the leader, the first host in sorted order."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from types import TracebackType

from .configuration import Hosts
from .failures import HostError
from .log import Journal
from .messages import Connection

__all__ = ["Meeting", "call_leader", "meet"]

PORT = 8999
PATIENCE = 300.0
_HELLO_SECONDS = 10.0


class Meeting:
    """Where, how long and for which job hosts wait for each other.

    ``KNEIGHBORS_HOST_PORT`` and ``KNEIGHBORS_HOST_PATIENCE`` (seconds) set the first two.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self.port = int(environment.get("KNEIGHBORS_HOST_PORT") or PORT)
        self.patience = float(environment.get("KNEIGHBORS_HOST_PATIENCE") or PATIENCE)
        self.job = environment.get("TRAINING_JOB_NAME", "")


class _Listening:
    """The leader's open door."""

    def __init__(self, host: str, meeting: Meeting, give_up: float) -> None:
        address = _resolved(host, meeting.port, give_up)
        self.socket = socket.create_server(
            address[:2], family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        )

    def __enter__(self) -> socket.socket:
        return self.socket

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.socket.close()


def meet(hosts: Hosts, meeting: Meeting, journal: Journal) -> dict[str, Connection]:
    """As the leader, wait until every other host has said its name.

    Raises
    ------
    HostError
        Some did not come in time; it names them.
    """
    give_up = time.monotonic() + meeting.patience
    found: dict[str, Connection] = {}
    missing = set(hosts.names) - {hosts.current}
    try:
        with _Listening(hosts.current, meeting, give_up) as door:
            while missing:
                left = give_up - time.monotonic()
                if left <= 0:
                    raise _missing(missing, meeting)
                door.settimeout(left)
                try:
                    channel, address = door.accept()
                except TimeoutError:
                    raise _missing(missing, meeting) from None
                caller = Connection(channel, str(address[0]))
                name = _name_of(caller, min(_HELLO_SECONDS, left), meeting.job)
                if name not in missing:
                    journal.say(
                        f"A caller at {caller.host} that is no missing host of this job was sent away."
                    )
                    caller.close()
                    continue
                caller.host = name
                found[name] = caller
                missing.remove(name)
                journal.say(f"Host {name} has come.")
    except BaseException:
        for one in found.values():
            one.close()
        raise
    return found


def call_leader(hosts: Hosts, meeting: Meeting) -> Connection:
    """As a worker, call the leader until it answers.

    Raises
    ------
    HostError
        It did not in time.
    """
    give_up = time.monotonic() + meeting.patience
    while True:
        try:
            address = _resolved(hosts.leader, meeting.port, give_up)
            left = max(0.1, min(10.0, give_up - time.monotonic()))
            leader = Connection(socket.create_connection(address[:2], timeout=left), hosts.leader)
        except OSError as error:
            if time.monotonic() >= give_up:
                raise HostError(
                    f"Host {hosts.leader}, which leads, did not answer on port {meeting.port} within "
                    f"{meeting.patience:g} seconds ({error.strerror or error}). See its own log."
                ) from error
            time.sleep(0.1)
            continue
        leader.send({"hello": hosts.current, "job": meeting.job})
        return leader


def _name_of(caller: Connection, seconds: float, job: str) -> str:
    """What the caller says its name is, or nothing where it is not of this job."""
    caller.timeout(max(0.1, seconds))
    try:
        hello = caller.receive("hello")
    except HostError:
        return ""
    caller.timeout(None)
    return str(hello["hello"]) if hello.get("job") == job else ""


def _missing(names: set[str], meeting: Meeting) -> HostError:
    return HostError(
        f"Host {', '.join(sorted(names))} did not call within {meeting.patience:g} seconds. See its own log; "
        "the hosts must reach each other on "
        f"port {meeting.port}."
    )


def _resolved(host: str, port: int, give_up: float) -> tuple[str, int]:
    """The address of a host, whose name may come a little later than the host."""
    while True:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return str(found[0][4][0]), port
        except socket.gaierror as error:
            if time.monotonic() >= give_up:
                raise HostError(f"Host {host} has no address ({error.strerror or error}).") from error
            time.sleep(0.2)
