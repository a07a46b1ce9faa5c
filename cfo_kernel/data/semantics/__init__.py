"""The meaning of tables and columns: inferred with evidence, unless the glossary states it."""
