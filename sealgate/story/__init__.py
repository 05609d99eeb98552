"""`sealgate trace` and `sealgate why`: one payment's whole story, and the reasons for its state.

``search`` finds what a person's words stand for, ``gathering`` reads everything about it,
``chronicle`` puts it in the order of time and ``table`` writes it for people. ``reasons`` puts
together what `consumers.explaining` says of the state, and ``finality`` which row of the policy
keeps money from being final; ``reasoned`` writes that for people. ``ours`` says who stated what no
provider sent. Nothing is changed, and there is no body and no secret in any of it: the store does
not hold them either.
"""
