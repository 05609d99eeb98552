"""PromQL, read by a parser that is not Prometheus': which metrics, over which windows, how.

Grafana's variables are no PromQL: in windows they stand for a minute, in matchers they are text.
"""

import re
from collections.abc import Iterator
from functools import cache

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    parse,
)

_WINDOW = re.compile(r"\[([^\]:]+)(?::[^\]]*)?\]")
_RATES = {"rate", "increase", "irate"}


@cache
def parsed(expression: str) -> Expr:
    """Parse an expression, of a board or of a rule. Raises `ValueError`."""
    return parse(re.sub(r"\$__(rate_interval|range|interval)\b", "1m", expression))


def ranges(expression: str) -> list[str]:
    """Return the windows as they are written."""
    return _WINDOW.findall(re.sub(r"\"[^\"]*\"", "", expression))


def selectors(expression: str) -> list[VectorSelector]:
    """Return every selector of series in an expression."""
    return [selector for selector, _ in _walk(parsed(expression), is_rated=False)]


def counted(expression: str) -> list[tuple[str, bool]]:
    """Return the name of every metric, and whether it is taken as a rate."""
    return [
        (_name(selector), is_rated)
        for selector, is_rated in _walk(parsed(expression), is_rated=False)
    ]


def names(expression: str) -> set[str]:
    """Name every metric that is asked for."""
    return {_name(selector) for selector in selectors(expression)}


def aggregated(expression: str) -> list[tuple[str, str]]:
    """Return the name of every metric, and what it is put together by first: ``sum``, or none."""
    return [(_name(selector), by) for selector, by in _inner(parsed(expression), "")]


def _name(selector: VectorSelector) -> str:
    assert selector.name is not None, "a selector without a name takes all that there is"
    return selector.name


def _walk(expr: Expr, *, is_rated: bool) -> Iterator[tuple[VectorSelector, bool]]:
    if isinstance(expr, VectorSelector):
        yield expr, is_rated
    elif isinstance(expr, MatrixSelector):
        yield expr.vector_selector, is_rated
    rates = isinstance(expr, Call) and expr.func.name in _RATES
    for one in _parts(expr):
        yield from _walk(one, is_rated=is_rated or rates)


def _inner(expr: Expr, by: str) -> Iterator[tuple[VectorSelector, str]]:
    if isinstance(expr, VectorSelector):
        yield expr, by
    innermost = str(expr.op) if isinstance(expr, AggregateExpr) else by
    for one in _parts(expr):
        yield from _inner(one, innermost)


def _parts(expr: Expr) -> list[Expr]:
    """Return what an expression is put together of."""
    match expr:
        case Call():
            return list(expr.args)
        case AggregateExpr():
            return [expr.expr, *([expr.param] if expr.param else [])]
        case BinaryExpr():
            return [expr.lhs, expr.rhs]
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            return [expr.expr]
        case _:
            return []
