"""How plugins are declared and found: settings, entries, the contracts of what they make, hook specs, the registry."""
