"""Reader of the Azure LLM inference traces (CC-BY): ``TIMESTAMP,ContextTokens,GeneratedTokens``."""

from __future__ import annotations

from pathlib import Path

import attrs

from servegen_fw.plugin import Workload
from servegen_fw_pools.logs.notation import read_csv
from servegen_fw_pools.options import Azure
from servegen_fw_pools.logs.replay import Log, replay


@attrs.frozen
class AzureReader:
    """Reads one trace."""

    config: Azure

    def read(self) -> Workload:
        """Return the requests of one client, "all": the trace has no client ids.

        Raises
        ------
            InputError: the file is missing or damaged; up to 20 bad cells at once.
        """
        path = Path(self.config.path).expanduser()
        rows = read_csv(path, ("TIMESTAMP", "ContextTokens", "GeneratedTokens"))
        log = Log(
            time_s=rows.times_s("TIMESTAMP", "iso"),
            input_tokens=rows.tokens("ContextTokens"),
            output_tokens=rows.tokens("GeneratedTokens"),
        )
        rows.stop()
        return replay(log, path.stem)


def make(config: Azure) -> AzureReader:
    """Make the reader ``azure``."""
    return AzureReader(config)
