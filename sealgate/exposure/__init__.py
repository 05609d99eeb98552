"""After a key was compromised: what it proved, what else bears that out, and taking it back.

`command` reports the events that a key proved in a window; `events_command` shows one event, marks
it, or excludes what is false. The judging is done in `consumers.exposure`; here things are read,
shown and written. Nothing here ever holds a body or a secret: the store does not either.
"""
