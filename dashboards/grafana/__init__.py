"""The boards that people look at in Grafana: written as tables, generated, committed.

`board` reads the five tables in ``tables``; `build` turns one into Grafana's model; `page` writes
the files in ``boards``, which ``provisioning`` has Grafana load. `drawing` makes a picture of
panels and of what Prometheus answered them, with numbers as `written` writes them.
"""
