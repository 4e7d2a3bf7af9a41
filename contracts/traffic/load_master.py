"""The address at which workers of a load find their master, checked before one process waits there for the other."""

from __future__ import annotations

import os
import socket

from contracts.core.errors import ConfigurationError


def free_port(host: str, port: int) -> int:
    """A port on which a process of this machine can listen: this one, or any that is free for 0.

    Raises:
        ConfigurationError: It is taken, or not for this user.
    """
    try:
        with socket.create_server((host, port)) as free:
            number: int = free.getsockname()[1]
            return number
    except OSError as error:
        raise ConfigurationError(
            f"A master can't listen on port {port}: {os.strerror(error.errno or 0)}. If another load does, give another"
            " --master-port."
        ) from None


def check_host(host: str) -> None:
    """Check that the name of a master can be resolved.

    Raises:
        ConfigurationError: The name has none.
    """
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no name"
        raise ConfigurationError(f"The name of the master, {host}, can't be resolved: {reason}.") from None
