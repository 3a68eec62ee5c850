"""``python -m servegen_fw`` is ``servegen-fw``."""

from __future__ import annotations

from servegen_fw.cli.main import main

if __name__ == "__main__":
    main()
