"""Every metric that any process of Sealgate tells, gathered from the parts that declare them.

`catalogue` holds them as values; `page` writes `docs/metrics.md` of them. Rules and dashboards are
tested against it: they use no name that is not there, and every name is of some use.
"""

from sealgate.metrics_docs.catalogue import Metric, catalogue

__all__ = ["Metric", "catalogue"]
