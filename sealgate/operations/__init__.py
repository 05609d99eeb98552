"""What payment operators do at the command line: look at payments and exceptions, and decide.

`lists` and `showing` read; `paying` and `working` do. The deciding itself is `consumers.operating`
and `consumers.casework`, which do not know that there is a command line.
"""
