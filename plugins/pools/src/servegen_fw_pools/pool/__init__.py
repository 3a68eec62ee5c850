"""Commands on client pools: list, show, filter, merge, scale, sample."""
