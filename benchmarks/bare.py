"""Plain GETs in a loop and nothing else: the least that so many requests can cost.

Run as ``python -m benchmarks.bare URL N``; the key is OPENAI_ADMIN_KEY.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit


def main() -> None:
    """Asks the same N times on one connection."""
    url, number = sys.argv[1:]
    where = urlsplit(url)
    connection = HTTPConnection(where.hostname or "", where.port)
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_ADMIN_KEY']}"}
    for _ in range(int(number)):
        connection.request("GET", where.path, headers=headers)
        connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    main()
