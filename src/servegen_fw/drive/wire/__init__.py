"""The streaming HTTP client: one read, one stamp, one parse, and nothing else between the socket and the sink."""
