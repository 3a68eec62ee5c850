"""Client pools from recorded client data and from logs, and what the fit costs."""
