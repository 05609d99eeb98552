"""Export what happened to money as files that join to a ledger, and close a month with them.

`reading` takes one moment of a store, `held` and `movements` tell it again in the order in which it
was recorded, `rolling` adds it up, `making` writes the files of one run and `folder` puts them
where they are to be. `closing` asks whether a month can be closed, and closes it. Only `reading`,
`folder`, `closing` and the commands do I/O.
"""
