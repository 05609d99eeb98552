"""`make mutants`: break the signature primitives in every way mutmut knows; count what is noticed.

The primitives' own tests flow in, and the attacks on every profile; a line with the score flows
out, and the name of every mutant that no test noticed. The score must reach `SCORE_MIN`: below it,
a line of a verifier could be wrong and nobody would know.
"""

import json
import subprocess
import sys
from pathlib import Path

SCORE_MIN = 0.90
STATS = Path("mutants/mutmut-cicd-stats.json")
NOTICED = ("killed", "timeout", "segfault", "suspicious")


def main() -> int:
    """Run mutmut over `ingress/schemes`; return 0 if the score is reached, else 1."""
    run = [sys.executable, "-m", "mutmut"]
    subprocess.run([*run, "run", "--max-children", "2"], check=True)
    subprocess.run([*run, "export-cicd-stats"], check=True, capture_output=True)
    left = subprocess.run([*run, "results"], check=True, capture_output=True, text=True)
    print(left.stdout)
    stats = json.loads(STATS.read_text())
    noticed = sum(stats[name] for name in NOTICED)
    total = stats["total"] - stats["skipped"]
    score = noticed / total
    print(f"mutation score of ingress/schemes: {noticed} of {total} noticed, {score:.1%}")
    return 0 if score >= SCORE_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
