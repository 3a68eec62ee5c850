"""The command line: thin over the Python API; every command is imported only when it is used."""
