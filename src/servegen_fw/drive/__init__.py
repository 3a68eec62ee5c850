"""Driving a server: the clock, the streaming client, the engines, the records and their journal."""
