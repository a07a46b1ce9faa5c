"""The schema revisions of the stores and the code that applies them.

Loaded only if a store is not up to date, and by `cfo db`. `<store>/versions` contains the revisions, and
`<store>/tables.py` declares the tables as of the newest revision.
"""
