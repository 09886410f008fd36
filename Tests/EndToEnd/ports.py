"""Ports for tests. The kernel gives those from 32768 on to outgoing connections, of all that runs beside: a port that
was free a moment ago may be taken when a server starts. These lie below, and each test process has its own. Browsers
open no page of port 10080 (https://fetch.spec.whatwg.org/#port-blocking), the last of those that they refuse."""

import itertools
import os
import re
import socket

MEDIA = 64
"""Ports of a cluster's media."""
NEXT = 8
"""From one port to the next: controllers of one host listen on ports in a row."""

_process = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or -1) + 1
_first = 10100 + _process % 5 * 4400
_single = itertools.cycle(range(_first, _first + 1200, NEXT))
_media = itertools.cycle(range(_first + 1200, _first + 4400, MEDIA))


def _are_free(first, count):
    for port in range(first, first + count):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(type=kind) as probe:
                try:
                    probe.bind(("", port))
                except OSError:
                    return False
    return True


def free_port():
    """A port that nothing uses, nor the few after it, for TCP or UDP; another one each time."""
    return next(port for port in itertools.islice(_single, 1200 // NEXT) if _are_free(port, NEXT))


def free_media_ports():
    """The first of `MEDIA` ports in a row that nothing uses."""
    return next(first for first in itertools.islice(_media, 3200 // MEDIA) if _are_free(first, MEDIA))
