"""The gallery: payments as they go well and as they go wrong, played through the whole gateway.

`scenario` says what a scenario is and `gallery` holds them, each with what must come of it;
`ground` makes keys and a configuration; `play` delivers as the providers do; `observe` looks at
what there is to see; `compare` names every difference; `show` prints; `conduct` runs it all in one
process.
"""

from sealgate.demo.conduct import run
from sealgate.demo.ground import Choices

__all__ = ["Choices", "run"]
