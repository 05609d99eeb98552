"""`sealgate topics`: what the brokers should hold and allow, compared with what they do.

``rights`` says what each role may do, ``plan`` compares, ``command`` prints and applies; ``page``
and ``asyncapi`` write the documents. All of it from one declaration, `ingress.contract`'s.
"""
