"""Pictures drawn by matplotlib, the same bytes every time, without touching its global state."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from servegen_fw_pools.characterize.section import Plot

INSTALL: Final = "pip install servegen-fw-pools[plots]"

_WIDTH_INCHES, _HEIGHT_INCHES = 7.2, 3.0
_DPI = 130
# Colours that differ for colour-blind readers (Okabe and Ito, 2008).
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLE: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "figure.facecolor": "white",
    "font.size": 9,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "svg.fonttype": "none",
    "svg.hashsalt": "servegen-fw",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(plots: Sequence[Plot], folder: Path, *, png: bool = False) -> list[Path]:
    """Write each plot as ``NAME.svg`` (or ``.png``) into `folder`, which is made if needed.

    Returns
    -------
        The files written; none if matplotlib is not installed.
    """
    if not plots or not available():
        return []
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    kind = "png" if png else "svg"
    # What programs put in by themselves would make every file differ.
    metadata = {"Software": None} if png else {"Date": None, "Creator": None}
    written = []
    with mpl.rc_context():
        mpl.rcdefaults()
        parameters: Any = mpl.rcParams
        parameters.update({**_STYLE, "axes.prop_cycle": cycler(color=_COLOURS)})
        for plot in plots:
            figure = Figure(figsize=(_WIDTH_INCHES, _HEIGHT_INCHES), layout="constrained")
            plot.draw(figure)
            path = folder / f"{plot.name}.{kind}"
            figure.savefig(path, format=kind, dpi=_DPI, metadata=metadata)
            written.append(path)
    return written
