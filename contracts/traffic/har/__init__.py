"""Recordings of a run as HTTP Archives (HAR 1.2): written for people and tools, read to be judged again.

What HAR has no field for stands in the field ``_contracts`` of each request, as the format allows. A recording
holds no key: it is given exchanges in which keys are replaced, with the places where they were and what stood there
in the fields ``redacted`` and ``echoes``; and the header of the key shows its variable instead.
"""

from contracts.traffic.har.reading import Recording, read_har
from contracts.traffic.har.writing import write_har

__all__ = ["Recording", "read_har", "write_har"]
