"""The keys of sources, as their operator handles them: what there is, what it did, what changes.

`command` is called by the command line. It asks `uses` what each key has proven, `safety` judges
whether one can go, `listing` says it. A change is planned by `change`, made in the lines of the
configuration by `lines`, judged as a whole by `candidate`, written by `files`, and watched into
force by `edges`.
"""
