"""`sealgate evidence`: what a gateway can prove of itself, for whoever accepts it.

``claims`` says what is claimed, in five sections, and ``controls`` which tests hold each promise.
``records``, ``lately`` and ``again`` ask this gateway's database and log, ``judging`` says what the
answers prove; ``history`` audits the chain and the tables, and ``vouching`` takes from each answer
what the chain does not bear out. ``place``, ``ground``, ``acts`` and ``rehearsal`` make a
throw-away gateway of the same sources and attack it, ``judged`` says what that proves. A ``report``
is both; ``paper`` prints it, and ``recording`` writes its digest into the audit log. ``page``
writes docs/evidence.md.
"""
