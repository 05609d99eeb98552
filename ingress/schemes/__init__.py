"""The signature primitives: pure, each for itself, over shared parts. A profile names one.

A primitive takes a delivery and the keys and returns which key made the signature, or raises
`Rejected`. It does no I/O, reads no clock and decides no policy: which provider uses what is data
in `ingress.providers`.
"""
