"""cfo_api: the workbench over HTTP. Each route parses its input, calls one method, and returns the result."""
