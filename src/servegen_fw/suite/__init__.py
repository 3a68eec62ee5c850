"""TOML to `Suite`: every problem shown at file:line:col, units converted, plugins resolved; nothing is run here."""
