"""Whether anything listens at an address: Ray itself would try for minutes."""

import socket

_PATIENCE = 10  # seconds


def knock(address: str) -> None:
    """Returns if a port answers, or if the address names none, such as `auto` or `ray://head:10001`.

    Raises:
        OSError: nothing listens there.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
