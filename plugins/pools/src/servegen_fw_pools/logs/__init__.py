"""Request logs of many formats, read into one table of columns."""
