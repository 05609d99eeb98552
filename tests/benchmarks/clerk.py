"""A process that fills logs, publishes and applies: everything but the edge, on the same core."""

import gc
import sys
from typing import Annotated

import orjson
import uvloop
from pydantic import Field, TypeAdapter

from ingress import telemetry
from sealgate.process import GC_THRESHOLD
from tests.benchmarks.applying import Apply, apply
from tests.benchmarks.done import Done
from tests.benchmarks.filling import Append, Fill, Publish, append, fill, publish

Job = Annotated[Append | Fill | Publish | Apply, Field(discriminator="kind")]


async def do(job: Append | Fill | Publish | Apply) -> Done:
    """Do one job."""
    match job:
        case Append():
            return await append(job)
        case Fill():
            return await fill(job)
        case Publish():
            return await publish(job)
        case Apply():
            return await apply(job)


def main() -> None:
    """Do the jobs on standard input, one after the other."""
    telemetry.configure("json", "warning")
    # As the real process has it.
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    jobs: TypeAdapter[Append | Fill | Publish | Apply] = TypeAdapter(Job)
    for line in sys.stdin.buffer:
        done = uvloop.run(do(jobs.validate_json(line)))
        sys.stdout.buffer.write(orjson.dumps(done) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
