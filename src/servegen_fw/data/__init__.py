"""The nouns: frozen tables that move between the rooms. Columns of numpy, one row a request; no behaviour that decides."""
