"""The embedded server: the operation, right by default, and wrong or right in another way on request.

`store` holds the data, `app` the right behaviour as a pipeline of steps, `server` puts one behaviour on the
wire. `faults` and `variants` replace single steps: each fault breaks the contract in one way and names the
clause that must catch it, each variant keeps the contract in another way.
"""
