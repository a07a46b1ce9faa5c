"""cfo_api: serves the workbench over HTTP. Each route parses its input, calls a method and returns the result."""
