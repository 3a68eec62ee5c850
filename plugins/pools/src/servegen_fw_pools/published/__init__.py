"""The published ServeGen client data: found, parsed, mended, compiled into a pool and kept in a cache."""
