"""What `--json` prints, as JSON Schema: a file for each command in `deploy/schemas`.

`shapes` is how a shape is said; `payments`, `cases`, `stories`, `histories`, `reasons`, `proofs`
and `rest` say them; `commands` tells which command prints which; `writing` makes the files, by
``make docs``. Tests run every command and hold what it prints against its file, both ways.
"""
