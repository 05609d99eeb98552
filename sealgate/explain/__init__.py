"""Explain a captured request: which header, which bytes, which keys, how old, and what differs.

A capture and a profile with its keys flow in; numbered steps, a verdict and, for a delivery that
does not verify, the reasons that could be found flow out. Nothing that comes out is a secret or
made with one: a diagnosis is found by asking the verifier about altered deliveries, and an expected
signature is never computed here.
"""
