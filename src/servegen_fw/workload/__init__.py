"""Composition: from clients, rates and random streams to the requests of a case."""
