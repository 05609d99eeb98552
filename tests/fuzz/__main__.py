"""`make fuzz`: run every target for a minute, guided by coverage, and say what was found.

Each target runs in a process of its own under Atheris, which leads libFuzzer through Python's
branches. An input that breaks a target is saved below `fuzz/`, beside the corpus that led to it;
`python -m tests.fuzz TARGET FILE` runs it again. Exit status 1 if there is a finding.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path("fuzz")
SECONDS = 60
ANY_TARGET_S = 30
"""What starting, and writing down the corpus, may take beyond the run."""

_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_CORPUS = re.compile(r"corp: (\d+)/")
_COVERED = re.compile(r"cov: (\d+)")


def main(arguments: list[str]) -> int:
    """Run all targets, those named, or with a file one target once."""
    if len(arguments) == 2 and Path(arguments[1]).is_file():
        from tests.fuzz.targets import TARGETS

        TARGETS[arguments[0]](Path(arguments[1]).read_bytes())
        print(f"{arguments[0]}: nothing found in {arguments[1]}")
        return 0
    if arguments[:1] == ["--child"]:
        return _child(arguments[1], arguments[2:])
    from tests.fuzz.targets import TARGETS

    seconds = int(os.environ.get("SECONDS", SECONDS))
    found = [name for name in arguments or TARGETS if not _run(name, seconds)]
    print(f"{len(found)} findings: {', '.join(found)}" if found else "no findings")
    return 1 if found else 0


def _run(name: str, seconds: int) -> bool:
    """Run one target in a process of its own; say how it went, and whether nothing was found."""
    from tests.fuzz.targets import SEEDS

    corpus, findings = FOLDER / name / "corpus", FOLDER / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS.get(name, [])):
        (corpus / f"seed-{number}").write_bytes(seed)
    command = [sys.executable, "-m", "tests.fuzz", "--child", name]
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        "-timeout=10",
        "-rss_limit_mb=2048",
        "-max_len=8192",
    ]
    # The shell's own clock is called SECONDS too: the child has no use for it.
    ran = subprocess.run(
        [*command, *options, str(corpus)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + 10 * ANY_TARGET_S,
        check=False,
    )
    log = ran.stdout + ran.stderr
    (findings / "log.txt").write_text(log)
    executed, size, covered = (_last(form, log) for form in (_EXECUTED, _CORPUS, _COVERED))
    verdict = "nothing found" if ran.returncode == 0 else f"FINDING, see {findings}/log.txt"
    print(f"{name:20} {executed:>9} executions, corpus {size:>5}, edges {covered:>5}: {verdict}")
    sys.stdout.flush()
    return ran.returncode == 0


def _last(form: re.Pattern[str], log: str) -> str:
    found = form.findall(log)
    return found[-1] if found else "0"


def _child(name: str, options: list[str]) -> int:
    """Fuzz one target until its time is over; never returns where it found something."""
    import atheris

    with atheris.instrument_imports(include=["ingress", "sealgate.explain"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([name, *options], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
