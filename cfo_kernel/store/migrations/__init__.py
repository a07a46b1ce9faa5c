"""The histories of the stores' schemas, and what applies them. Loaded only for a store that is behind, and by `cfo db`.

`<store>/versions` holds the revisions, `<store>/tables.py` the tables as the newest revision leaves them.
"""
