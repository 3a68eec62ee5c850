"""Start-up: ``servegen-fw --help`` and ``check`` against a bare interpreter, paired in one run.

    python benchmarks/startup.py

The limit is 0.3 s for ``--help`` on an idle machine; the ratio to a bare interpreter is what holds on any machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNS = 15
COMMANDS = {
    "python -c pass (baseline)": [sys.executable, "-c", "pass"],
    "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
    "servegen-fw --help": [sys.executable, "-m", "servegen_fw", "--help"],
    "servegen-fw check quickstart": [
        sys.executable,
        "-m",
        "servegen_fw",
        "check",
        str(ROOT / "suites" / "quickstart.toml"),
    ],
}


def main() -> None:
    """Run the commands in turn and print medians and ratios."""
    took_s: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for run in range(RUNS + 1):
        for name, command in COMMANDS.items():
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if run:  # the first round warms the file cache
                took_s[name].append(time.perf_counter() - begin)
    baseline = took_s[next(iter(COMMANDS))]
    print(f"{'command':<32}{'median s':>10}{'ratio to baseline (median of pairs)':>38}")
    for name, times in took_s.items():
        ratio = statistics.median(one / base for one, base in zip(times, baseline, strict=True))
        print(f"{name:<32}{statistics.median(times):>10.3f}{ratio:>38.2f}")


if __name__ == "__main__":
    main()
