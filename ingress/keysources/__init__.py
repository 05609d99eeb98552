"""Public keys that nobody configures: fetched where the provider publishes them, ahead of need.

Some deliveries name the key that signed them: by a name in a published set, by an id to be asked
for with the operator's credential, or by the URL of a certificate. A `Declaration` says which;
`KeySource` holds what was fetched, as a snapshot that a verifier reads, and takes wishes for what
it does not hold. Its one background task is the only thing that fetches: no delivery ever waits for
the network, and no stranger decides where, or how often, we knock.

`address` says what may be asked at all, `fetch` asks it, `reading` makes keys of the answer,
`cache` decides what is held and what is due, and `source` runs them.
"""
