"""cfo_api: the workbench over HTTP. Every route parses, calls one method of the workbench, and returns what it gave."""
