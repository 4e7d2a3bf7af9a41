"""Exchanges of a walk that is too long for memory: kept on disk, and read back one by one."""

from __future__ import annotations

import pickle
import tempfile
import weakref
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import IO, cast

from contracts.core.model import Exchange
from contracts.traffic.pacing import DiskFull, OutOfRoom

_FAST = 1
"""The level of compression: a page of a hundred items takes a tenth of a millisecond, and a third of its size."""


class Spool:
    """Exchanges in the order in which they were asked, in a file without a name that ends with this object.

    Like the exchanges themselves it may hold what a target repeats of a key; no other process can open the file.
    ``room`` is how many bytes it may take on the disk.
    """

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self._file: IO[bytes] | None = None
        self._numbers = array("q")
        self._begins = array("q")
        self._end = 0

    def append(self, exchange: Exchange) -> None:
        """Keeps one more exchange, whose number is higher than those before it.

        Raises:
            DiskFull: The disk takes no more.
            OutOfRoom: It would take more of the disk than it may.
        """
        data = zlib.compress(pickle.dumps(exchange, pickle.HIGHEST_PROTOCOL), _FAST)
        if self._end + len(data) > self.room:
            msg = f"the pages hold more than {self.room >> 20} MiB, which is as much as is kept on disk"
            raise OutOfRoom(msg)
        try:
            file = self._opened()
            file.seek(self._end)
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            msg = f"the pages can't be kept on disk: {error.strerror or 'no reason given'}"
            raise DiskFull(msg) from None
        self._numbers.append(exchange.number)
        self._begins.append(self._end)
        self._end += len(data)

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            # It is closed with this object, which outlives every block that could close it: reports read from it.
            # Without a buffer, whose rest would be written at the end, onto a disk that may be full.
            self._file = tempfile.TemporaryFile(buffering=0, prefix="contracts-")  # noqa: SIM115 - see above
            weakref.finalize(self, self._file.close)
        return self._file

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Exchange]:
        return map(self._at, range(len(self._numbers)))

    def __getitem__(self, number: int) -> Exchange:
        """The exchange of this number.

        Raises:
            KeyError: It is not kept here.
        """
        place = bisect_left(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] != number:
            raise KeyError(number)
        return self._at(place)

    def _at(self, place: int) -> Exchange:
        file = self._opened()
        begin = self._begins[place]
        file.seek(begin)
        ends = self._begins[place + 1] if place + 1 < len(self._begins) else self._end
        # Only this process writes or reads the file.
        return cast("Exchange", pickle.loads(zlib.decompress(file.read(ends - begin))))  # noqa: S301 - this process wrote it
