"""What stays of a run: the result folder, its fingerprint, and the reports made from it."""
