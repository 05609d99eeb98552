"""Providers' words, mapped to facts by one declarative table each. Pure.

An envelope flows in; an `Interpretation` flows out: the facts its event states, or why there are
none, and the exceptions it raises. `strict_json` reads the body, `pointer` finds places in it,
`assets` turns its amounts into integers, `mapping` is what a table may say, and `interpreter`
follows one. A word is never understood by its sound: "paid" is below "confirmed" at one provider
and above it at another, so meaning is data, dated and sourced, in ``<provider>.toml``.
"""
