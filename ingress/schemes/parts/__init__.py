"""What the primitives share: headers, decoding, messages, freshness.

A primitive imports from here and never from another primitive.
"""
