"""What the columns and tables of any company mean: inferred with evidence, and overruled by the glossary."""
