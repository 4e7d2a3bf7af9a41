"""What the suite costs and what it catches, measured beside the command line of Schemathesis.

`python -m benchmarks.cost` measures requests and time, `python -m benchmarks.versus` what is caught, `python -m
benchmarks.far` what distance costs, `python -m benchmarks.starting` what the start of a command costs; each writes its
part of ``docs/benchmarks.md`` with ``--write``. `python -m benchmarks.load` prints what judging costs under load.
"""
