"""What Prometheus is to work out and whom it is to call: rules as tables, written as YAML.

`alert` says what an alert is, `thresholds` has every number with its reason; `slo`, `verifying`,
`keys`, `edge`, `consumers`, `payments` and `monitoring` are the tables; `rules` puts them together,
and `page` writes the files: the rules, the same for the operator, and ``docs/alerts.md``.

``tests/*.test.yml`` are written by hand: what makes each alert fire, stay away and end.
"""
